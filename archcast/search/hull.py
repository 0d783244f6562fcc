"""The most cost-efficient architectures: those near the lower convex hull of error against cost.

Hu et al. 2019 (Petridish, https://arxiv.org/abs/1905.13360) keep the models whose error is at most ``1 + epsilon`` times the hull
at their cost. A Pareto front keeps every point that no other beats; the hull leaves out those that a mixture of two others beats,
and ``epsilon`` lets points back in that miss it by a little, by chance say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import numbers
from archcast.errors import InvalidInputError
from archcast.predictors.targets import limits_of
from archcast.search.checks import number

__all__ = ["epsilon_hull", "errors_of", "lower_hull"]

Floats = NDArray[np.float64]


def lower_hull(costs: ArrayLike, errors: ArrayLike) -> tuple[Floats, Floats]:
    """Corners of the lower convex hull, by increasing cost: ``(m,)`` costs and ``(m,)`` errors.

    The last corner is no point but ``(2 max cost, min error)``, so that the hull never rises.

    Args:
        costs: ``(n,)``, 0 or more.
        errors: ``(n,)``, lower is better, 0 or more.

    Raises:
        InvalidInputError: other shapes, no points, or values that are negative or not finite.
    """
    x, y = _points(costs, errors)
    points = sorted({*zip(x.tolist(), y.tolist(), strict=True), (2 * float(x.max()), float(y.min()))})
    corners: list[tuple[float, float]] = []
    for cost, error in points:
        if corners and cost == corners[-1][0]:
            continue  # above the last corner
        while len(corners) > 1 and _turns_down(corners[-2], corners[-1], (cost, error)):
            corners.pop()
        corners.append((cost, error))
    return np.array([cost for cost, _ in corners]), np.array([error for _, error in corners])


def epsilon_hull(costs: ArrayLike, errors: ArrayLike, epsilon: float = 0.025) -> NDArray[np.bool_]:
    """``(n,)`` whether each point is on the hull or near it: ``error <= (1 + epsilon) hull(cost)``.

    Examples:
        >>> epsilon_hull([1, 2, 3, 4], [9, 6.1, 3, 3.5], epsilon=0.05).tolist()
        [True, True, True, False]

    Args:
        costs: ``(n,)``, 0 or more.
        errors: ``(n,)``, lower is better, 0 or more.
        epsilon: share of the hull by which a point may miss it.

    Raises:
        InvalidInputError: see :func:`lower_hull`; or ``epsilon`` is negative.
    """
    epsilon = number("epsilon", epsilon, 0)
    x, y = _points(costs, errors)
    hull = np.interp(x, *lower_hull(x, y))
    return np.asarray(y <= (1 + epsilon) * hull + 1e-12 * np.maximum(hull, 1.0))


def errors_of(scores: Floats) -> Floats:
    """``(n,)`` errors of ``(n,)`` scores: the best score that there can be, 1 or 100 for an accuracy and 0 for a negative loss,
    less the score. Where that is not known, the best score told with the distance of the median above it."""
    top = limits_of(scores)[1]
    if not np.isfinite(top):
        top = 2 * float(scores.max()) - float(np.median(scores))
    return top - scores


def _turns_down(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether ``b`` is on or above the line from ``a`` to ``c``."""
    return (b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0])


def _points(costs: ArrayLike, errors: ArrayLike) -> tuple[Floats, Floats]:
    x, y = numbers("costs", costs), numbers("errors", errors)
    if x.ndim != 1 or x.shape != y.shape or len(x) == 0:
        raise InvalidInputError(
            f"costs and errors must have shape (n,) with n of at least 1, got {x.shape}, {y.shape}."
        )
    for name, values in (("costs", x), ("errors", y)):
        if not (np.isfinite(values) & (values >= 0)).all():
            i = int(np.flatnonzero(~(np.isfinite(values) & (values >= 0)))[0])
            raise InvalidInputError(f"{name} must be finite and 0 or more, got {values[i]:g} at [{i}].")
    return x, y
