"""What the networks of TransNAS-Bench-101 are made of: tasks, skeleton, decoders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archcast.errors import InvalidInputError
from archcast.spaces.task import Task

__all__ = [
    "DOUBLES",
    "HALVES",
    "SIZES",
    "SKELETON",
    "STEM_HALVES",
    "TASKS",
    "Layer",
    "check_task",
    "decoder_of",
    "generator",
    "segmenter",
]

TASKS = {
    "class_scene": Task((3, 256, 256), 63),
    "class_object": Task((3, 256, 256), 100),
    "room_layout": Task((3, 256, 256), outputs=(9,), loss="mse"),
    "jigsaw": Task((9, 3, 64, 64), 1000),
    "segmentsemantic": Task((3, 256, 256), outputs=(17, 256, 256)),
    "autoencoder": Task((3, 256, 256), outputs=(3, 256, 256), loss="l1"),
    "normal": Task((3, 256, 256), outputs=(3, 256, 256), loss="l1"),
}
"""The seven tasks; a jigsaw is solved from nine tiles, and its classes are permutations of them."""

SIZES = {"width": 64, "depth": 2}
"""Channels behind the stem; cells or blocks of a module."""

DOUBLES, HALVES = (2, 4), (3, 4)
"""Kinds of module that double the channels, and that halve the resolution."""

SKELETON = (4, 1, 4, 1, 4)
"""Modules of the networks of the micro space."""

STEM_HALVES = 2
"""How often the stem halves the resolution."""


@dataclass(frozen=True)
class Layer:
    """A 3x3 convolution of a decoder, with bias.

    Attributes:
        channels: of its output.
        doubles: whether it is transposed and doubles height and width.
        plain: whether no batch norm and no activation follow it.
    """

    channels: int
    doubles: bool = False
    plain: bool = False


def segmenter(halvings: int, classes: int) -> list[Layer]:
    """The decoder of semantic segmentation for features of an image halved so often, 2 to 6 times."""
    layers, width = [Layer(1024)], 1024
    for doubles in [False] * (6 - halvings) + [True] * (halvings - 1):
        width //= 2
        layers.append(Layer(width, doubles))
    return [*layers, Layer(width, True), Layer(classes, plain=True)]


def generator(halvings: int, channels: int) -> list[Layer]:
    """The decoder of the auto-encoder and of surface normals, for features of an image halved so often, 3 to 6 times. The
    discriminator, which serves training alone, is no part of it."""
    return [
        Layer(1024),
        Layer(1024),
        Layer(512, halvings >= 6),
        Layer(512),
        Layer(256, halvings >= 5),
        Layer(128),
        Layer(64, halvings >= 4),
        Layer(64),
        Layer(32, halvings >= 3),
        Layer(32),
        Layer(16, True),
        Layer(32),
        Layer(16, True),
        Layer(channels, plain=True),
    ]


def decoder_of(task: Task) -> Callable[[int, int], list[Layer]] | None:
    """What makes an image of the features, or ``None`` where the output is a vector."""
    if len(task.outputs) == 1:
        return None
    return segmenter if task.loss == "cross_entropy" else generator


def check_task(task: Task, space: str, halvings: tuple[int, ...]) -> None:
    """Check that networks whose features are halved so often can learn the task.

    Raises:
        InvalidInputError: other inputs than images or tiles, an output of another size than the image.
    """
    shape = task.shapes[0]
    if task.dtypes != ("float32",) or len(shape) not in (3, 4):
        raise InvalidInputError(
            f"Networks of space {space!r} take images (channels, height, width) or several tiles (tiles, channels, height, "
            f"width) of float32; got task.shape {task.shape!r}."
        )
    if len(task.outputs) == 1:
        return
    size, most = shape[-2:], 2 ** max(halvings, default=STEM_HALVES)
    if len(task.outputs) != 3 or len(shape) != 3 or task.outputs[1:] != size or size[0] % most or size[1] % most:
        raise InvalidInputError(
            f"Networks of space {space!r} give a vector or an image as large as the input, whose height and width must be "
            f"divisible by {most}; got task.shape {task.shape!r}, task.outputs {task.outputs!r}."
        )
