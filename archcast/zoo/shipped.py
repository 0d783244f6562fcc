"""The forecaster that comes with archcast, and the one call that uses it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archcast.checks import listed, real
from archcast.errors import InvalidInputError, short
from archcast.zoo.forecaster import ZooForecast, ZooForecaster
from archcast.zoo.recipe import recipe_flags

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FILE", "MEASURED", "forecast_model", "shipped"]

MEASURED = {
    "structure and recipe": 0.782,
    "structure": 0.744,
    "activations alone": 0.658,
    "operations alone": 0.629,
    "parameters alone": 0.592,
}
"""Kendall tau with the published top-1 of 1,556 models of timm, each forecast without its module (``tools/train_model_zoo.py``;
docs/models.md has the standard errors)."""

FILE = Path(__file__).with_name("model_zoo.npz")


@lru_cache(maxsize=1)
def shipped() -> ZooForecaster:
    """The fitted forecaster; it was trained on timm's published results (docs/models.md) and holds none of its rows."""
    return ZooForecaster.load(FILE)


def forecast_model(
    model: nn.Module,
    shape: tuple[int, ...] = (3, 224, 224),
    recipe: str | None = None,
    known: Sequence[tuple[nn.Module, tuple[int, ...], float]] = (),
) -> ZooForecast:
    """Forecast the top-1 accuracy of a model on ImageNet, trained from its own start by a recipe.

    Args:
        model: any module that takes images; its weights are not looked at.
        shape: channels, height, width of an image.
        recipe: a tag as timm writes it, such as ``"ra3_in1k"``; ``None`` if it is not known, which makes the interval wider.
        known: models of the same family with the size of their images and their top-1 in per cent.

    Raises:
        InvalidInputError: the model fails on an image of this shape.

    Examples:
        >>> import torch
        >>> with torch.device("meta"):
        ...     model = torch.nn.Sequential(
        ...         torch.nn.Conv2d(3, 64, 7, 4), torch.nn.BatchNorm2d(64), torch.nn.ReLU(), torch.nn.Conv2d(64, 128, 3, 2),
        ...         torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(128, 1000),
        ...     )
        >>> answer = forecast_model(model)
        >>> bool(0 <= answer.low[0] < answer.top1[0] < answer.high[0] <= 100)
        True
    """
    from archcast.costs.structure import structure

    known = [_member(each) for each in listed("known", known, "models")]
    row = np.array([list(structure(model, shape).values())])
    flags = None if recipe is None else recipe_flags(recipe)[None]
    members = None
    if known:
        rows = np.array([list(structure(member, size).values()) for member, size, _ in known])
        members = rows, np.array([top1 for _, _, top1 in known])
    return shipped().predict(row, flags, known=members)


def _member(given: Any) -> tuple[Any, Any, float]:
    """A model, the size of its images, its top-1."""
    try:
        model, size, top1 = given
    except Exception as error:  # whatever is no such triple
        raise InvalidInputError(
            f"each of known must be a model, the size of its images and its top-1 in per cent, got {short(given)}."
        ) from error
    return model, size, real("top-1 of each of known", top1, 0, 100)
