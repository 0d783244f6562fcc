"""Rank-normal targets: learn ranks instead of raw scores, answer on the scale of the scores.

Accuracies of architectures are skewed (a long tail of broken networks). Ranks mapped to normal quantiles,
``t = Phi^-1((rank - 0.5) / n)``, suit regressors better, above all with few architectures; predictions are mapped back.

What comes back stays inside the range of the scores where that is known, see :func:`limits_of`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from archcast.predictors.base import Prediction
from archcast.predictors.persistence import saved
from archcast.spaces.base import SearchSpace

__all__ = ["TargetScale", "limits_of", "measured_targets", "rank_normal", "targets_of"]

NORMAL = (0.92, 0.97)
"""Correlation of scores with their normal quantiles up to which only ranks count, and from which only the scores do."""

NINETY = 1.645
"""A normal distribution holds 90 % within so many standard deviations."""

NODES = ndtri((np.arange(40) + 0.5) / 40)
"""Equally likely values of a standard normal variable, over which expectations are taken."""

END = 0.25
"""Share of the quantiles at either end whose slope is that beyond the end."""

NUDGE = 1e-3
"""A training score at a limit is moved off it by this share of the way to the next score, so that there is room beyond it."""


def rank_normal(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n,)`` normal quantiles of the average ranks; equal scores get equal quantiles."""
    if len(scores) == 0:
        return np.zeros(0)
    return np.asarray(ndtri((rankdata(scores) - 0.5) / len(scores)), dtype=np.float64)


def measured_targets(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n,)`` mean of the normal quantiles and of the standardised scores, weighted by how normal the scores are.

    Ranks tame skewed scores, but to scores that are well-behaved they add noise. The share of the standardised scores rises from
    0 to 1 while their correlation with the quantiles (Shapiro and Francia 1972) rises from 0.92 to 0.97.

    Examples:
        >>> measured_targets(np.array([1.0, 2.0, 3.0, 4.0, 5.0])).round(2)
        array([-1.41, -0.71,  0.  ,  0.71,  1.41])
    """
    quantiles = rank_normal(scores)
    spread = scores.std()
    if len(np.unique(scores)) < 3 or not spread > 0:  # of the smallest floats it is 0
        return quantiles
    standard = (scores - scores.mean()) / spread
    share = (np.corrcoef(standard, quantiles)[0, 1] - NORMAL[0]) / (NORMAL[1] - NORMAL[0])
    share = float(np.clip(share, 0.0, 1.0))
    return (1 - share) * quantiles + share * standard


def targets_of(space: SearchSpace, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n,)`` what predictors learn: rank-normal quantiles, and in spaces without cell graphs, whose scores are seldom those of
    broken networks, :func:`measured_targets`."""
    return rank_normal(scores) if space.has_graph else measured_targets(scores)


def limits_of(scores: NDArray[np.float64]) -> tuple[float, float]:
    """The range that scores like these can have.

    Scores from 0 to 1 are taken as shares, other scores from 0 to 100 as percentages, both also with a minus sign (errors); other
    scores can have any value.

    Examples:
        >>> limits_of(np.array([0.1, 0.9])), limits_of(np.array([10.0, 94.5])), limits_of(np.array([-7.5, -5.0]))
        ((0.0, 1.0), (0.0, 100.0), (-100.0, 0.0))
        >>> limits_of(np.array([-3.0, 3.0]))
        (-inf, inf)
    """
    low, high = float(scores.min()), float(scores.max())
    for bottom, top in ((0.0, 1.0), (0.0, 100.0), (-1.0, 0.0), (-100.0, 0.0)):
        if bottom <= low and high <= top:
            return bottom, top
    return -np.inf, np.inf


