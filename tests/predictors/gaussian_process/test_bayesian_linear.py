from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.linear_model import BayesianRidge

from archcast.predictors.base import get_predictor
from archcast.predictors.gaussian_process.bayesian_linear import LinearPosterior
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")


def data(n, k, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, k)) + 2
    return x, x @ rng.normal(size=k) + noise * rng.normal(size=n) + 5


@pytest.mark.parametrize(("n", "k"), [(20, 4), (6, 15), (2, 3), (1, 3)])
def test_posterior_is_the_closed_form(n, k):
    x, t = data(n, k)
    posterior = LinearPosterior.fit(x, t)
    centred, new = x - x.mean(axis=0), np.random.default_rng(1).normal(size=(5, k)) - x.mean(axis=0)
    covariance = np.linalg.inv(posterior.alpha * np.eye(k) + posterior.beta * centred.T @ centred)
    weights = posterior.beta * covariance @ centred.T @ (t - t.mean())
    mean, variance = posterior.predict(new + x.mean(axis=0))
    np.testing.assert_allclose(mean, t.mean() + new @ weights, rtol=1e-8)
    expected = np.einsum("ij,jk,ik->i", new, covariance, new) + 1 / (posterior.beta * n)
    np.testing.assert_allclose(variance, expected, rtol=1e-8)


def test_a_flat_intercept_is_the_limit_of_a_wide_prior():
    x, t = data(10, 3)
    posterior = LinearPosterior.fit(x, t)
    wide = np.column_stack([x, np.ones(10)])
    prior = np.diag([posterior.alpha] * 3 + [1e-9])
    covariance = np.linalg.inv(prior + posterior.beta * wide.T @ wide)
    new = np.column_stack([np.random.default_rng(1).normal(size=(5, 3)), np.ones(5)])
    mean, variance = posterior.predict(new[:, :3])
    np.testing.assert_allclose(mean, new @ (posterior.beta * covariance @ wide.T @ t), rtol=1e-5)
    np.testing.assert_allclose(variance, np.einsum("ij,jk,ik->i", new, covariance, new), rtol=1e-5)


def test_precisions_maximise_evidence_times_priors():
    x, t = data(12, 5)
    posterior = LinearPosterior.fit(x, t)
    x, t = x - x.mean(axis=0), t - t.mean()
    basis = np.linalg.svd(np.eye(12) - 1 / 12)[0][:, :11]  # the rows that a flat intercept leaves
    signal = np.square(x).sum() / 12

    def log_posterior(alpha, beta):
        covariance = basis.T @ (x @ x.T / alpha + np.eye(12) / beta) @ basis
        evidence = multivariate_normal(np.zeros(11), covariance).logpdf(basis.T @ t)
        prior = np.log(signal / alpha) ** 2 / 2 + (np.log(1 / beta) - np.log(0.1)) ** 2 / (2 * 1.5**2)
        return evidence - prior

    best = log_posterior(posterior.alpha, posterior.beta)
    for step in np.random.default_rng(0).normal(size=(60, 2)) * 0.3:
        assert log_posterior(posterior.alpha * np.exp(step[0]), posterior.beta * np.exp(step[1])) < best + 1e-9


def test_with_many_rows_it_is_sklearns_bayesian_ridge():
    x, t = data(400, 3)
    ours = LinearPosterior.fit(x, t)
    theirs = BayesianRidge(alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, max_iter=1000, tol=1e-10).fit(x, t)
    assert ours.beta == pytest.approx(theirs.alpha_, rel=0.02)
    new = np.random.default_rng(2).normal(size=(20, 3))
    mean, std = theirs.predict(new, return_std=True)
    np.testing.assert_allclose(ours.predict(new)[0], mean, rtol=0.01, atol=0.01)
    np.testing.assert_allclose(np.sqrt(ours.predict(new)[1] + 1 / ours.beta), std, rtol=0.02)


@pytest.mark.parametrize(
    ("x", "t"), [(np.ones((4, 3)), np.arange(4.0)), (np.eye(4), np.ones(4)), (np.zeros((1, 2)), np.zeros(1))]
)
def test_nothing_to_learn_from(x, t):
    mean, variance = LinearPosterior.fit(x, t).predict(x + 1)
    assert np.isfinite(mean).all()
    assert (variance > 0).all()


def test_predictor_is_the_regression_of_rank_normal_targets():
    archs, queries = SPACE.sample(40, 0), SPACE.sample(9, 1)
    scores = np.exp((archs == 3).sum(axis=1))
    predictor = get_predictor("bayesian-linear", SPACE, encoding="graph-features").init(archs, scores)
    posterior = LinearPosterior.fit(predictor.features_.matrix(archs), rank_normal(scores))
    mean, variance = posterior.predict(predictor.features_.matrix(queries))
    std = predictor.twins_(SPACE, queries, predictor.calibration_(mean, np.sqrt(variance + 1 / posterior.beta)))
    expected = predictor.scale_.prediction(mean, std)
    np.testing.assert_allclose(predictor.query(queries).mean, expected.mean)
    np.testing.assert_allclose(predictor.query(queries).std, expected.std)
