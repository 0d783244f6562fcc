"""Several objectives: which architectures no other one beats, and how much of the objective space they dominate."""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import numbers
from archcast.errors import InvalidInputError, require, short

__all__ = ["LARGEST", "crowding", "hypervolume", "library", "pareto_front", "pareto_ranks", "scalarise"]

LARGEST = 3
"""Most objectives whose hypervolume is computed here."""


def pareto_front(scores: ArrayLike) -> NDArray[np.bool_]:
    """``(n,)`` whether each row of ``(n, k)`` scores is on the Pareto front: no other row is at least as good in all
    objectives and better in one. Equal rows are on it together; a row with NaN never is.

    Examples:
        >>> pareto_front([[1, 3], [2, 2], [1, 2], [2, 2]]).tolist()
        [True, True, False, True]
    """
    values = numbers("scores", scores)
    if values.ndim != 2 or not values.shape[1]:
        raise InvalidInputError(f"scores must have shape (n, k), k at least 1, got {values.shape}.")
    known = np.flatnonzero(~np.isnan(values).any(axis=1))
    front = np.zeros(len(values), dtype=bool)
    order = known[np.lexsort(-values[known].T[::-1])]
    kept: list[int] = []
    for i in order:  # whatever dominates a row comes before it
        above = values[kept]
        beaten = (above >= values[i]).all(axis=1) & (above > values[i]).any(axis=1) if kept else np.zeros(0, dtype=bool)
        if not beaten.any():
            kept.append(int(i))
    front[kept] = True
    return front


def pareto_ranks(scores: ArrayLike) -> NDArray[np.int64]:
    """``(n,)`` number of the front that each row of ``(n, k)`` scores is on: 0 for the Pareto front, 1 for the front of what is
    left without it, and so on (non-dominated sorting). A row with NaN comes after all fronts.

    Examples:
        >>> pareto_ranks([[1, 3], [2, 2], [1, 2], [0, 0]]).tolist()
        [0, 0, 1, 2]
    """
    values = np.array(scores, dtype=np.float64)
    ranks = np.full(len(values), -1)
    left = np.flatnonzero(~np.isnan(values).any(axis=1)) if values.ndim == 2 else np.arange(len(values))
    number = 0
    while len(left):
        front = pareto_front(values[left])
        ranks[left[front]] = number
        left, number = left[~front], number + 1
    ranks[ranks < 0] = number
    return ranks


def crowding(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n,)`` crowding distance of ``(n, k)`` scores of one front (Deb et al. 2002): in each objective the gap between the two
    neighbours, as a share of the range, summed; infinite at the ends.

    Examples:
        >>> crowding(np.array([[0.0, 4.0], [1.0, 3.0], [4.0, 0.0]])).tolist()
        [inf, 2.0, inf]
    """
    out = np.zeros(len(scores))
    for values in scores.T:
        order = np.argsort(values, kind="stable")
        spread = values[order[-1]] - values[order[0]]
        out[order[[0, -1]]] = np.inf
        if spread > 0:
            out[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / spread
    return out


def hypervolume(scores: ArrayLike, reference: ArrayLike) -> float:
    """Volume dominated by ``(n, k)`` scores above a reference point ``(k,)``, exact.

    Two objectives: the area under a staircase. Three: slices between successive values of the last objective, each an area times
    its thickness. Four and more: the package ``moocore`` (``pip install "archcast[objectives]"``).

    Examples:
        >>> hypervolume([[1, 3], [2, 2], [3, 1]], [0, 0])
        6.0

    Raises:
        InvalidInputError: shapes that do not fit.
        MissingDependencyError: four or more objectives without ``moocore``.
    """
    values, corner = numbers("scores", scores), numbers("reference", reference)
    if not np.isfinite(corner).all():
        raise InvalidInputError(f"reference must hold finite numbers, got {short(reference)}.")
    if values.ndim != 2 or corner.shape != values.shape[1:] or len(corner) == 0:
        raise InvalidInputError(
            f"scores must have shape (n, k) and reference (k,), got {values.shape} and {corner.shape}."
        )
    values = values[pareto_front(values)] - corner
    values = np.unique(values[(values > 0).all(axis=1)], axis=0)
    if len(values) == 0:
        return 0.0
    if len(corner) == 1:
        return float(values.max())
    if len(corner) == 2:
        return _area(values)
    if len(corner) > LARGEST:
        return float(library().hypervolume(values, ref=np.zeros(len(corner)), maximise=True))
    values = values[np.argsort(-values[:, 2], kind="stable")]
    lower = np.append(values[1:, 2], 0.0)
    return float(sum(_area(values[: i + 1, :2]) * (z - lower[i]) for i, z in enumerate(values[:, 2]) if z > lower[i]))


def library() -> ModuleType:
    """The package that computes volumes of many objectives.

    Raises:
        MissingDependencyError: it is not installed.
    """
    return require("moocore", extra="objectives", feature=f"The hypervolume of more than {LARGEST} objectives")


def _area(points: NDArray[np.float64]) -> float:
    """Area under the staircase of ``(n, 2)`` positive points."""
    points = points[np.argsort(-points[:, 0], kind="stable")]
    heights = np.maximum.accumulate(points[:, 1])
    widths = points[:, 0] - np.append(points[1:, 0], 0.0)
    return float(heights @ widths)


def scalarise(scores: NDArray[np.float64], weights: NDArray[np.float64], rho: float = 0.05) -> NDArray[np.float64]:
    """ParEGO's augmented Tchebycheff value of each row, higher is better (Knowles 2006).

    ``-(max_j w_j c_j + rho sum_j w_j c_j)`` with costs ``c = 1 - normalised score`` in 0..1.

    Args:
        scores: ``(n, k)``.
        weights: ``(k,)``, positive, sum 1.
        rho: weight of the sum.
    """
    low, high = scores.min(axis=0), scores.max(axis=0)
    costs = weights * (high - scores) / np.where(high > low, high - low, 1.0)
    return np.asarray(-(costs.max(axis=1) + rho * costs.sum(axis=1)))
