"""A Gaussian process with a kernel that is a weighted sum of inner products, and weights learnt from many small tasks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

__all__ = ["START", "kernel", "posterior", "weights_for"]

Array = NDArray[np.float64]

CONSTANT = 10.0
"""Variance of the mean, on the scale of targets with variance 1: it is left to the data."""
JITTER = 1e-8
START, NOISE = 0.3, 0.05
"""Weights and variance of the noise before anything is learnt."""
SPREAD = 1.5
"""Standard deviation of the normal prior of their logarithms."""
BOUNDS = (-9.0, 4.0)


def kernel(weights: Array, first: Sequence[Array], second: Sequence[Array]) -> Array:
    """``(n, m)`` sum over the groups of ``weight * inner product``, and a constant."""
    out = np.full((len(first[0]), len(second[0])), CONSTANT)
    for weight, a, b in zip(weights, first, second, strict=False):
        out += weight * (a @ b.T)
    return out


def posterior(weights: Array, known: Sequence[Array], targets: Array, asked: Sequence[Array]) -> tuple[Array, Array]:
    """Mean ``(m,)`` and variance ``(m,)``, noise included, at rows whose features are ``asked``; the last weight is the noise."""
    noise = weights[-1]
    factor = cho_factor(kernel(weights, known, known) + (noise + JITTER) * np.eye(len(targets)), lower=True)
    cross = kernel(weights, asked, known)
    own = np.full(len(cross), CONSTANT)
    for weight, a in zip(weights, asked, strict=False):
        own += weight * np.einsum("ij,ij->i", a, a)
    explained = np.einsum("ij,ji->i", cross, cho_solve(factor, cross.T))
    return cross @ cho_solve(factor, targets), np.maximum(own - explained, 0.0) + noise


def weights_for(tasks: Sequence[tuple[Sequence[Array], Array]], groups: int) -> Array:
    """``(groups + 1,)`` weights that make the targets of the tasks most likely on average, the noise last.

    Args:
        tasks: features of ``(n, k)`` rows for each group, and ``(n,)`` targets with mean 0 and variance 1.
        groups: number of groups.
    """
    start = np.log(np.append(np.full(groups, START), NOISE))
    products = [([a @ a.T for a in features], targets) for features, targets in tasks]

    def loss(logs: Array) -> tuple[float, Array]:
        value, slope = 0.0, np.zeros(len(logs))
        weights = np.exp(logs)
        for parts, targets in products:
            n = len(targets)
            parts = [*parts, np.eye(n)]
            matrix = CONSTANT + sum(w * part for w, part in zip(weights, parts, strict=True)) + JITTER * np.eye(n)
            factor = cho_factor(matrix, lower=True)
            alpha = cho_solve(factor, targets)
            value += 0.5 * targets @ alpha + np.log(np.diag(factor[0])).sum()
            outer = np.outer(alpha, alpha) - cho_solve(factor, np.eye(n))
            slope -= 0.5 * weights * np.array([np.sum(outer * part) for part in parts])
        prior = (logs - start) / SPREAD
        return value + 0.5 * prior @ prior, slope + prior / SPREAD

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[BOUNDS] * len(start))
    return np.exp(found.x)
