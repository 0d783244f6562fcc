"""An ensemble of predictors for one column of a table, weighed by how well each does on rows that it has not seen.

Which predictor is best differs along the scale: one knows the few networks that do not train, which decide the squared error,
another tells good networks apart, which decides the rank correlation. So the weights are stacking's (Wolpert 1992,
https://doi.org/10.1016/S0893-6080(05)80023-1), found anew at each of several levels of the mean answer: rows whose mean answer is
near the level count most. Errors are clipped, so that one network that failed does not set the weights of the good ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from archcast.predictors.base import get_predictor
from archcast.predictors.persistence import saved
from archcast.spaces.base import SearchSpace

__all__ = ["Ensemble", "blend", "folds_of", "outside", "weigh"]

Array = NDArray[np.float64]
LEVELS = np.linspace(0, 1, 9)
"""Levels of the mean answer, as shares of the rows below."""

NEAR = 0.1
"""Standard deviation of the kernel around a level, as a share of the rows."""

CLIP = 10.0
"""Largest error that counts, in median absolute errors of the mean answer around a level."""

EQUAL = 10.0
"""Rows that are worth as much as the belief that all members are equally good."""

ONE = 1e3
"""How much the weights' sum counts against the errors, so that it comes out as 1."""


@saved("surrogate-ensemble")
@dataclass(frozen=True, eq=False)
class Ensemble:
    """Weighted mean of predictors.

    Attributes:
        members: initialised predictors; none where the column is constant.
        levels: ``(g,)`` mean answers at which the weights are known, ascending.
        weights: ``(g, m)``, none negative, sum 1 at each level.
        constant: what is answered without members.
    """

    members: list[Any]
    levels: Array
    weights: Array
    constant: float = 0.0

    def __call__(self, archs: NDArray[np.int64]) -> Array:
        """``(n,)`` expected values of ``(n, d)`` rows."""
        if not self.members:
            return np.full(len(archs), self.constant)
        return blend(np.array([member.query(archs).mean for member in self.members]), self.levels, self.weights)


def folds_of(space: SearchSpace, archs: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """``(n,)`` fold of each row; rows that are the same function are in one."""
    _, function = np.unique(space.canonical(archs), axis=0, return_inverse=True)
    function = function.reshape(-1)
    drawn = np.random.default_rng(seed).permutation(int(function.max()) + 1)
    return np.asarray(drawn[function] % count)


def outside(
    name: str, space: SearchSpace, archs: NDArray[np.int64], values: Array, folds: NDArray[np.int64], seed: int
) -> tuple[Any, Array]:
    """A predictor fitted to all rows, and ``(n,)`` what it answers for each row when it has not seen that row's fold."""
    answers = np.full(len(values), np.nan)
    for fold in np.unique(folds):
        held = folds == fold
        part = get_predictor(name, space, random_state=seed).init(archs[~held], values[~held])
        answers[held] = part.query(archs[held]).mean
    return get_predictor(name, space, random_state=seed).init(archs, values), answers


def weigh(answers: Sequence[Array], values: Array) -> tuple[Array, Array]:
    """``(g,)`` levels of the mean answer, and at each the ``(m,)`` weights, none negative and of sum 1, of the blend with the least
    squared error near it; ``EQUAL`` more rows speak for equal weights.

    Args:
        answers: ``(m, n)`` of rows that the members have not seen.
        values: ``(n,)``.

    Examples:
        >>> values = np.linspace(0, 1, 1000)
        >>> levels, weights = weigh([values, values[::-1]], values)
        >>> weights[[0, -1]].round(2)
        array([[1., 0.],
               [1., 0.]])
    """
    errors = np.array(answers) - values
    mean = np.mean(answers, axis=0)
    off = np.abs(mean - values)
    order, ascending = np.argsort(off), np.sort(mean)
    place = np.searchsorted(ascending, mean) / len(mean)
    weights = []
    for level in LEVELS:
        near = np.exp(-np.square((place - level) / NEAR) / 2)
        share = np.cumsum(near[order]) / near.sum()
        most = CLIP * off[order][min(int(np.searchsorted(share, 0.5)), len(off) - 1)]
        clipped = np.clip(errors, -most, most) if most > 0 else errors
        scale = max(float(np.sqrt((near * np.square(clipped)).sum() / near.sum())), 1e-12)
        system = np.vstack([(clipped * np.sqrt(near / near.sum()) / scale).T, np.full(len(errors), ONE)])
        found = nnls(system, np.append(np.zeros(len(values)), ONE))[0]
        rows = near.sum() ** 2 / np.square(near).sum()  # as many rows of equal weight would say as much
        weights.append((rows * found / found.sum() + EQUAL / len(found)) / (rows + EQUAL))
    return np.quantile(mean, LEVELS), np.array(weights)


def blend(answers: Array, levels: Array, weights: Array) -> Array:
    """``(n,)`` weighted means of ``(m, n)`` answers; between two levels the weights change linearly.

    Examples:
        >>> blend(np.array([[0.0, 1.0], [0.2, 1.2]]), np.array([0.1, 1.1]), np.array([[1.0, 0.0], [0.5, 0.5]]))
        array([0. , 1.1])
    """
    mean = answers.mean(axis=0)
    out = np.zeros(len(mean))
    for answer, own in zip(answers, weights.T, strict=True):
        out += np.interp(mean, levels, own) * answer
    return out
