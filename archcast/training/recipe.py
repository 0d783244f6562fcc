"""How a network is trained: SGD with a learning rate that rises, then falls as a cosine, and averaged weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from archcast.checks import one_of, real, whole
from archcast.errors import InvalidInputError, short
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["Recipe", "settings_for"]


@dataclass(frozen=True)
class Recipe:
    """Settings of one training.

    SGD with Nesterov momentum. The learning rate rises linearly over ``warmup`` of the steps and falls to zero as half a cosine
    (Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983). What is evaluated are not the weights of the last step but their
    exponential moving average: it costs a few per cent of the time and makes early epochs tell more about the last.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step; what is left of an epoch is dropped.
        learning_rate: the highest.
        momentum: of SGD.
        weight_decay: of all parameters.
        warmup: share of the steps in which the learning rate rises.
        averaging: factor of the moving average a step, 0 for none; early steps average over half of what they have seen.

    Examples:
        >>> recipe = Recipe(epochs=4, learning_rate=0.1, warmup=0.1)
        >>> [round(recipe.rate(step, 20), 3) for step in (0, 2, 11, 20)]
        [0.033, 0.1, 0.05, 0.0]

    Raises:
        InvalidInputError: a setting is out of range.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup: float = 0.02
    averaging: float = 0.95

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            whole(name, getattr(self, name), 1)
        ranges = {"learning_rate": 100.0, "momentum": 1.0, "weight_decay": 10.0, "warmup": 1.0, "averaging": 1.0}
        for name, top in ranges.items():
            value = getattr(self, name)
            if real(name, value, 0) >= top:
                raise InvalidInputError(f"{name} must be at least 0 and below {top:g}, got {short(value)}.")

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step, counted from 0, of so many."""
        rising = self.warmup * steps
        if step < rising:
            return self.learning_rate * (step + 1) / (rising + 1)
        return self.learning_rate * (0.5 + 0.5 * math.cos(math.pi * (step - rising) / (steps - rising)))


DIGITS = Recipe(batch_size=32, learning_rate=0.2)
DIGITS_SIZES = {"width": 16, "depth": 1, "stages": 1}
"""One cell between stem and global average pooling. The residual blocks between stages do so well on small images that hardly
anything would be left for the cell to decide."""


def settings_for(dataset: str, space: str | SearchSpace | None = None, **given: Any) -> dict[str, Any]:
    """How to train on a data set: arguments of a :class:`~archcast.training.Trainer`.

    Args:
        dataset: its name. For ``digits`` it is the training of the embedded benchmark; for others the paper's networks.
        space: of the networks. What suits the data sets only the sizes that networks of this space have; without a space,
            all.
        **given: settings of a :class:`Recipe`, and ``width``, ``depth``, ``stages``; ``None`` is as good as left out.

    Returns:
        ``recipe``, ``width``, ``depth``, ``stages``.

    Examples:
        >>> settings = settings_for("digits", epochs=3, width=None)
        >>> settings["recipe"].epochs, settings["recipe"].batch_size, settings["width"]
        (3, 32, 16)

    Raises:
        InvalidInputError: a setting is out of range.
    """
    if not isinstance(dataset, (str, Path)):
        raise InvalidInputError(f"dataset must be the name of one, got {short(dataset)}.")
    recipe, sizes = (DIGITS, DIGITS_SIZES) if dataset == "digits" else (Recipe(), dict.fromkeys(DIGITS_SIZES))
    if space is not None:
        has = get_space(space).sizes
        sizes = {name: value if name in has else None for name, value in sizes.items()}
    known = {name: value for name, value in given.items() if value is not None}
    networks = {name: known.pop(name, usual) for name, usual in sizes.items()}
    for name in known:
        one_of("setting", name, [field.name for field in fields(Recipe)])
    return {"recipe": replace(recipe, **known), **networks}
