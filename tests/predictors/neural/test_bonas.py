"""Bayesian linear regression on the embedding of graph networks, against the dense formula."""

from __future__ import annotations

import numpy as np

from archcast.predictors import get_predictor
from archcast.predictors.neural._gcn import basis
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space


def test_prediction_is_bayesian_linear_regression_on_the_embedding() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(30, 0), space.sample(12, 1)
    scores = (archs == 3).sum(axis=1) + np.random.default_rng(0).normal(size=30)
    bonas = get_predictor("bonas", space, random_state=0, n_members=2, hidden=5, epochs=10).init(archs, scores)
    x, new = basis(space, archs, bonas.weights_), basis(space, queries, bonas.weights_)
    assert x.shape == (30, 10)
    alpha, beta = bonas.posterior_.alpha, bonas.posterior_.beta
    centre, t = x.mean(axis=0), rank_normal(scores)
    covariance = np.linalg.inv(alpha * np.eye(10) + beta * (x - centre).T @ (x - centre))
    mean = t.mean() + (new - centre) @ covariance @ (beta * (x - centre).T @ (t - t.mean()))
    variance = np.einsum("ij,jk,ik->i", new - centre, covariance, new - centre) + 1 / (30 * beta)
    variance += max(1 / beta, bonas.noise_)  # of the networks that have not seen all rows, if they find more
    answer = bonas.query(queries)
    np.testing.assert_allclose(answer.mean, bonas.scale_.prediction(mean, np.sqrt(variance)).mean, rtol=1e-6)
    std = bonas.twins_(space, queries, bonas.calibration_(mean, np.sqrt(variance)))
    np.testing.assert_allclose(answer.std, bonas.scale_.prediction(mean, std).std, rtol=1e-6)


def test_network_is_trained_before_its_last_layer_is_replaced() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(100, 0), space.sample(300, 1)

    def score(rows: np.ndarray) -> np.ndarray:
        return np.square((rows == 3).sum(axis=1) - 1.5)

    def error(epochs: int) -> float:
        bonas = get_predictor("bonas", space, random_state=0, hidden=16, epochs=epochs).init(archs, score(archs))
        return float(np.square(bonas.query(queries).mean - score(queries)).mean())

    assert error(30) < 0.8 * error(0)
