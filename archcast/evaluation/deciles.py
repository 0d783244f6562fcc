"""How good intervals are in each tenth of the predictions: a search looks at the highest, where errors are larger."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from archcast.evaluation.metrics import METRICS

__all__ = ["DECILES", "MEASURES", "as_text", "by_decile", "mean_of"]

DECILES = 10
MEASURES = ("coverage90", "crps", "sharpness")
"""Measures of :data:`archcast.evaluation.METRICS` that are taken in each tenth."""

Vector = NDArray[np.float64]


def by_decile(truth: Vector, mean: Vector, std: Vector | None) -> Vector | None:
    """``(3, 10)``: each of :data:`MEASURES` in each tenth of the rows by their predicted mean, the lowest tenth first.

    Rows with equal predictions are in the order in which they stand. ``None`` without a std, with fewer than ten rows, and where a
    measure is not finite.

    Examples:
        >>> mean = np.arange(100.0)
        >>> by_decile(np.where(mean < 90, mean, mean - 9), mean, np.ones(100))[0].tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    """
    if std is None or len(truth) < DECILES:
        return None
    tenths = np.array_split(np.argsort(mean, kind="stable"), DECILES)
    found = np.array([[METRICS[name](truth[rows], mean[rows], std[rows]) for rows in tenths] for name in MEASURES])
    return found if np.isfinite(found).all() else None


def as_text(table: Vector | None) -> str:
    """A line for ``results.csv``: the measures with semicolons between them, four digits; nothing for ``None``.

    Examples:
        >>> as_text(np.array([[0.91234, 1.0], [12.0, 3.0]]))
        '0.9123 1;12 3'
    """
    return "" if table is None else ";".join(" ".join(f"{value:.4g}" for value in row) for row in table)


def mean_of(lines: Iterable[str]) -> dict[str, list[float]] | None:
    """Mean over trials of what :func:`as_text` wrote, measure -> ten numbers; ``None`` if no trial has any."""
    tables = [[[float(value) for value in row.split()] for row in line.split(";")] for line in lines if line]
    return dict(zip(MEASURES, np.mean(tables, axis=0).tolist(), strict=True)) if tables else None
