from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime, check_grad
from scipy.stats import multivariate_normal, norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern

from archcast.predictors.gaussian_process import _additive as gps
from archcast.predictors.gaussian_process._additive import (
    JITTER,
    AdditiveGP,
    AdditiveKernel,
    InducingGP,
    LogNormal,
    Objective,
    Priors,
    Terms,
    matern52,
    square_distances,
    tune,
)


def problem(n, seed=0):
    """Terms of ``n`` rows (two Matern groups, two linear ones), targets and priors."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(n, 3)), rng.normal(size=(n, 2)), rng.normal(size=(n, 4))
    targets = np.sin(a[:, 0]) + 0.5 * c[:, 1] + 0.1 * rng.normal(size=n)
    priors = Priors(
        scales=(LogNormal(0.4, 1.0), LogNormal(0.2, 0.7)),
        lengthscales=(LogNormal(1.5, 0.3), LogNormal(2.0, 0.4)),
        slopes=(LogNormal(0.1, 1.0), LogNormal(0.3, 1.2)),
        noise=LogNormal(0.05, 1.5),
    )
    return Terms((a, b), (c, a)), targets, priors


def sklearn_covariance(terms, other, theta):
    """The same kernel made of scikit-learn's, one group at a time."""
    scales, lengthscales, slopes = np.exp(theta[:2]), np.exp(theta[2:4]), np.exp(theta[4:6])
    total = np.zeros((len(terms), len(other)))
    for x, z, scale, lengthscale in zip(terms.matern, other.matern, scales, lengthscales, strict=True):
        total += (ConstantKernel(scale) * Matern(lengthscale, nu=2.5))(x, z)
    for x, z, slope in zip(terms.linear, other.linear, slopes, strict=True):
        total += (ConstantKernel(slope) * DotProduct(sigma_0=0))(x, z)
    return total


def test_matern_is_sklearns():
    a, b = np.random.default_rng(0).normal(size=(2, 6, 3))
    np.testing.assert_allclose(matern52(square_distances(a, b), 1.7), Matern(1.7, nu=2.5)(a, b), rtol=1e-12)


def test_distances_never_are_negative():
    x = np.full((3, 5), 1e4 + 1 / 3)
    assert (square_distances(x, x) >= 0).all()


def test_objective_is_the_textbook_log_posterior():
    terms, targets, priors = problem(7)
    theta = np.log([0.3, 0.6, 1.1, 2.2, 0.2, 0.1, 0.04])
    covariance = sklearn_covariance(terms, terms, theta) + (np.exp(theta[-1]) + JITTER) * np.eye(7)
    evidence = multivariate_normal(np.zeros(7), covariance).logpdf(targets)
    order = (*priors.scales, *priors.lengthscales, *priors.slopes, priors.noise)
    prior = sum(norm(np.log(p.median), p.sd).logpdf(t) for p, t in zip(order, theta, strict=True))
    constant = 3.5 * np.log(2 * np.pi) + sum(np.log(p.sd) + 0.5 * np.log(2 * np.pi) for p in order)
    assert Objective(terms, targets, priors)(theta)[0] == pytest.approx(-(evidence + prior) - constant, rel=1e-9)


@pytest.mark.parametrize("n", [1, 2, 9])
@pytest.mark.parametrize("seed", range(3))
def test_gradient_is_that_of_finite_differences(n, seed):
    objective = Objective(*problem(n, seed))
    theta = objective.centre + np.random.default_rng(seed).normal(size=7) * 0.5
    error = check_grad(lambda t: objective(t)[0], lambda t: objective(t)[1], theta, epsilon=1e-6)
    assert error < 1e-4 * max(1.0, float(np.abs(objective(theta)[1]).max()))


def test_a_covariance_that_is_not_positive_definite_is_avoided():
    terms, targets, priors = problem(5)
    objective = Objective(terms, targets, priors)
    objective.grams[0] = -1e3 * np.eye(5)
    value, gradient = objective(objective.centre)
    assert value == 1e10
    assert np.isfinite(gradient).all()


def test_posterior_is_sklearns():
    terms, targets, priors = problem(12)
    new, _, _ = problem(5, 1)
    gp = AdditiveGP.fit(terms, targets, priors)
    k = gp.kernel
    theta = np.log([*k.scales, *k.lengthscales, *k.slopes, gp.noise])

    class Fixed(Matern):
        """The whole kernel, over row numbers."""

        def __call__(self, X, Y=None, eval_gradient=False):
            both = [
                Terms(
                    tuple(np.concatenate(p) for p in zip(terms.matern, new.matern, strict=True)),
                    tuple(np.concatenate(p) for p in zip(terms.linear, new.linear, strict=True)),
                )
            ]
            pick = lambda rows: both[0][np.asarray(rows)[:, 0].astype(int)]  # noqa: E731
            return sklearn_covariance(pick(X), pick(X if Y is None else Y), theta)

        def diag(self, X):
            return np.diag(self(X))

    reference = GaussianProcessRegressor(Fixed(), alpha=gp.noise + JITTER, optimizer=None)
    reference.fit(np.arange(12)[:, None], targets)
    mean, std = reference.predict(np.arange(12, 17)[:, None], return_std=True)
    ours, variance = gp.predict(new)
    np.testing.assert_allclose(ours, mean, rtol=1e-8)
    np.testing.assert_allclose(np.sqrt(variance), std, rtol=1e-6)


