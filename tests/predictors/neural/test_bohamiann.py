"""The Bayesian neural network: prediction from its samples, and calibration."""

from __future__ import annotations

import numpy as np

from archcast.predictors import get_predictor
from archcast.predictors.neural._bnn import outputs
from archcast.predictors.neural._mlp import inputs_of
from archcast.spaces.base import get_space


def test_prediction_is_made_from_the_samples() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(20, 0), space.sample(8, 1)
    options = {"n_chains": 3, "burn_in": 30, "draws": 4, "thinning": 5, "hidden": [6]}
    one = get_predictor("bohamiann", space, random_state=0, **options).init(archs, (archs == 3).sum(axis=1))
    k = one.features_.matrix(queries).shape[1]
    assert one.samples_.shape == (12, (k + 1) * 6 + 7)
    networks = outputs(one.samples_, [k, 6], inputs_of(one.features_.matrix(queries)))
    mean, std = networks.mean(axis=0), np.sqrt(networks.var(axis=0) + one.noise_)
    answer = one.query(queries)
    np.testing.assert_allclose(answer.mean, one.scale_.prediction(mean, std).mean)
    std = one.twins_(space, queries, one.calibration_(mean, std))
    np.testing.assert_allclose(answer.std, one.scale_.prediction(mean, std).std)


def test_std_covers_new_scores() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(60, 0), space.sample(500, 1)
    noise = np.random.default_rng(0)

    def scores(rows: np.ndarray) -> np.ndarray:
        return (rows == 3).sum(axis=1) + 0.5 * noise.normal(size=len(rows))

    one = get_predictor("bohamiann", space, random_state=0, burn_in=300, thinning=20, draws=8)
    answer = one.init(archs, scores(archs)).query(queries)
    inside = np.abs(scores(queries) - answer.mean) < 1.645 * answer.std
    assert 0.75 < inside.mean() < 0.99
