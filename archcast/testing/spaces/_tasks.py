"""Tasks that are small enough to build and run a network of any space at once."""

from __future__ import annotations

import dataclasses

from archcast.spaces.base import SearchSpace, Task

SMALL = {"width": 6, "depth": 1, "embedding": 5, "hidden": 4}
"""Sizes of the networks that are built to be checked."""
WORDS = 11
"""Vocabulary of the texts that these networks read."""


def small_task(space: SearchSpace) -> Task:
    """The usual task with small networks, and small images or short texts of few words if it is one of these."""
    usual = space.task_of(None)
    size = {name: min(value, SMALL.get(name, value)) for name, value in space.sizes.items()}
    if len(usual.shapes) == 1 and len(usual.shapes[0]) == 3 and len(usual.outputs) == 1:
        return Task((2, 9, 8), 3, size=size)
    if (
        len(usual.shapes) == 1 and len(usual.shapes[0]) == 3 and usual.outputs[1:] == usual.shapes[0][1:]
    ):  # of each pixel
        return dataclasses.replace(usual, shape=(2, 17, 12), outputs=(3, 17, 12), size=size)
    if all(dtype == "int64" and len(shape) == 1 for dtype, shape in zip(usual.dtypes, usual.shapes)):
        return _short_texts(usual, size)
    if usual.dtypes == ("float32",) and len(usual.shapes[0]) == len(usual.outputs) == 2:  # a label for so many frames
        shape = (usual.shapes[0][0], 2 * (usual.shapes[0][1] // usual.outputs[1]))
        return Task(shape, outputs=(usual.outputs[0], 2), size=size)
    return dataclasses.replace(usual, size=size)


def _short_texts(usual: Task, size: dict[str, int]) -> Task:
    """A task whose inputs are texts with few words of few different ones; what of the output was as large is as small."""
    lengths = {shape[0]: 7 - k for k, shape in enumerate(usual.shapes)}
    words = {vocabulary: WORDS + k for k, vocabulary in enumerate(usual.vocabularies)}
    shapes = tuple((lengths[shape[0]],) for shape in usual.shapes)
    vocabularies = tuple(words[vocabulary] for vocabulary in usual.vocabularies)
    small = {number: new for number, new in [*words.items(), *lengths.items()] if number is not None}
    one = len(shapes) == 1
    return dataclasses.replace(
        usual,
        shape=shapes[0] if one else shapes,
        vocabulary=vocabularies[0] if one else vocabularies,
        outputs=tuple(small.get(side, min(side, 3)) for side in usual.outputs),
        size=size,
    )
