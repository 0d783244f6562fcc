"""The graph network as a predictor."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from archcast.predictors import get_predictor
from archcast.predictors.calibration import expected
from archcast.predictors.neural._gcn import outputs
from archcast.spaces.base import get_space


def test_mean_and_std_are_those_of_the_members() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(20, 0), space.sample(8, 1)
    gcn = get_predictor("gcn", space, random_state=0, n_members=3, hidden=8, epochs=5)
    gcn.init(archs, (archs == 3).sum(axis=1))
    members = outputs(space, queries, gcn.weights_)
    assert members.shape == (3, 8)
    mean, std = members.mean(axis=0), members.std(axis=0)
    answer = gcn.query(queries)
    std, shift = expected(gcn.bias_, gcn.twins_, space, queries, mean, np.sqrt(std**2 + gcn.noise_(mean)))
    np.testing.assert_allclose(answer.mean, gcn.scale_.prediction(mean, std).mean)
    np.testing.assert_allclose(answer.std, gcn.scale_.prediction(mean, std, shift).std)


@pytest.mark.parametrize("name", ["nasbench101", "darts", "nats-size", "nasbench-graph"])
def test_learns_in_every_kind_of_space(name: str) -> None:
    """Cells with operations on nodes, two cells, chains, and graphs with several inputs to the output."""
    space = get_space(name)
    archs, queries = space.sample(80, 0), space.sample(200, 1)

    def score(rows: np.ndarray) -> np.ndarray:
        graphs = space.graphs(rows).pruned()
        return (graphs.operations * np.arange(graphs.operations.shape[1])).sum(axis=1) + 3 * graphs.adjacency.sum(
            axis=(1, 2)
        )

    gcn = get_predictor("gcn", space, random_state=0, n_members=2, hidden=24, epochs=60).init(archs, score(archs))
    assert kendalltau(gcn.query(queries).mean, score(queries))[0] > 0.5


def test_position_in_a_chain_counts() -> None:
    space = get_space("nasbench-macro")
    archs, queries = space.sample(60, 0), space.sample(200, 1)
    late = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    gcn = get_predictor("gcn", space, random_state=0, n_members=2, hidden=24, epochs=60).init(archs, archs @ late)
    assert kendalltau(gcn.query(queries).mean, queries @ late)[0] > 0.75


def test_same_function_same_answer() -> None:
    space = get_space("nasbench201")
    archs = space.sample(60, 0)
    gcn = get_predictor("gcn", space, random_state=0, hidden=8, epochs=5).init(archs, (archs == 3).sum(axis=1))
    np.testing.assert_allclose(gcn.query(archs).mean, gcn.query(space.canonical(archs)).mean, rtol=1e-12)
