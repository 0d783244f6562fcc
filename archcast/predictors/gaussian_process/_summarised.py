"""Gaussian processes of many rows in closed form: a few rows stand for all (Titsias 2009, without a search for inducing points)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular

from archcast.predictors.gaussian_process._additive import JITTER, InducingGP, Priors, Terms, tune

__all__ = ["INDUCING", "summarised"]

INDUCING = 600
"""Training rows that are inducing points."""

Array = NDArray[np.float64]


def summarised(
    terms: Terms, targets: Array, priors: Priors, *, inducing: int = INDUCING
) -> tuple[InducingGP, Array, Array]:
    """Fit a sparse Gaussian process with training rows, evenly spaced, as inducing points u.

    Hyperparameters are those of :func:`tune`. With ``Q = K_fu K_uu^-1 K_uf`` and the noise variance s, the posterior is that of
    ``N(0, Q + s I)`` (https://proceedings.mlr.press/v5/titsias09a.html), in time ``n m^2`` and memory ``n m``.

    Args:
        terms: features of ``n`` rows.
        targets: ``(n,)``.
        priors: of the hyperparameters.
        inducing: ``m``; not more than ``n`` are taken.

    Returns:
        The process, and ``(n,)`` mean and variance, noise included, of each target given all others (inducing points stay).
    """
    n = len(targets)
    kernel, noise = tune(terms, targets, priors)
    some = terms[np.linspace(0, n - 1, min(n, inducing)).astype(int)]
    gram = kernel(some, some)
    gram.flat[:: len(gram) + 1] += JITTER
    lower = np.asarray(np.linalg.cholesky(gram), dtype=np.float64)
    half = solve_triangular(lower, kernel(some, terms), lower=True)  # Q = half' half
    inner = half @ half.T / noise
    inner.flat[:: len(inner) + 1] += 1
    factor = np.asarray(np.linalg.cholesky(inner), dtype=np.float64)
    along = solve_triangular(factor, half, lower=True) / noise  # (Q + s I)^-1 = I / s - along' along
    back = solve_triangular(lower, np.eye(len(gram)), lower=True)
    gp = InducingGP(
        some,
        kernel,
        noise,
        back.T @ cho_solve((factor, True), half @ targets) / noise,
        back.T @ (np.eye(len(gram)) - cho_solve((factor, True), np.eye(len(gram)))) @ back,
    )
    variance = 1 / (1 / noise - np.square(along).sum(axis=0))
    mean = targets - (targets / noise - along.T @ (along @ targets)) * variance
    unexplained = np.maximum(kernel.diagonal(terms) - np.square(half).sum(axis=0), 0.0)
    return gp, mean, variance + unexplained
