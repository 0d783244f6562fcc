"""Rank-normal targets: learn ranks instead of raw scores, answer on the scale of the scores.

Accuracies of architectures are skewed (a long tail of broken networks). Ranks mapped to normal quantiles,
``t = Phi^-1((rank - 0.5) / n)``, suit regressors better, above all with few architectures; predictions are mapped back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from archcast.predictors.persistence import saved

__all__ = ["TargetScale", "rank_normal"]


def rank_normal(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n,)`` normal quantiles of the average ranks; equal scores get equal quantiles."""
    if len(scores) == 0:
        return np.zeros(0)
    return np.asarray(ndtri((rankdata(scores) - 0.5) / len(scores)), dtype=np.float64)


@saved("target-scale")
@dataclass(frozen=True)
class TargetScale:
    """An increasing, piecewise linear map between scores and their rank-normal quantiles.

    Attributes:
        scores: ``(m,)`` distinct training scores, increasing.
        quantiles: ``(m,)`` their quantiles, increasing.
    """

    scores: NDArray[np.float64]
    quantiles: NDArray[np.float64]

    @classmethod
    def of(cls, scores: NDArray[np.float64]) -> TargetScale:
        """The scale of a set of training scores."""
        distinct, index = np.unique(scores, return_index=True)
        return cls(distinct, rank_normal(scores)[index])

    def forward(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores to quantiles."""
        return _interpolate(scores, self.scores, self.quantiles)

    def backward(self, quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Quantiles to scores; strictly increasing, so ranks survive."""
        return _interpolate(quantiles, self.quantiles, self.scores)

    def backward_std(self, quantiles: NDArray[np.float64], std: NDArray[np.float64]) -> NDArray[np.float64]:
        """Half the width of the image of ``quantiles +- std``: the standard deviation on the scale of the scores."""
        return (self.backward(quantiles + std) - self.backward(quantiles - std)) / 2


def _interpolate(x: NDArray[np.float64], xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.float64]:
    """Piecewise linear through the knots; beyond them it goes on with the overall slope, so that it stays increasing."""
    if len(xs) == 1:
        return ys[0] + (x - xs[0]) * 1e-6
    slope = (ys[-1] - ys[0]) / (xs[-1] - xs[0])
    inside = np.interp(x, xs, ys)
    return inside + slope * (np.minimum(x - xs[0], 0) + np.maximum(x - xs[-1], 0))
