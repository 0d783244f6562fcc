"""Inducing-point Gaussian processes trained with GPyTorch and handed back as numpy arrays.

Imported only when such a predictor is initialised. Hyperparameters start where an exact Gaussian process on at most 300 rows has
them; they are then optimised together with the inducing points, in the space of all features side by side.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular

from archcast.predictors.gaussian_process._additive import AdditiveKernel, InducingGP, LogNormal, Priors, Terms, tune

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # GPyTorch compiles a function in a way that torch deprecates
    import gpytorch

__all__ = ["CollapsedGP", "VariationalGP", "fit_collapsed", "fit_variational"]

JITTER = 1e-6
BATCH = 512


def _prior(prior: LogNormal) -> Any:
    return gpytorch.priors.LogNormalPrior(float(np.log(prior.median)), prior.sd)


def additive_kernel(terms: Terms, priors: Priors, start: AdditiveKernel) -> Any:
    """The additive kernel on columns side by side, with the hyperparameters of ``start``."""
    ends = np.cumsum([x.shape[1] for x in (*terms.matern, *terms.linear)])
    starts = ends - [x.shape[1] for x in (*terms.matern, *terms.linear)]
    columns = [torch.arange(start, end) for start, end in zip(starts, ends, strict=True)]
    parts = []
    for i, dims in enumerate(columns):
        part: Any
        if i < len(terms.matern):
            prior = _prior(priors.lengthscales[i])
            matern = gpytorch.kernels.MaternKernel(nu=2.5, active_dims=dims, lengthscale_prior=prior)
            matern.lengthscale = float(start.lengthscales[i])
            part = gpytorch.kernels.ScaleKernel(matern, outputscale_prior=_prior(priors.scales[i]))
            part.outputscale = float(start.scales[i])
        else:
            i -= len(terms.matern)
            part = gpytorch.kernels.LinearKernel(active_dims=dims, variance_prior=_prior(priors.slopes[i]))
            part.variance = float(start.slopes[i])
        parts.append(part)
    return gpytorch.kernels.AdditiveKernel(*parts).double()


def _likelihood(priors: Priors, noise: float) -> Any:
    likelihood = gpytorch.likelihoods.GaussianLikelihood(noise_prior=_prior(priors.noise)).double()
    likelihood.noise = max(noise, 1e-3)
    return likelihood


class CollapsedGP(gpytorch.models.ExactGP):
    """Sparse Gaussian process regression with the optimal variational posterior in closed form (Titsias 2009)."""

    def __init__(self, x: torch.Tensor, t: torch.Tensor, inducing: torch.Tensor, kernel: Any, likelihood: Any) -> None:
        super().__init__(x, t, likelihood)
        self.mean = gpytorch.means.ZeroMean()
        self.kernel = gpytorch.kernels.InducingPointKernel(kernel, inducing.clone(), likelihood)

    def forward(self, x: torch.Tensor) -> Any:
        return gpytorch.distributions.MultivariateNormal(self.mean(x), self.kernel(x))


class VariationalGP(gpytorch.models.ApproximateGP):
    """Gaussian process with a free-form normal posterior on the inducing values (Hensman et al. 2013)."""

    def __init__(self, inducing: torch.Tensor, kernel: Any) -> None:
        posterior = gpytorch.variational.CholeskyVariationalDistribution(len(inducing)).double()
        strategy = gpytorch.variational.VariationalStrategy(self, inducing.clone(), posterior)
        super().__init__(strategy)
        self.mean = gpytorch.means.ZeroMean()
        self.kernel = kernel

    def forward(self, x: torch.Tensor) -> Any:
        return gpytorch.distributions.MultivariateNormal(self.mean(x), self.kernel(x))


def fit_collapsed(
    terms: Terms,
    targets: NDArray[np.float64],
    priors: Priors,
    rng: np.random.Generator,
    *,
    inducing: int,
    iterations: int,
    learning_rate: float,
) -> InducingGP:
    """Maximise the collapsed bound of Titsias 2009 times the priors."""
    x, t, start = _tensors(terms, targets, rng, inducing)
    found, noise = tune(terms, targets, priors)
    kernel, likelihood = additive_kernel(terms, priors, found), _likelihood(priors, noise)
    model = CollapsedGP(x, t, start, kernel, likelihood)
    bound = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    model.train()
    _maximise(lambda: bound(model(x), t), list(model.parameters()), iterations, learning_rate)
    return collapsed_posterior(model, terms, targets)


def collapsed_posterior(model: CollapsedGP, terms: Terms, targets: NDArray[np.float64]) -> InducingGP:
    """The posterior of Titsias 2009, equations 6 to 8, from the trained model."""
    points = _terms(model.kernel.inducing_points, terms)
    kernel, noise = _numpy_kernel(model.kernel.base_kernel, terms), float(model.likelihood.noise.detach())
    prior = kernel(points, points) + JITTER * np.eye(len(points))
    cross = kernel(points, terms)
    factor = np.linalg.cholesky(prior)
    half = solve_triangular(factor, cross, lower=True)
    inner = np.eye(len(points)) + half @ half.T / noise
    back = solve_triangular(factor, np.eye(len(points)), lower=True)
    spread = cho_solve((np.linalg.cholesky(inner), True), back)
    alpha = spread.T @ (half @ targets) / noise
    return InducingGP(points, kernel, noise, alpha, back.T @ (back - spread))


def fit_variational(
    terms: Terms,
    targets: NDArray[np.float64],
    priors: Priors,
    rng: np.random.Generator,
    *,
    inducing: int,
    iterations: int,
    learning_rate: float,
) -> InducingGP:
    """Maximise the evidence lower bound of Hensman et al. 2013 times the priors, on batches where there are many rows."""
    x, t, start = _tensors(terms, targets, rng, inducing)
    found, noise = tune(terms, targets, priors)
    kernel, likelihood = additive_kernel(terms, priors, found), _likelihood(priors, noise)
    model = VariationalGP(start, kernel)
    bound = gpytorch.mlls.VariationalELBO(likelihood, model, num_data=len(t))
    model.train()

    def objective() -> torch.Tensor:
        rows = torch.as_tensor(rng.permutation(len(t))[:BATCH]) if len(t) > BATCH else slice(None)
        return bound(model(x[rows]), t[rows])

    parameters = [*model.parameters(), *likelihood.parameters()]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(
            int(rng.integers(2**31))
        )  # the first call adds noise to the variational mean
        _maximise(objective, parameters, iterations, learning_rate)
    return variational_posterior(model, likelihood, terms)


def variational_posterior(model: VariationalGP, likelihood: Any, terms: Terms) -> InducingGP:
    """Unwhiten ``q(u) = N(L m, L S L')``, with ``L`` the Cholesky factor of the inducing points' covariance."""
    strategy = model.variational_strategy
    points = _terms(strategy.inducing_points, terms)
    kernel = _numpy_kernel(model.kernel, terms)
    posterior = strategy.variational_distribution
    factor = np.linalg.cholesky(kernel(points, points) + JITTER * np.eye(len(points)))
    back = solve_triangular(factor, np.eye(len(points)), lower=True)
    mean = posterior.mean.detach().numpy()
    spread = np.eye(len(points)) - posterior.covariance_matrix.detach().numpy()
    return InducingGP(points, kernel, float(likelihood.noise.detach()), back.T @ mean, back.T @ spread @ back)


def _tensors(
    terms: Terms, targets: NDArray[np.float64], rng: np.random.Generator, inducing: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """All features side by side, targets, and the rows where the inducing points start: distinct training rows."""
    x = np.concatenate([*terms.matern, *terms.linear], axis=1)
    _, distinct = np.unique(x.round(9), axis=0, return_index=True)
    start = rng.permutation(np.sort(distinct))[:inducing]
    return torch.from_numpy(x), torch.from_numpy(np.asarray(targets, dtype=np.float64)), torch.from_numpy(x[start])


def _maximise(
    objective: Callable[[], torch.Tensor], parameters: list[torch.Tensor], iterations: int, learning_rate: float
) -> None:
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    settings = gpytorch.settings
    # log_prob=True: by the matrix inversion lemma, exact and linear in the number of rows, for a low-rank covariance
    with settings.fast_computations(False, True, False), settings.cholesky_jitter(double_value=JITTER):
        for _ in range(iterations):
            optimizer.zero_grad()
            loss = -objective()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def _terms(points: torch.Tensor, like: Terms) -> Terms:
    """Columns side by side back to terms."""
    blocks = np.split(
        points.detach().numpy(), np.cumsum([x.shape[1] for x in (*like.matern, *like.linear)])[:-1], axis=1
    )
    return Terms(tuple(blocks[: len(like.matern)]), tuple(blocks[len(like.matern) :]))


def _numpy_kernel(kernel: Any, terms: Terms) -> AdditiveKernel:
    parts, m = list(kernel.kernels), len(terms.matern)
    return AdditiveKernel(
        np.array([float(part.outputscale.detach()) for part in parts[:m]]),
        np.array([float(part.base_kernel.lengthscale.detach()) for part in parts[:m]]),
        np.array([float(part.variance.detach()) for part in parts[m:]]),
    )
