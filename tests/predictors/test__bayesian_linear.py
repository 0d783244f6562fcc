"""Bayesian linear regression against dense formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal

from archcast.predictors._bayesian_linear import PRIOR_MEAN, PRIOR_SD, Evidence, fit


def evidence_of(features: np.ndarray, targets: np.ndarray) -> Evidence:
    left, values, _ = np.linalg.svd(features, full_matrices=False)
    projections = left.T @ targets
    return Evidence(values, projections, float(targets @ targets - projections @ projections), len(targets))


@pytest.fixture(params=[(12, 5), (5, 12), (1, 3), (6, 6)])
def data(request: pytest.FixtureRequest, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    n, k = request.param
    return rng.normal(size=(n, k)), rng.normal(size=n)


def test_evidence_is_the_density_of_the_targets(data: tuple[np.ndarray, np.ndarray]) -> None:
    features, targets = data
    for alpha, beta in ((0.5, 20.0), (3.0, 0.2)):
        covariance = features @ features.T / alpha + np.eye(len(targets)) / beta
        expected = multivariate_normal(np.zeros(len(targets)), covariance).logpdf(targets)
        value, _ = evidence_of(features, targets).log(np.log(alpha), np.log(beta))
        assert value == pytest.approx(expected, rel=1e-9)


def test_gradient_of_the_evidence(data: tuple[np.ndarray, np.ndarray]) -> None:
    evidence = evidence_of(*data)
    for point in ([0.3, 1.0], [-1.0, 3.0]):
        _, gradient = evidence.log(*point)
        numeric = approx_fprime(np.array(point), lambda x: evidence.log(*x)[0], 1e-6)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-5)


def test_posterior_is_the_closed_form(data: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> None:
    features, targets = data
    posterior = fit(features, targets)
    covariance = np.linalg.inv(posterior.alpha * np.eye(features.shape[1]) + posterior.beta * features.T @ features)
    np.testing.assert_allclose(posterior.root @ posterior.root.T, covariance, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(
        posterior.mean, posterior.beta * covariance @ features.T @ targets, rtol=1e-8, atol=1e-12
    )
    new = rng.normal(size=(4, features.shape[1]))
    mean, std = posterior.predict(new)
    np.testing.assert_allclose(mean, new @ posterior.mean)
    np.testing.assert_allclose(std**2, np.diag(new @ covariance @ new.T) + 1 / posterior.beta)


def test_precisions_are_the_most_likely_ones(data: tuple[np.ndarray, np.ndarray]) -> None:
    features, targets = data
    posterior, evidence = fit(features, targets), evidence_of(features, targets)

    def objective(x: np.ndarray) -> float:
        return evidence.log(*x)[0] - 0.5 * float(np.square((x - PRIOR_MEAN) / PRIOR_SD).sum())

    found = objective(np.log([posterior.alpha, posterior.beta]))
    grid = [objective(np.array([a, b])) for a in np.linspace(-4, 5, 46) for b in np.linspace(-4, 7, 56)]
    assert found >= max(grid) - 1e-6


def test_precisions_of_plenty_of_data_are_the_true_ones(rng: np.random.Generator) -> None:
    features = rng.normal(size=(4000, 200)) / np.sqrt(200)
    targets = features @ rng.normal(size=200) * np.sqrt(2.0) + 0.25 * rng.normal(size=4000)
    posterior = fit(features, targets)
    assert posterior.alpha == pytest.approx(0.5, rel=0.25)
    assert posterior.beta == pytest.approx(16.0, rel=0.1)
