"""freeze-thaw against one large Gaussian process over all values of all curves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

import archcast
from archcast.predictors.learning_curve import freeze_thaw as module

SPACE = archcast.get_space("nasbench201")
T = 12


def curves(archs: np.ndarray, seed: int = 0) -> np.ndarray:
    top = 0.5 + 0.07 * (archs == 3).sum(axis=1)[:, None]
    clean = top - 0.4 * np.arange(1, T + 1) ** -0.8
    return clean + np.random.default_rng(seed).normal(0, 0.003, clean.shape)


def joint(theta: np.ndarray, square: np.ndarray, lengths: list[int]) -> np.ndarray:
    """Covariance of all values, curve after curve."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    epoch = np.concatenate([np.arange(1, length + 1) for length in lengths])
    covariance = module.asymptote_kernel(theta, square)[np.ix_(owner, owner)]
    return covariance + module.decay(theta, epoch, epoch) * (owner[:, None] == owner)


def test_likelihood_is_that_of_the_joint_process(rng):
    theta, x = module.START + rng.normal(0, 0.3, 6), rng.normal(size=(4, 2))
    square, lengths = cdist(x, x, "sqeuclidean"), [5, 3, 5, 1]
    values = [rng.normal(0, 0.1, length) for length in lengths]
    padded = np.full((4, 5), np.nan)
    for row, value in zip(padded, values, strict=True):
        row[: len(value)] = value
    covariance = joint(theta, square, lengths)
    covariance += (np.exp(2 * theta[5]) + module.JITTER) * np.eye(len(covariance))
    expected = multivariate_normal(np.zeros(len(covariance)), covariance).logpdf(np.concatenate(values))
    assert module.likelihood(theta, padded, np.array(lengths), square) == pytest.approx(expected)


def test_forecast_is_that_of_the_joint_process():
    archs, query = SPACE.sample(8, 0), SPACE.sample(1, 5)
    known = curves(archs)
    known[3, 7:] = np.nan
    gp = archcast.get_predictor("freeze-thaw", SPACE).init(archs, None, archcast.Evidence({"val_accuracy": known}))
    begun = curves(query, 3)[:, :5]
    answer = gp.query(query, archcast.Evidence({"val_accuracy": begun}))
    x = np.concatenate([gp.features_.matrix(archs), gp.features_.matrix(query)])
    square = np.square(cdist(x, x) / gp.unit_)
    lengths = [7 if i == 3 else T for i in range(8)] + [T]
    covariance = joint(gp.theta_, square, lengths)
    values = np.concatenate(
        [known[i, : lengths[i]] - gp.mean_[: lengths[i]] for i in range(8)] + [begun[0] - gp.mean_[:5]]
    )
    told, goal = np.arange(len(values)), len(covariance) - 1
    noise = np.exp(2 * gp.theta_[5])
    inside = covariance[np.ix_(told, told)] + (noise + module.JITTER) * np.eye(len(told))
    weights = np.linalg.solve(inside, covariance[told, goal])
    mean = gp.mean_[-1] + gp.middle_ + weights @ (values - gp.middle_)
    variance = covariance[goal, goal] + noise - weights @ covariance[told, goal]
    assert answer.mean[0] == pytest.approx(mean, abs=1e-5)
    assert answer.std[0] == pytest.approx(np.sqrt(variance), rel=1e-3)


def test_learns_from_architectures_and_covers():
    archs, queries = SPACE.sample(60, 0), SPACE.sample(60, 1)
    gp = archcast.get_predictor("freeze-thaw", SPACE, epochs=3, random_state=0)
    gp.init(archs, None, archcast.Evidence({"val_accuracy": curves(archs)}))
    truth = curves(queries, 1)
    answer = gp.query(queries, archcast.Evidence({"val_accuracy": truth[:, :3]}))
    error = np.abs(answer.mean - truth[:, -1])
    assert error.mean() < 0.01
    assert (error < 1.645 * answer.std).mean() > 0.75
    whole = gp.query(queries, archcast.Evidence({"val_accuracy": truth}))
    np.testing.assert_allclose(whole.mean, truth[:, -1])
    blind = archcast.get_predictor("freeze-thaw", SPACE, epochs=3, total_epochs=T).init()
    assert np.isfinite(blind.query(queries, archcast.Evidence({"val_accuracy": truth[:, :3]})).mean).all()