def test_fit_finds_a_minimum():
    terms, targets, priors = problem(40)
    objective = Objective(terms, targets, priors)
    kernel, noise = tune(terms, targets, priors, iterations=300)
    best = np.log([*kernel.scales, *kernel.lengthscales, *kernel.slopes, noise])
    assert np.abs(objective(best)[1]).max() < 1e-2
    steps = np.random.default_rng(0).normal(size=(50, 7)) * 0.2
    assert all(objective(best + step)[0] > objective(best)[0] for step in steps)


def test_hyperparameters_come_from_a_part_of_many_rows_and_the_posterior_from_all():
    terms, targets, priors = problem(50)
    gp = AdditiveGP.fit(terms, targets, priors, tune_rows=10)
    some = np.linspace(0, 49, 10).astype(int)
    kernel, noise = tune(terms[some], targets[some], priors)
    np.testing.assert_array_equal(gp.kernel.scales, kernel.scales)
    assert gp.noise == noise
    assert len(gp.alpha) == 50


def test_leave_one_out_is_what_it_says():
    terms, targets, priors = problem(8)
    gp = AdditiveGP.fit(terms, targets, priors)
    covariance = gp.kernel(terms, terms) + (gp.noise + JITTER) * np.eye(8)
    for i, value in enumerate(gp.leave_one_out(targets)):
        rest = np.delete(np.arange(8), i)
        expected = covariance[i, rest] @ np.linalg.solve(covariance[np.ix_(rest, rest)], targets[rest])
        assert value == pytest.approx(expected, rel=1e-8)


def test_far_away_the_prior_is_left():
    terms, targets, priors = problem(10)
    gp = AdditiveGP.fit(Terms(terms.matern), targets, Priors(priors.scales, priors.lengthscales))
    far = Terms(tuple(x[:2] + 1e3 for x in terms.matern))
    mean, variance = gp.predict(far)
    np.testing.assert_allclose(mean, 0, atol=1e-9)
    np.testing.assert_allclose(variance, gp.kernel.scales.sum())


def test_inducing_points_at_all_rows_give_the_exact_posterior():
    terms, targets, priors = problem(9)
    new, _, _ = problem(4, 1)
    gp = AdditiveGP.fit(terms, targets, priors)
    inverse = np.linalg.inv(gp.factor @ gp.factor.T)
    same = InducingGP(terms, gp.kernel, gp.noise, gp.alpha, inverse)
    for ours, exact in zip(same.predict(new), gp.predict(new), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=1e-7)


def test_kernel_diagonal_is_the_diagonal():
    terms, _, _ = problem(6)
    kernel = AdditiveKernel(np.array([0.3, 0.4]), np.array([1.0, 2.0]), np.array([0.5, 0.6]))
    np.testing.assert_allclose(kernel.diagonal(terms), np.diag(kernel(terms, terms)))


def test_everything_public_is_there():
    assert set(gps.__all__) >= {"AdditiveGP", "AdditiveKernel", "Objective", "Priors", "Terms"}


def test_gradient_of_relevances_is_that_of_finite_differences(rng):
    terms = Terms((rng.normal(size=(9, 3)), rng.normal(size=(9, 2))), (rng.normal(size=(9, 2)),))
    priors = Priors((LogNormal(0.4, 1),) * 2, (LogNormal(1.5, 0.3),) * 2, (LogNormal(0.1, 1),), relevance=0.8)
    objective = Objective(terms, rng.normal(size=9), priors)
    assert len(objective.centre) == 2 + 2 + 1 + 1 + 5
    theta = objective.centre + 0.5 * rng.normal(size=len(objective.centre))
    expected = approx_fprime(theta, lambda at: objective(at)[0], 1e-6)
    np.testing.assert_allclose(objective(theta)[1], expected, atol=1e-4)


def test_relevances_find_the_feature_that_matters(rng):
    x = rng.normal(size=(60, 6))
    priors = Priors((LogNormal(1, 1),), (LogNormal(3.0, 0.3),), relevance=1.4)
    gp = AdditiveGP.fit(Terms((x,)), np.sin(2 * x[:, 2]), priors)
    assert gp.kernel.relevances[0].argmax() == 2
    new = rng.normal(size=(50, 6))
    assert np.corrcoef(gp.predict(Terms((new,)))[0], np.sin(2 * new[:, 2]))[0, 1] > 0.95


def test_leave_one_out_by_leaving_one_out(rng):
    terms = Terms((rng.normal(size=(8, 3)),))
    targets = rng.normal(size=8)
    gp = AdditiveGP.fit(terms, targets, Priors((LogNormal(1, 1),), (LogNormal(2, 0.3),), relevance=1.0))
    covariance = gp.kernel(terms, terms) + (gp.noise + JITTER) * np.eye(8)
    for i in range(8):
        rest = np.delete(np.arange(8), i)
        solved = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, i])
        assert gp.leave_one_out(targets)[i] == pytest.approx(solved @ targets[rest])
        assert gp.leave_one_out_variance()[i] == pytest.approx(covariance[i, i] - solved @ covariance[rest, i])
