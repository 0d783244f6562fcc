"""Acquisition functions: how much an architecture is worth training, from the mean and std predicted for it.

All take ``(n,)`` arrays, treat the prediction as normal, and are higher for what should be trained first. ``best`` is the best
score measured so far. See Garnett 2023, https://bayesoptbook.com, and White et al. 2019 (https://arxiv.org/abs/1910.11858) for
independent Thompson sampling (``its``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

__all__ = [
    "ACQUISITIONS",
    "acquire",
    "diverse",
    "expected_improvement",
    "independent_thompson",
    "probability_of_improvement",
    "upper_confidence_bound",
]

Floats = NDArray[np.float64]
_TINY = 1e-12
LEAST_STD = 1e-9
"""Standard deviations below this are taken for it."""


def expected_improvement(mean: Floats, std: Floats, best: float) -> Floats:
    """``E max(f - best, 0) = std (z Phi(z) + phi(z))`` with ``z = (mean - best) / std`` (Mockus 1975)."""
    std = np.maximum(std, _TINY)
    z = (mean - best) / std
    return np.asarray(std * (z * ndtr(z) + np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)))


def probability_of_improvement(mean: Floats, std: Floats, best: float) -> Floats:
    """``log P(f > best)`` (Kushner 1964); the logarithm tells apart what is far from improving."""
    return np.asarray(log_ndtr((mean - best) / np.maximum(std, _TINY)))


def upper_confidence_bound(mean: Floats, std: Floats, kappa: float = 0.5) -> Floats:
    """``mean + kappa std`` (Srinivas et al. 2010)."""
    return mean + kappa * std


def independent_thompson(mean: Floats, std: Floats, rng: np.random.Generator) -> Floats:
    """One draw from the prediction of each row, independent of the others."""
    return mean + std * rng.standard_normal(len(mean))


ACQUISITIONS: dict[str, str] = {
    "ei": "expected improvement",
    "its": "independent Thompson sampling: a draw for each candidate and pick",
    "pi": "probability of improvement",
    "ucb": "upper confidence bound",
    "thompson": "Thompson sampling: the mean of a predictor fitted to a bootstrap sample",
    "mean": "the mean alone",
}
"""Name -> meaning of the acquisitions of Bayesian optimisation."""


def acquire(
    name: str, mean: Floats, std: Floats | None, best: float, *, kappa: float, rng: np.random.Generator
) -> Floats:
    """The values of one of :data:`ACQUISITIONS`; without a std the mean.

    Args:
        name: of the acquisition.
        mean, std: ``(n,)``.
        best: best score measured so far.
        kappa: weight of the std for ``"ucb"``.
        rng: for ``"its"``.
    """
    if name in ("mean", "thompson") or std is None:
        return mean
    std = np.maximum(std, LEAST_STD)
    if name == "ei":
        return expected_improvement(mean, std, best)
    if name == "pi":
        return probability_of_improvement(mean, std, best)
    if name == "ucb":
        return upper_confidence_bound(mean, std, kappa)
    return independent_thompson(mean, std, rng)


def diverse(
    values: Floats, distances: Callable[[int], Floats], n: int, *, length: float = 1.0, weight: float = 1.0
) -> NDArray[np.int64]:
    """``n`` of the rows with high values that also differ from each other: greedy inference in a determinantal point process
    (Chen et al. 2018, https://arxiv.org/abs/1709.05135) with kernel ``q_i exp(-d_ij / length) q_j``.

    Args:
        values: ``(m,)``; only their ranks count: ``log q`` falls linearly in the rank, by ``weight`` over the first ``n``.
        distances: number of a row -> ``(m,)`` its distances from all rows.
        n: how many; all of them, best first, if there are no more.
        length: distance at which two rows are alike by ``1 / e``.
        weight: how much values count against distances.

    Returns:
        Numbers of the rows, in the order in which they were picked; the first is the best.
    """
    m = len(values)
    order = np.argsort(-values, kind="stable")
    if m <= n:
        return order
    rank = np.empty(m)
    rank[order] = np.arange(m)
    quality = np.exp(-weight * rank / n)
    remaining, factors, picked = quality**2, np.zeros((0, m)), [int(order[0])]
    for _ in range(n - 1):
        i = picked[-1]
        row = quality[i] * np.exp(-distances(i) / length) * quality
        row = (row - factors[:, i] @ factors) / np.sqrt(max(remaining[i], _TINY))
        factors = np.vstack([factors, row])
        remaining = np.maximum(remaining - row**2, 0.0)
        remaining[picked] = -np.inf
        picked.append(int(remaining.argmax()))
        remaining[picked[:-1]] = 0.0
    return np.array(picked, dtype=np.int64)
