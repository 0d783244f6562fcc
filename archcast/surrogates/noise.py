"""Noise of a training: the residual of a donor, a training that was seen at about the same score.

Accuracies of poor architectures scatter more than those of good ones, and the epochs of a curve deviate together. So a whole
residual is drawn, of all metrics and curves at once, from the trainings whose expected score is nearest; no distribution is
assumed. Which donor it is depends on the architecture and the seed alone: the same question has the same answer.

Where a table has several trainings of an architecture, residuals are from their mean, times ``sqrt(k / (k - 1))`` for k of them;
elsewhere they are from what the ensemble expects without having seen the row, and hold its error too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.persistence import saved

__all__ = ["Noise", "uniforms"]

Array = NDArray[np.float64]
NEAR, FEWEST, MOST = 0.05, 10, 200
"""Share of the donors that are near enough, and bounds on their number."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@saved("surrogate-noise")
@dataclass(frozen=True, eq=False)
class Noise:
    """Residuals of donors.

    Attributes:
        at: ``(q,)`` expected scores of the donors, ascending.
        residuals: name of a column -> ``(q,)``, or ``(q, T)`` of a curve; 0 where it is unknown.
    """

    at: Array
    residuals: dict[str, NDArray[np.float32]]

    @classmethod
    def of(cls, at: Array, residuals: Mapping[str, Array]) -> Noise:
        """Donors in any order."""
        order = np.argsort(at, kind="stable")
        kept = {name: np.nan_to_num(values[order]).astype(np.float32) for name, values in residuals.items()}
        return cls(at[order], kept)

    def donors(self, archs: NDArray[np.int64], expected: Array, seed: int) -> NDArray[np.int64]:
        """``(n,)`` a donor for each row: one of the nearest by its expected score, in single precision as files hold it."""
        near = min(len(self.at), int(np.clip(NEAR * len(self.at), FEWEST, MOST)))
        place = np.searchsorted(self.at, expected.astype(np.float32))
        first = np.clip(place - near // 2, 0, len(self.at) - near)
        return np.asarray(first + (uniforms(archs, seed) * near).astype(np.int64))


def uniforms(archs: NDArray[np.int64], seed: int) -> Array:
    """``(n,)`` numbers of [0, 1) that look random and depend on row and seed alone: the finaliser of SplitMix64 (Steele et al.
    2014, https://doi.org/10.1145/2660193.2660195) over the columns.

    Examples:
        >>> bool((uniforms(np.array([[1, 2], [1, 2]]), 0) == uniforms(np.array([[1, 2]]), 0)).all())
        True
    """
    with np.errstate(over="ignore"):
        state = _mixed(np.full(len(archs), seed, dtype=np.uint64) + GOLDEN)
        for column in archs.T.astype(np.uint64):
            state = _mixed(state + GOLDEN * (column + np.uint64(1)))
    return (state >> np.uint64(11)).astype(np.float64) / 2**53


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * MIX[0]
    state = (state ^ (state >> np.uint64(27))) * MIX[1]
    return state ^ (state >> np.uint64(31))
