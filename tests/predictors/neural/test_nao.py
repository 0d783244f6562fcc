"""Encoder, predictor and decoder as a predictor."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from archcast.predictors import get_predictor
from archcast.predictors.neural._sequence import outputs
from archcast.spaces.base import get_space


def test_prediction_is_the_output_of_the_network_on_the_scale_of_the_scores() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(20, 0), space.sample(8, 1)
    nao = get_predictor("nao", space, random_state=0, hidden=8, epochs=5).init(archs, (archs == 3).sum(axis=1))
    np.testing.assert_allclose(nao.query(queries).mean, nao.scale_.backward(outputs(space, queries, nao.weights_)))


def test_trade_off_weighs_prediction_against_reconstruction() -> None:
    space = get_space("nasbench201")
    archs = np.unique(space.canonical(space.sample(30, 0)), axis=0)
    scores = np.random.default_rng(0).normal(size=len(archs))
    errors = []
    for trade_off in (1.0, 0.0):
        nao = get_predictor("nao", space, random_state=0, trade_off=trade_off, dropout=0.0, epochs=60, hidden=24)
        errors.append(np.square(nao.init(archs, scores).query(archs).mean - scores).mean())
    assert errors[0] < 0.2 * errors[1]


@pytest.mark.parametrize("name", ["nasbench101", "nats-size"])
def test_learns_in_other_spaces(name: str) -> None:
    space = get_space(name)
    archs, queries = space.sample(80, 0), space.sample(200, 1)
    truth = np.random.default_rng(0).normal(size=archs.shape[1])
    nao = get_predictor("nao", space, random_state=0, hidden=32, epochs=60).init(archs, space.canonical(archs) @ truth)
    assert kendalltau(nao.query(queries).mean, space.canonical(queries) @ truth)[0] > 0.4
