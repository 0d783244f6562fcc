"""The Bayesian last layer against dense formulas and finite differences of the evidence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.stats import multivariate_normal

from archcast.predictors import Predictor, get_predictor
from archcast.predictors.gaussian_process.bayesian_linear import _PRIOR_MEAN, _PRIOR_SD
from archcast.predictors.neural._mlp import basis, inputs_of
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    archs = get_space("nasbench201").sample(40, 0)
    return archs, (archs == 3).sum(axis=1) + np.random.default_rng(0).normal(size=40)


@pytest.fixture(scope="module")
def dngo(data: tuple[np.ndarray, np.ndarray]) -> Predictor:
    return get_predictor("dngo", "nasbench201", random_state=0, hidden=(8, 6), n_members=2, epochs=20).init(*data)


def phi(dngo: Predictor, archs: np.ndarray) -> np.ndarray:
    return basis(dngo.weights_, inputs_of(dngo.features_.matrix(archs)))


def test_prediction_is_bayesian_linear_regression_on_the_basis(
    dngo: Predictor, data: tuple[np.ndarray, np.ndarray]
) -> None:
    archs, scores = data
    queries = get_space("nasbench201").sample(15, 1)
    x, new, t = phi(dngo, archs), phi(dngo, queries), rank_normal(scores)
    alpha, beta = dngo.posterior_.alpha, dngo.posterior_.beta
    # a flat prior on the intercept: a prior of next to no precision on a further, constant feature
    x, new = (np.column_stack([features, np.ones(len(features))]) for features in (x, new))
    precision = np.diag([alpha] * 12 + [1e-9]) + beta * x.T @ x
    mean = new @ np.linalg.solve(precision, beta * x.T @ t)
    std = np.sqrt(np.einsum("ij,ij->i", new, np.linalg.solve(precision, new.T).T) + 1 / beta)
    answer = dngo.query(queries)
    np.testing.assert_allclose(answer.mean, dngo.scale_.prediction(mean, std).mean, rtol=1e-6)
    std = dngo.twins_(dngo._space, queries, dngo.calibration_(mean, std))
    np.testing.assert_allclose(answer.std, dngo.scale_.prediction(mean, std).std, rtol=1e-5)


def test_precisions_maximise_the_evidence_times_their_prior(
    dngo: Predictor, data: tuple[np.ndarray, np.ndarray]
) -> None:
    archs, scores = data
    x = phi(dngo, archs)
    x -= x.mean(axis=0)
    contrasts = null_space(np.ones((1, 40))).T  # a flat prior on the intercept leaves what is orthogonal to it
    t, unit = contrasts @ rank_normal(scores), np.square(x).sum() / 40

    def objective(signal: float, noise: float) -> float:
        covariance = np.exp(signal) / unit * x @ x.T + np.exp(noise) * np.eye(40)
        off = (np.array([signal, noise]) - _PRIOR_MEAN) / _PRIOR_SD
        return multivariate_normal(np.zeros(39), contrasts @ covariance @ contrasts.T).logpdf(t) - off @ off / 2

    best = np.log(unit / dngo.posterior_.alpha), -np.log(dngo.posterior_.beta)
    for step in ([1e-3, 0.0], [0.0, 1e-3]):
        slope = (objective(*np.add(best, step)) - objective(*np.subtract(best, step))) / 2e-3
        assert abs(slope) < 1e-2
        assert objective(*np.add(best, np.array(step) * 300)) < objective(*best)
        assert objective(*np.subtract(best, np.array(step) * 300)) < objective(*best)


def test_std_covers_new_scores() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(100, 0), space.sample(500, 1)
    noise = np.random.default_rng(0)

    def scores(rows: np.ndarray) -> np.ndarray:
        return (rows == 3).sum(axis=1) + 0.5 * noise.normal(size=len(rows))

    answer = get_predictor("dngo", space, random_state=0).init(archs, scores(archs)).query(queries)
    inside = np.abs(scores(queries) - answer.mean) < 1.645 * answer.std
    assert 0.7 < inside.mean() < 0.99