@saved("target-scale")
@dataclass(frozen=True)
class TargetScale:
    """An increasing map between scores and their rank-normal quantiles, piecewise linear between the training scores.

    Attributes:
        scores: ``(m,)`` distinct training scores, increasing.
        quantiles: ``(m,)`` their quantiles, increasing.
        slopes: of the map from quantiles to scores below the lowest and above the highest score; ``None`` for the overall
            slope on either side, as files of earlier versions have it.
        limits: range of the scores, which the map nears beyond the training scores and does not leave.
    """

    scores: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    slopes: tuple[float, float] | None = None
    limits: tuple[float, float] = (-np.inf, np.inf)

    @classmethod
    def of(cls, scores: NDArray[np.float64], targets: NDArray[np.float64] | None = None) -> TargetScale:
        """The scale of any numbers, without limits; ``targets`` are their quantiles, by default the rank-normal ones."""
        distinct, index = np.unique(scores, return_index=True)
        return cls(distinct, (rank_normal(scores) if targets is None else targets)[index])

    @classmethod
    def of_scores(cls, scores: NDArray[np.float64], targets: NDArray[np.float64] | None = None) -> TargetScale:
        """The scale of a set of training scores, inside :func:`limits_of` these."""
        scale, limits = cls.of(scores, targets), limits_of(scores)
        knots, quantiles = scale.scores.astype(np.float64), scale.quantiles
        last = len(knots) - 1
        for end, limit in zip((0, last), limits, strict=True):
            if knots[end] == limit:
                other = knots[abs(end - 1)] if last else sum(limits) - limit
                knots[end] += NUDGE * (other - limit)
        slopes = None
        if last:
            reach = END * (quantiles[-1] - quantiles[0])
            low = max(1, int(np.searchsorted(quantiles, quantiles[0] + reach, side="right")) - 1)
            high = min(last - 1, int(np.searchsorted(quantiles, quantiles[-1] - reach)))
            slopes = (
                float((knots[low] - knots[0]) / (quantiles[low] - quantiles[0])),
                float((knots[-1] - knots[high]) / (quantiles[-1] - quantiles[high])),
            )
        return cls(knots, quantiles, slopes, limits)

    def forward(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores to quantiles; the inverse of :meth:`backward` for a scale without limits and slopes of its own."""
        return _interpolate(scores, self.scores, self.quantiles)

    def backward(self, quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Quantiles to scores; strictly increasing, so ranks survive."""
        if self.slopes is None:
            return np.clip(_interpolate(quantiles, self.quantiles, self.scores), *self.limits)
        inside = np.interp(quantiles, self.quantiles, self.scores)
        below = np.maximum(self.quantiles[0] - quantiles, 0) * self.slopes[0]
        above = np.maximum(quantiles - self.quantiles[-1], 0) * self.slopes[1]
        return np.asarray(
            inside - _within(below, self.scores[0] - self.limits[0]) + _within(above, self.limits[1] - self.scores[-1])
        )

    def prediction(
        self, quantiles: NDArray[np.float64], std: NDArray[np.float64] | None, shift: NDArray[np.float64] | float = 0.0
    ) -> Prediction:
        """The prediction whose quantile is normal with mean ``quantiles + shift`` and standard deviation ``std``, all ``(n,)``.

        Its ``mean`` is the score at ``quantiles``: without a shift the median of the distribution of the score, which is no longer
        normal, nor symmetric. The expectation would rank by the standard deviations, too, and rank worse: where scores have a
        long tail below, it falls with doubt. ``std`` is such that ``mean +- 1.645 std`` holds the score with a probability of .9;
        on a scale without slopes of its own, half the width of the image of the 90 % interval is taken for that.
        """
        if std is None or self.slopes is None:
            width = None if std is None else self.backward_std(quantiles, NINETY * std) / NINETY
            return Prediction(self.backward(quantiles), width)
        middle, values = self.backward(quantiles), self.backward((quantiles + shift)[:, None] + std[:, None] * NODES)
        return Prediction(middle, np.quantile(np.abs(values - middle[:, None]), 0.9, axis=1, method="hazen") / NINETY)

    def backward_std(self, quantiles: NDArray[np.float64], std: NDArray[np.float64]) -> NDArray[np.float64]:
        """Half the width of the image of ``quantiles +- std``: the standard deviation on the scale of the scores."""
        return (self.backward(quantiles + std) - self.backward(quantiles - std)) / 2


def _within(step: NDArray[np.float64], room: float) -> NDArray[np.float64]:
    """Steps of 0 or more, bent so that they stay below ``room``; small steps are as they were."""
    if not np.isfinite(room):
        return step
    return np.asarray(step * (room / (room + step)))


def _interpolate(x: NDArray[np.float64], xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.float64]:
    """Piecewise linear through the knots; beyond them it goes on with the overall slope, so that it stays increasing."""
    if len(xs) == 1:
        return ys[0] + (x - xs[0]) * 1e-6
    slope = (ys[-1] - ys[0]) / (xs[-1] - xs[0])
    inside = np.interp(x, xs, ys)
    return inside + slope * (np.minimum(x - xs[0], 0) + np.maximum(x - xs[-1], 0))
