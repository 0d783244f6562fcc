"""Bayesian linear regression on learned features: the last layer of DNGO (Snoek et al. 2015) and of BONAS (Shi et al. 2019).

``y = phi w + e`` with ``w ~ N(0, I / alpha)`` and ``e ~ N(0, 1 / beta)``. Precisions maximise the marginal likelihood times a
log-normal prior, which keeps them sensible with a handful of rows. All of it in closed form from one singular value
decomposition of the features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

__all__ = ["BayesianLinear", "Evidence", "fit"]

PRIOR_MEAN = np.log([1.0, 10.0])
PRIOR_SD = np.array([1.0, 1.5])
"""Of log alpha and log beta, for features of mean squared norm 1 and targets of variance 1."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Marginal likelihood of targets, as a function of the two precisions.

    Attributes:
        values: ``(r,)`` singular values of the features, r = min(n, k).
        projections: ``(r,)`` targets in the basis of the left singular vectors.
        rest: squared norm of what the basis leaves of the targets.
        n: number of targets.
    """

    values: NDArray[np.float64]
    projections: NDArray[np.float64]
    rest: float
    n: int

    def log(self, log_alpha: float, log_beta: float) -> tuple[float, NDArray[np.float64]]:
        """``log p(y | alpha, beta)`` and its gradient with respect to ``(log alpha, log beta)``.

        The covariance of the targets, ``phi phi' / alpha + I / beta``, has eigenvalues ``s^2 / alpha + 1 / beta``, and
        ``1 / beta`` in the other ``n - r`` directions.
        """
        alpha, beta = np.exp([log_alpha, log_beta])
        signal, noise, other = self.values**2 / alpha, 1 / beta, self.n - len(self.values)
        total, squares = signal + noise, self.projections**2
        value = np.log(total).sum() + (squares / total).sum() - other * log_beta + beta * self.rest
        slope = 1 / total - squares / total**2
        gradient = np.array([-(slope * signal).sum(), -(slope * noise).sum() - other + beta * self.rest])
        return float(-0.5 * (value + self.n * np.log(2 * np.pi))), -0.5 * gradient


@dataclass(frozen=True, eq=False)
class BayesianLinear:
    """Posterior of the weights.

    Attributes:
        mean: ``(k,)``.
        root: ``(k, k)``; ``root @ root.T`` is the posterior covariance.
        alpha: prior precision of the weights.
        beta: noise precision.
    """

    mean: NDArray[np.float64]
    root: NDArray[np.float64]
    alpha: float
    beta: float

    def predict(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation, noise included, of new targets with ``(n, k)`` features."""
        variance = np.square(features @ self.root).sum(axis=1) + 1 / self.beta
        return features @ self.mean, np.sqrt(variance)


def fit(features: NDArray[np.float64], targets: NDArray[np.float64]) -> BayesianLinear:
    """Posterior given ``(n, k)`` features and ``(n,)`` targets of zero mean, with the most likely precisions."""
    n, k = features.shape
    left, values, right = np.linalg.svd(features, full_matrices=True)
    values = values[: min(n, k)]
    projections = left[:, : len(values)].T @ targets
    evidence = Evidence(values, projections, max(0.0, float(targets @ targets - projections @ projections)), n)

    def negative(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = evidence.log(x[0], x[1])
        off = (x - PRIOR_MEAN) / PRIOR_SD
        return 0.5 * float(off @ off) - value, off / PRIOR_SD - gradient

    starts = [PRIOR_MEAN, PRIOR_MEAN - [0.0, 3.0]]
    best = min((minimize(negative, x, jac=True, method="L-BFGS-B") for x in starts), key=lambda result: result.fun)
    alpha, beta = np.exp(best.x)
    precision = np.full(k, alpha)
    precision[: len(values)] += beta * values**2
    mean = right[: len(values)].T @ (beta * values * projections / precision[: len(values)])
    return BayesianLinear(mean, right.T / np.sqrt(precision), float(alpha), float(beta))
