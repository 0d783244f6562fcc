"""Additive Gaussian process regression in numpy: maximum a posteriori hyperparameters with analytic gradients.

The kernel is a sum of terms, each with its own scale:

    k(x, x') = sum_g  a_g * matern52(|x_g - x'_g| / l_g)  +  sum_h  b_h * <x_h, x'_h>  +  noise * [x is x']

with ``matern52(r) = (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)``. Log-normal priors on all hyperparameters keep it sound with
five training points; a tight one on the lengthscales, about the median distance in the pool, matters most there.

Optionally each feature of a Matern term has a relevance ``w``, the distance being ``sqrt(sum_k w_k (x_k - x'_k)^2)`` (automatic
relevance determination, Neal 1996). Their prior, log-normal about 1, leaves them alone until the data speak.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, lapack, solve_triangular
from scipy.optimize import minimize

from archcast.predictors.gaussian_process._sparse_rows import SparseRows
from archcast.predictors.persistence import saved

__all__ = ["AdditiveGP", "AdditiveKernel", "LogNormal", "Objective", "Priors", "Terms", "matern52"]

JITTER = 1e-4
SQRT5 = np.sqrt(5.0)


@dataclass(frozen=True)
class LogNormal:
    """Prior of a positive hyperparameter: ``log(x) ~ N(log(median), sd^2)``."""

    median: float
    sd: float


def square_distances(
    a: NDArray[np.float64], b: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """``(n, m)`` squared Euclidean distances of the rows of ``a`` and ``b``, each feature ``(k,)`` weighted.

    At query ``a`` has many rows and ``b`` few: it is ``b`` that is weighted.
    """
    weights = np.ones(a.shape[1]) if weights is None else weights
    out = a @ (-2 * weights * b).T
    out += (np.square(a) @ weights)[:, None]
    out += np.square(b) @ weights
    return np.maximum(out, 0.0, out=out)


def matern52(square: NDArray[np.float64], lengthscale: float) -> NDArray[np.float64]:
    """Matern-5/2 correlation of squared distances."""
    r = np.sqrt(square)
    r *= SQRT5 / lengthscale
    out = np.exp(-r)
    polynomial = r / 3 + 1
    polynomial *= r
    polynomial += 1
    out *= polynomial
    return out


@saved("terms")
@dataclass(frozen=True, eq=False)
class Terms:
    """Features of ``n`` rows for the terms of the kernel.

    Attributes:
        matern: ``(n, k_g)`` for each Matern term.
        linear: ``(n, k_h)`` for each linear term: arrays, or sparse rows.
    """

    matern: tuple[NDArray[np.float64], ...]
    linear: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return len((*self.matern, *self.linear)[0])

    def __getitem__(self, rows: Any) -> Terms:
        return Terms(tuple(x[rows] for x in self.matern), tuple(x[rows] for x in self.linear))


@dataclass(frozen=True)
class Priors:
    """Priors of the hyperparameters.

    Attributes:
        scales, lengthscales: one for each Matern term.
        slopes: one for each linear term.
        noise: of the variance of the observations.
        relevance: standard deviation of the logarithm of each feature's relevance; 0 keeps all relevances at 1.
    """

    scales: tuple[LogNormal, ...]
    lengthscales: tuple[LogNormal, ...]
    slopes: tuple[LogNormal, ...] = ()
    noise: LogNormal = LogNormal(0.05, 1.5)
    relevance: float = 0.0


class Objective:
    """Negative log posterior of the hyperparameters, and its gradient.

    Args:
        terms: features.
        targets: ``(n,)``, with the prior mean taken off.
        priors: of the hyperparameters; ``theta`` holds their logarithms in the order of its attributes, the relevances last.
    """

    def __init__(self, terms: Terms, targets: NDArray[np.float64], priors: Priors) -> None:
        self.features = terms.matern if priors.relevance > 0 else ()
        self.squares = [square_distances(x, x) for x in terms.matern]
        self.grams = [x @ x.T for x in terms.linear]
        self.targets = targets
        order = (*priors.scales, *priors.lengthscales, *priors.slopes, priors.noise)
        relevances = sum(x.shape[1] for x in self.features)
        self.centre = np.concatenate([np.log([prior.median for prior in order]), np.zeros(relevances)])
        self.sd = np.concatenate([[prior.sd for prior in order], np.full(relevances, priors.relevance)])
        self.basic = len(order)

    def __call__(self, theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Value and gradient at ``theta``."""
        n, m = len(self.targets), len(self.squares)
        values = np.exp(theta[: self.basic])
        scales, lengthscales, slopes, noise = values[:m], values[m : 2 * m], values[2 * m : -1], values[-1]
        relevances = self.split(theta)
        weighted = [x * np.sqrt(w) for x, w in zip(self.features, relevances, strict=True)]
        squares = [square_distances(x, x) for x in weighted] or self.squares
        covariance = np.zeros((n, n))
        materns, derivatives, tails = [], [], []
        for square, lengthscale in zip(squares, lengthscales, strict=True):
            r = np.sqrt(square) * (SQRT5 / lengthscale)
            decay, r2 = np.exp(-r), r * r / 3
            tails.append((1 + r) * decay)
            materns.append((1 + r + r2) * decay)
            derivatives.append(r2 * tails[-1])
        for scale, term in zip(scales, materns, strict=True):
            covariance += scale * term
        for slope, gram in zip(slopes, self.grams, strict=True):
            covariance += slope * gram
        covariance.flat[:: n + 1] += noise + JITTER
        factor, info = lapack.dpotrf(covariance, lower=True)
        deviation = (theta - self.centre) / self.sd
        if info != 0:
            return 1e10, deviation / self.sd
        alpha = cho_solve((factor, True), self.targets)
        value = 0.5 * self.targets @ alpha + np.log(np.diag(factor)).sum() + 0.5 * deviation @ deviation
        inverse, _ = lapack.dpotri(factor, lower=True)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        weights = 0.5 * (inverse - np.outer(alpha, alpha))
        gradient = np.concatenate(
            [
                [a * np.vdot(weights, term) for a, term in zip(scales, materns, strict=True)],
                [a * np.vdot(weights, term) for a, term in zip(scales, derivatives, strict=True)],
                [b * np.vdot(weights, gram) for b, gram in zip(slopes, self.grams, strict=True)],
                [noise * np.trace(weights)],
                *(
                    # the derivative of a Matern term by the squared distance is -5/6 (1 + r) exp(-r) / lengthscale^2
                    _by_relevance(x, weights * tail * (-5 / 6 * scale / lengthscale**2))
                    for x, tail, scale, lengthscale in zip(weighted, tails, scales, lengthscales, strict=False)
                ),
            ]
        )
        return float(value), gradient + deviation / self.sd

    def split(self, theta: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Relevances of the features of each Matern term; none if they are kept at 1."""
        ends = np.cumsum([self.basic, *(x.shape[1] for x in self.features)])
        return [np.exp(theta[a:b]) for a, b in pairwise(ends.tolist())]


def _by_relevance(weighted: NDArray[np.float64], by_square: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gradient by the log relevance of each feature, from that by the squared distances ``(n, n)``, symmetric; ``weighted``
    ``(n, k)`` are the features times the roots of their relevances."""
    own = by_square.sum(axis=1) @ np.square(weighted)
    return np.asarray(2 * (own - np.einsum("ij,ij->j", weighted, by_square @ weighted)))


@saved("additive-kernel")
@dataclass(frozen=True, eq=False)
class AdditiveKernel:
    """The kernel of the module docstring, without noise.

    Attributes:
        scales, lengthscales: of the Matern terms.
        slopes: scales of the linear terms.
        relevances: of the features of each Matern term; empty if all are 1.
    """

    scales: NDArray[np.float64]
    lengthscales: NDArray[np.float64]
    slopes: NDArray[np.float64]
    relevances: tuple[NDArray[np.float64], ...] = ()

    def __call__(self, a: Terms, b: Terms) -> NDArray[np.float64]:
        """``(n, m)`` covariance of the rows of ``a`` with those of ``b``."""
        total = np.zeros((len(a), len(b)))
        relevances = self.relevances or (None,) * len(a.matern)
        for x, z, scale, lengthscale, relevance in zip(
            a.matern, b.matern, self.scales, self.lengthscales, relevances, strict=True
        ):
            term = matern52(square_distances(x, z, relevance), lengthscale)
            term *= scale
            total += term
        for x, z, slope in zip(a.linear, b.linear, self.slopes, strict=True):
            total += x @ (slope * z).T
        return total

    def diagonal(self, a: Terms) -> NDArray[np.float64]:
        """``(n,)`` variance of the rows of ``a``."""
        total = np.full(len(a), self.scales.sum())
        for x, slope in zip(a.linear, self.slopes, strict=True):
            squares = x.square_lengths() if isinstance(x, SparseRows) else np.einsum("ij,ij->i", x, x)
            total += slope * squares
        return total


def tune(
    terms: Terms, targets: NDArray[np.float64], priors: Priors, *, iterations: int = 30, rows: int = 300
) -> tuple[AdditiveKernel, float]:
    """Kernel and noise variance with the most likely hyperparameters, starting at the mode of the priors.

    Args:
        terms, targets, priors: see :class:`Objective`.
        iterations: of L-BFGS-B; 0 leaves them at the mode.
        rows: where there are more rows, this many of them, evenly spaced, are looked at.
    """
    m = len(terms.matern)
    if iterations == 0:
        return _mode(terms, priors), priors.noise.median
    some = np.linspace(0, len(targets) - 1, min(len(targets), rows)).astype(int)
    objective = Objective(terms[some], targets[some], priors)
    bounds = [(c - 6, c + 6) for c in objective.centre]
    found = minimize(
        objective, objective.centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": iterations}
    )
    values = np.exp(found.x[: objective.basic])
    kernel = AdditiveKernel(values[:m], values[m : 2 * m], values[2 * m : -1], tuple(objective.split(found.x)))
    return kernel, float(values[-1])


def _mode(terms: Terms, priors: Priors) -> AdditiveKernel:
    """The kernel with the hyperparameters at the mode of their priors."""
    scales, lengthscales, slopes = (
        np.array([prior.median for prior in part]) for part in (priors.scales, priors.lengthscales, priors.slopes)
    )
    relevances = tuple(np.ones(x.shape[1]) for x in terms.matern) if priors.relevance > 0 else ()
    return AdditiveKernel(scales, lengthscales, slopes, relevances)


@saved("additive-gp")
@dataclass(frozen=True, eq=False)
class AdditiveGP:
    """A fitted additive Gaussian process.

    Attributes:
        terms: features of the training rows.
        kernel: with the hyperparameters found.
        noise: variance of the observations.
        alpha: ``(n,)``, inverse covariance times targets.
        factor: ``(n, n)``, lower Cholesky factor of the covariance.
    """

    terms: Terms
    kernel: AdditiveKernel
    noise: float
    alpha: NDArray[np.float64]
    factor: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        terms: Terms,
        targets: NDArray[np.float64],
        priors: Priors,
        *,
        iterations: int = 30,
        tune_rows: int = 300,
    ) -> AdditiveGP:
        """Find the hyperparameters with :func:`tune` and condition on all rows."""
        kernel, noise = tune(terms, targets, priors, iterations=iterations, rows=tune_rows)
        covariance = kernel(terms, terms)
        covariance.flat[:: len(targets) + 1] += noise + JITTER
        factor = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
        return cls(terms, kernel, noise, cho_solve((factor, True), targets), factor)

    def predict(self, terms: Terms) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Posterior mean ``(m,)`` and variance ``(m,)`` of the noise-free function."""
        cross = self.kernel(terms, self.terms)
        explained = np.square(solve_triangular(self.factor, cross.T, lower=True)).sum(axis=0)
        return cross @ self.alpha, np.maximum(self.kernel.diagonal(terms) - explained, 0.0)

    def covariance(self, terms: Terms) -> NDArray[np.float64]:
        """``(m, m)`` posterior covariance of the noise-free function."""
        half = solve_triangular(self.factor, self.kernel(terms, self.terms).T, lower=True)
        return np.asarray(self.kernel(terms, terms) - half.T @ half)

    def log_likelihood(self, targets: NDArray[np.float64]) -> float:
        """Logarithm of the marginal likelihood of the targets ``(n,)`` that it was fitted to."""
        n = len(targets)
        return float(-0.5 * targets @ self.alpha - np.log(np.diag(self.factor)).sum() - n / 2 * np.log(2 * np.pi))

    def leave_one_out(self, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(n,)`` mean of each target given all others, in closed form."""
        return targets - self.alpha * self.leave_one_out_variance()

    def leave_one_out_variance(self) -> NDArray[np.float64]:
        """``(n,)`` variance of each target, noise included, given all others."""
        inverse = cho_solve((self.factor, True), np.eye(len(self.alpha)))
        return np.asarray(1 / np.diag(inverse))


