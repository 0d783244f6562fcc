"""The plain network: what it predicts is its network's output, and it learns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from archcast.predictors import Evidence, get_predictor
from archcast.predictors.neural._mlp import inputs_of, outputs
from archcast.spaces.base import get_space


def test_prediction_is_the_output_of_the_network_on_the_scale_of_the_scores() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(30, 0), space.sample(10, 1)
    scores = 80 + (archs == 3).sum(axis=1).astype(float)
    mlp = get_predictor("mlp", space, random_state=0, hidden=(8,), epochs=20).init(archs, scores)
    raw = outputs(mlp.weights_, inputs_of(mlp.features_.matrix(queries)))[0]
    np.testing.assert_allclose(mlp.query(queries).mean, mlp.scale_.backward(raw))
    assert mlp.query(queries).std is None


@pytest.mark.parametrize("name", ["nasbench101", "darts", "nats-size"])
def test_learns_in_other_spaces(name: str) -> None:
    space = get_space(name)
    archs, queries = space.sample(80, 0), space.sample(200, 1)
    truth = np.random.default_rng(0).normal(size=archs.shape[1])
    mlp = get_predictor("mlp", space, random_state=0, encoding="adjacency-continuous").init(archs, archs @ truth)
    assert kendalltau(mlp.query(queries).mean, queries @ truth)[0] > 0.6


def test_evidence_is_a_further_input() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(40, 0), space.sample(200, 1)

    def score(rows: np.ndarray) -> np.ndarray:
        return np.sin(3.0 * rows @ np.arange(1, 7))  # nothing that the encoding shows

    with_proxy = get_predictor("mlp", space, random_state=0).init(
        archs, score(archs), Evidence(proxies={"good": score(archs)})
    )
    without = get_predictor("mlp", space, random_state=0).init(archs, score(archs))
    known = Evidence(proxies={"good": score(queries)})
    assert kendalltau(with_proxy.query(queries, known).mean, score(queries))[0] > 0.3
    assert kendalltau(without.query(queries).mean, score(queries))[0] < 0.15
