"""What is measured of a predictor's answers: pure functions of ``truth``, ``mean`` and for some ``std``, all ``(n,)``.

Higher is better in both ``truth`` and ``mean``. A measure that is not defined, such as the rank correlation of constant
predictions, is NaN: it is recorded as undefined and never replaced by a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "METRICS",
    "Metric",
    "coverage",
    "crps",
    "gaussian_nll",
    "kendall_tau",
    "kendall_tau_rounded",
    "mean_absolute_error",
    "ndcg",
    "pearson",
    "regret",
    "root_mean_square_error",
    "sharpness",
    "spearman",
    "top_k_precision",
    "top_tau",
]

Vector = NDArray[np.float64]
NORMAL_90 = 1.6448536269514722
"""Half-width of the central 90 % of a standard normal distribution."""


def _constant(values: Vector) -> bool:
    return len(values) < 2 or bool((values == values[0]).all())


def kendall_tau(truth: Vector, mean: Vector) -> float:
    """Kendall's tau-b (Kendall 1945): concordant less discordant pairs, over the root of the untied pairs of each side.

    Examples:
        >>> kendall_tau(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))
        0.333...
    """
    if _constant(truth) or _constant(mean):
        return math.nan
    from scipy.stats import kendalltau

    return float(kendalltau(truth, mean).statistic)


def kendall_tau_rounded(truth: Vector, mean: Vector, decimals: int) -> float:
    """Kendall's tau-b after the predictions, as percentages, are rounded (White et al. 2021, https://arxiv.org/abs/2104.01177):
    differences that nobody could measure count as ties. Scores that are all between 0 and 1 are taken as shares of 1.

    Examples:
        >>> truth = np.array([0.91, 0.92, 0.93])
        >>> kendall_tau(truth, np.array([0.9012, 0.9011, 0.95])), kendall_tau_rounded(truth, np.array([0.9012, 0.9011, 0.95]), 1)
        (0.333..., 0.816...)
    """
    scale = 100.0 if len(truth) and truth.min() >= 0 and truth.max() <= 1 else 1.0
    return kendall_tau(truth, np.round(mean * scale, decimals))


def mean_absolute_error(truth: Vector, mean: Vector) -> float:
    """Mean absolute error, on the scale of the scores."""
    return float(np.abs(truth - mean).mean()) if len(truth) else math.nan


def root_mean_square_error(truth: Vector, mean: Vector) -> float:
    """Root of the mean squared error, on the scale of the scores."""
    return math.sqrt(float(np.square(truth - mean).mean())) if len(truth) else math.nan


def spearman(truth: Vector, mean: Vector) -> float:
    """Spearman's rank correlation: Pearson's correlation of the average ranks."""
    from scipy.stats import rankdata

    return pearson(rankdata(truth), rankdata(mean))


def pearson(truth: Vector, mean: Vector) -> float:
    """Pearson's correlation."""
    if _constant(truth) or _constant(mean):
        return math.nan
    a, b = truth - truth.mean(), mean - mean.mean()
    a, b = a / np.abs(a).max(), b / np.abs(b).max()
    return float(np.clip(a @ b / math.sqrt((a @ a) * (b @ b)), -1, 1))


def _top(values: Vector, k: int) -> Vector:
    """``(n,)`` probability that each row is among the k largest when ties are broken at random."""
    edge = np.partition(values, -k)[-k]
    above, tied = values > edge, values == edge
    return above + tied * ((k - above.sum()) / tied.sum())


def top_k_precision(truth: Vector, mean: Vector, k: int = 10) -> float:
    """Share of the k predicted best that are among the k truly best; ties count by expectation. NaN unless n > k."""
    if len(truth) <= k:
        return math.nan
    return float(_top(truth, k) @ _top(mean, k) / k)


def top_tau(truth: Vector, mean: Vector, k: int | float) -> float:
    """Kendall's tau-b among the truly best alone: the part of the ranking that a search must get right.

    Args:
        truth, mean: ``(n,)``.
        k: how many are the best, or, if it is less than 1, their share of n. Those tied with the last of them belong to them.

    Returns:
        NaN if they are fewer than two, or not fewer than all.

    Examples:
        >>> truth = np.arange(20.0)
        >>> mean = np.where(truth < 18, truth, -truth)            # right but for the two best, which are exchanged
        >>> kendall_tau(truth, mean) > 0.5, top_tau(truth, mean, 2)
        (True, -1.0)
    """
    n = len(truth)
    k = math.floor(k * n) if k < 1 else int(k)
    if not 2 <= k < n:
        return math.nan
    best = truth >= np.partition(truth, -k)[-k]
    return kendall_tau(truth[best], mean[best])


def regret(truth: Vector, mean: Vector) -> float:
    """Best true score less that of the predictor's pick, on the scale of the scores; tied picks count by expectation."""
    if len(truth) == 0:
        return math.nan
    return float(truth.max() - truth[mean == mean.max()].mean())