@saved("inducing-gp")
@dataclass(frozen=True, eq=False)
class InducingGP:
    """A Gaussian process summarised by ``m`` inducing points; with ``k`` the covariances of a row with them, the posterior has
    mean ``k alpha`` and variance ``k(x, x) - k reduction k'``.

    Attributes:
        terms: features of the inducing points.
        kernel: with the hyperparameters found.
        noise: variance of the observations.
        alpha: ``(m,)``.
        reduction: ``(m, m)``.
    """

    terms: Terms
    kernel: AdditiveKernel
    noise: float
    alpha: NDArray[np.float64]
    reduction: NDArray[np.float64]

    def predict(self, terms: Terms) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Posterior mean ``(n,)`` and variance ``(n,)`` of the noise-free function."""
        cross = self.kernel(terms, self.terms)
        explained = np.einsum("ij,ij->i", cross @ self.reduction, cross)
        return cross @ self.alpha, np.maximum(self.kernel.diagonal(terms) - explained, 0.0)

    def covariance(self, terms: Terms) -> NDArray[np.float64]:
        """``(n, n)`` posterior covariance of the noise-free function."""
        cross = self.kernel(terms, self.terms)
        return np.asarray(self.kernel(terms, terms) - cross @ self.reduction @ cross.T)

    def leave_one_out(
        self, terms: Terms, targets: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance, noise included, ``(n,)`` of each training target given all others, in closed form, by the collapsed
        posterior of Titsias 2009; inducing points and hyperparameters are those found with all.

        That posterior is Bayesian linear regression on ``phi = L^-1 k``, L the Cholesky factor of the inducing points'
        covariance. With leverages ``h_i = phi_i' (Phi' Phi + noise)^-1 phi_i`` and fitted values ``f_i``, the mean without row i is
        ``(f_i - h_i t_i) / (1 - h_i)`` and the variance ``noise / (1 - h_i) + k(x_i, x_i) - phi_i' phi_i``.
        """
        m = len(self.alpha)
        factor = np.linalg.cholesky(self.kernel(self.terms, self.terms) + JITTER * np.eye(m))
        phi = solve_triangular(factor, self.kernel(self.terms, terms), lower=True)
        inner = np.linalg.cholesky(phi @ phi.T + self.noise * np.eye(m))
        fitted = phi.T @ cho_solve((inner, True), phi @ targets)
        leverage = np.square(solve_triangular(inner, phi, lower=True)).sum(axis=0)
        rest = np.maximum(self.kernel.diagonal(terms) - np.square(phi).sum(axis=0), 0.0)
        return (fitted - leverage * targets) / (1 - leverage), self.noise / (1 - leverage) + rest
