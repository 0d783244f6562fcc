"""Bayesian linear regression in closed form: the cheapest predictor with an uncertainty, and the head of DNGO and BONAS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from archcast.predictors.base import register
from archcast.predictors.calibration import EACH
from archcast.predictors.persistence import saved
from archcast.predictors.regression import DEFAULT_ENCODING, FeatureRegressor
from archcast.spaces.base import SearchSpace

__all__ = ["BayesianLinear", "LinearPosterior"]


@saved("linear-posterior")
@dataclass(frozen=True, eq=False)
class LinearPosterior:
    """Posterior of ``t = c + <w, x> + noise`` with ``w ~ N(0, I / alpha)``, ``noise ~ N(0, 1 / beta)`` and a flat prior on ``c``.

    With ``X`` centred on the training rows, the weights are normal with precision ``alpha I + beta X'X`` and mean
    ``beta (alpha I + beta X'X)^-1 X't``. ``alpha`` and ``beta`` maximise the evidence times weak log-normal priors
    (signal variance 1, noise variance .1, for targets of unit variance), which keep it sound with a few rows.

    Attributes:
        centre: ``(k,)`` mean of the training features.
        offset: mean of the targets.
        weights: ``(k,)`` posterior mean of ``w``.
        basis: ``(k, r)`` right singular vectors of the centred features.
        shrinkage: ``(r,)`` posterior minus prior variance along them.
        alpha, beta: precisions of the weights and of the noise.
        rows: number of training rows.
    """

    centre: NDArray[np.float64]
    offset: float
    weights: NDArray[np.float64]
    basis: NDArray[np.float64]
    shrinkage: NDArray[np.float64]
    alpha: float
    beta: float
    rows: int

    @classmethod
    def fit(cls, features: NDArray[np.float64], targets: NDArray[np.float64]) -> LinearPosterior:
        """Learn from ``(n, k)`` features and ``(n,)`` targets."""
        n = len(targets)
        centre, offset = features.mean(axis=0), float(targets.mean())
        left, singular, right = np.linalg.svd(features - centre, full_matrices=False)
        some = singular > 1e-8 * max(singular.max(initial=0.0), 1.0)
        left, singular, right = left[:, some], singular[some], right[some]
        projected = left.T @ (targets - offset)
        rest = max(float(np.square(targets - offset).sum() - np.square(projected).sum()), 0.0)
        signal = np.square(singular).sum() / n if some.any() else 1.0  # prior variance of <w, x> at alpha = 1

        def objective(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            """Negative log of evidence times priors; theta: logs of signal variance and noise variance."""
            a, b = np.exp(theta)
            gain = np.square(singular) / signal
            variance = a * gain + b
            fit = np.square(projected) / variance
            spare = n - 1 - len(singular)
            value = 0.5 * (np.log(variance).sum() + fit.sum() + spare * theta[1] + rest / b)
            inner = (1 - fit) / variance
            gradient = 0.5 * np.array([a * (gain * inner).sum(), b * inner.sum() + spare - rest / b])
            deviation = (theta - _PRIOR_MEAN) / _PRIOR_SD
            return float(value + 0.5 * deviation @ deviation), gradient + deviation / _PRIOR_SD

        found = minimize(objective, _PRIOR_MEAN, jac=True, method="L-BFGS-B").x
        alpha, beta = float(signal / np.exp(found[0])), float(np.exp(-found[1]))
        precision = alpha + beta * np.square(singular)
        return cls(
            centre,
            offset,
            right.T @ (beta * singular * projected / precision),
            right.T,
            1 / precision - 1 / alpha,
            alpha,
            beta,
            n,
        )

    def predict(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean ``(m,)`` and variance ``(m,)`` of the noise-free function."""
        x = features - self.centre
        variance = np.square(x).sum(axis=1) / self.alpha + np.square(x @ self.basis) @ self.shrinkage
        return self.offset + x @ self.weights, np.maximum(variance, 0.0) + 1 / (self.beta * self.rows)

    def leave_one_out(
        self, features: NDArray[np.float64], targets: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean ``(n,)`` and variance ``(n,)``, noise included, of each target given all others; the precisions are those of all."""
        mean, variance = self.predict(features)
        rest = np.maximum(1 - self.beta * variance, 1e-9)
        return targets - (targets - mean) / rest, 1 / (self.beta * rest)


_PRIOR_MEAN = np.log([1.0, 0.1])
_PRIOR_SD = np.array([1.0, 1.5])


@register(
    "bayesian-linear",
    summary="Bayesian linear regression in closed form",
    paper="Bishop 2006, Pattern Recognition and Machine Learning, section 3.3-3.5",
    family="gaussian-process",
    default=True,
)
class BayesianLinear(FeatureRegressor):
    """Bayesian linear regression of rank-normal targets on standardised features.

    Both precisions come from the evidence (type-II maximum likelihood) with weak priors; see :class:`LinearPosterior`. ``std`` is
    that of a score that would be measured (noise included).

    Args:
        space: search space.
        encoding: name of an encoding, or several.
        random_state: not used; the fit is deterministic.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> linear = archcast.get_predictor("bayesian-linear", space=space).init(archs, (archs == 3).sum(axis=1))
        >>> mean = linear.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    has_std = True
    beliefs = EACH

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = DEFAULT_ENCODING,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, encoding=encoding, random_state=random_state)

    def learn(self, features: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        self.posterior_ = LinearPosterior.fit(features, targets)

    def outside(
        self, features: NDArray[np.float64], targets: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        mean, variance = self.posterior_.leave_one_out(features, targets)
        return mean, np.sqrt(variance)

    def folds(self, n: int) -> NDArray[np.int64]:
        return np.arange(n)

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        mean, variance = self.posterior_.predict(features)
        return mean, np.sqrt(variance + 1 / self.posterior_.beta)