def coverage(truth: Vector, mean: Vector, std: Vector) -> float:
    """Share of the truth inside the central 90 % Gaussian interval; .9 is calibrated. NaN if a std is negative."""
    if len(truth) == 0 or not (std >= 0).all():
        return math.nan
    return float((np.abs(truth - mean) <= NORMAL_90 * std).mean())


def gaussian_nll(truth: Vector, mean: Vector, std: Vector) -> float:
    """Mean negative log-likelihood of the truth, in nats; lower is better. NaN unless every std is positive."""
    if len(truth) == 0 or not (std > 0).all():
        return math.nan
    z = (truth - mean) / std
    return float((0.5 * z**2 + np.log(std)).mean() + 0.5 * math.log(2 * math.pi))


def crps(truth: Vector, mean: Vector, std: Vector) -> float:
    """Mean continuous ranked probability score of normal predictions, on the scale of the scores; lower is better (Gneiting and
    Raftery 2007). With ``z = (y - mu) / sigma`` it is ``sigma (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi))``; a prediction without
    spread has its absolute error. NaN if a std is negative."""
    if len(truth) == 0 or not (std >= 0).all():
        return math.nan
    from scipy.special import ndtr

    error = truth - mean
    z = np.divide(error, std, out=np.zeros_like(error), where=std > 0)
    spread = std * (z * (2 * ndtr(z) - 1) + math.sqrt(2 / math.pi) * np.exp(-(z**2) / 2) - 1 / math.sqrt(math.pi))
    return float(np.where(std > 0, spread, np.abs(error)).mean())


def ndcg(truth: Vector, mean: Vector, share: float = 0.1) -> float:
    """Normalised discounted cumulative gain of the first ``share`` of the ranking (Järvelin & Kekäläinen 2002).

    ``DCG = sum_i g_i / log2(i + 1)`` over the ranking, divided by that of the true ranking; the gain ``g`` of an architecture is
    its score on the scale on which the worst of the test set has 0 and the best 1. NaN where all scores are equal.

    Examples:
        >>> ndcg(np.array([0.0, 1.0, 2.0]), np.array([5.0, 6.0, 7.0]), share=1.0)
        1.0
    """
    spread = np.ptp(truth) if len(truth) else 0.0
    if spread == 0:
        return math.nan
    gain = (truth - truth.min()) / spread
    first = max(1, math.ceil(share * len(truth)))
    discount = 1 / np.log2(np.arange(2, first + 2))
    found = gain[np.argsort(-mean, kind="stable")][:first] @ discount
    return float(found / (np.sort(gain)[::-1][:first] @ discount))


def sharpness(_truth: Vector, _mean: Vector, std: Vector) -> float:
    """Mean standard deviation, on the scale of the scores: among calibrated predictors the smaller is the better."""
    return float(std.mean()) if len(std) else math.nan


@dataclass(frozen=True)
class Metric:
    """A measure and what it means.

    Attributes:
        function: ``(truth, mean) -> float``, or ``(truth, mean, std) -> float`` where ``needs_std``.
        title: how a report calls it.
        best: the best value; infinite where there is none.
        needs_std: whether it judges the standard deviations; without them it is NaN.
    """

    function: Callable[..., float]
    title: str
    best: float
    needs_std: bool = False

    def __call__(self, truth: Vector, mean: Vector, std: Vector | None) -> float:
        if not self.needs_std:
            return self.function(truth, mean)
        return math.nan if std is None else self.function(truth, mean, std)


METRICS: dict[str, Metric] = {
    "kendall_tau": Metric(kendall_tau, "Kendall tau-b", 1.0),
    "spearman": Metric(spearman, "Spearman", 1.0),
    "pearson": Metric(pearson, "Pearson", 1.0),
    "tau_top10pct": Metric(partial(top_tau, k=0.1), "tau among the best 10 %", 1.0),
    "tau_top50": Metric(partial(top_tau, k=50), "tau among the best 50", 1.0),
    "kt_1dec": Metric(partial(kendall_tau_rounded, decimals=1), "tau, rounded to .1 %", 1.0),
    "kt_2dec": Metric(partial(kendall_tau_rounded, decimals=2), "tau, rounded to .01 %", 1.0),
    "top10_precision": Metric(top_k_precision, "top-10 precision", 1.0),
    "top20_precision": Metric(partial(top_k_precision, k=20), "top-20 precision", 1.0),
    "ndcg": Metric(ndcg, "nDCG of the first 10 %", 1.0),
    "regret": Metric(regret, "regret of the pick", 0.0),
    "mae": Metric(mean_absolute_error, "mean absolute error", 0.0),
    "rmse": Metric(root_mean_square_error, "root mean square error", 0.0),
    "coverage90": Metric(coverage, "90 % intervals cover", 0.9, needs_std=True),
    "nll": Metric(gaussian_nll, "Gaussian NLL", -math.inf, needs_std=True),
    "crps": Metric(crps, "CRPS", 0.0, needs_std=True),
    "sharpness": Metric(sharpness, "mean std", 0.0, needs_std=True),
}
"""Columns of every result, in order of importance."""
