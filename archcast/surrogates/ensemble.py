"""An ensemble of predictors for one column of a table, weighed by how well each does on rows that it has not seen."""

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

__all__ = ["Ensemble", "folds_of", "outside", "weigh"]

Array = NDArray[np.float64]
EQUAL = 1000.0
"""Rows that are worth as much as the belief that all members are equally good."""

ONE = 1e3
"""How much the weights' sum counts against the errors, so that it comes out as 1."""


@saved("surrogate-ensemble")
@dataclass(frozen=True, eq=False)
class Ensemble:
    """Weighted mean of predictors.

    Attributes:
        members: initialised predictors; none where the column is constant.
        weights: ``(m,)``, none negative, sum 1.
        constant: what is answered without members.
    """

    members: list[Any]
    weights: Array
    constant: float = 0.0

    def __call__(self, archs: NDArray[np.int64]) -> Array:
        """``(n,)`` expected values of ``(n, d)`` rows."""
        out = np.full(len(archs), 0.0 if self.members else self.constant)
        for member, weight in zip(self.members, self.weights, strict=True):
            if weight > 0:
                out += weight * member.query(archs).mean
        return out


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


def weigh(answers: Sequence[Array], values: Array) -> Array:
    """``(m,)`` weights, none negative and of sum 1, of the blend with the least squared error; ``EQUAL`` more rows speak for equal
    weights.

    Args:
        answers: ``(m, n)`` of rows that the members have not seen.
        values: ``(n,)``.

    Examples:
        >>> values = np.array([0.0, 1.0, 2.0, 3.0])
        >>> weigh([values, values[::-1]], values).round(3)
        array([0.502, 0.498])
    """
    scale = max(float(values.std()), 1e-12)
    errors = (np.array(answers) - values) / scale / np.sqrt(len(values))
    system = np.vstack([errors.T, np.full(len(errors), ONE)])
    found = nnls(system, np.append(np.zeros(len(values)), ONE))[0]
    share = len(values) / (len(values) + EQUAL)
    return np.asarray(share * found / found.sum() + (1 - share) / len(found))
