"""Information flow against a loop over the nodes of single graphs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.predictors import get_predictor
from archcast.predictors.networks import private_random_stream
from archcast.predictors.neural import _flow
from archcast.predictors.neural._gcn import graphs_of
from archcast.spaces.base import get_space


def test_a_sweep_is_the_sum_over_predecessors_through_gates() -> None:
    with private_random_stream(np.random.default_rng(0)):
        flow = _flow.Flow(2, 3).double()
        edges = (torch.triu(torch.rand(4, 6, 6), diagonal=1) > 0.5).double()
        embedded, start = torch.randn(2, 4, 6, 3).double(), torch.randn(2, 1, 3).double()
        torch.nn.init.normal_(flow.carry.bias)
    found = flow(embedded, edges, start, [0, 2])
    for member in range(2):
        for graph in range(4):
            held = []
            for node in range(6):
                if node in (0, 2):
                    held.append(start[member, 0])
                    continue
                arriving = sum((held[j] for j in range(node) if edges[graph, j, node]), torch.zeros(3).double())
                gate = torch.sigmoid(
                    embedded[member, graph, node] @ flow.gate.weight[member] + flow.gate.bias[member, 0]
                )
                held.append(gate * (arriving @ flow.carry.weight[member] + flow.carry.bias[member, 0]))
            torch.testing.assert_close(found[member, graph], torch.stack(held))


@pytest.mark.parametrize("name", ["gates", "ta-gates"])
def test_only_what_is_on_a_path_counts_and_order_in_a_chain_does(name: str) -> None:
    """The same operations in another order are another function; both cells of a space with two are read."""
    space = get_space("nasbench201")
    archs = space.sample(20, 0)
    one = get_predictor(name, space, random_state=0, hidden=8, epochs=3, n_members=1).init(archs, archs.sum(axis=1))
    chains = np.array([[3, 0, 2, 0, 0, 1], [2, 0, 3, 0, 0, 1]])  # 0 -> 1 -> 2 -> 3 in two orders
    assert len(np.unique(space.canonical(chains), axis=0)) == 2
    darts = get_space("darts")
    archs = darts.sample(20, 0)
    two = get_predictor(name, darts, random_state=0, hidden=8, epochs=3, n_members=1).init(archs, archs.sum(axis=1))
    assert len(two.shape_["outputs"]) == 2
    assert len(two.shape_["inputs"]) == 4
    graphs = graphs_of(darts, archs)
    assert not graphs.edges[:, :, two.shape_["inputs"]].any()
    assert not graphs.edges[:, two.shape_["outputs"]].any()
    assert one.shape_["inputs"] == [0]


@pytest.mark.parametrize("name", ["nasbench101", "nasbench-macro"])
@pytest.mark.parametrize("method", ["gates", "ta-gates", "pinat", "nn-former", "ctnas"])
def test_learns_in_other_spaces(method: str, name: str) -> None:
    from scipy.stats import kendalltau

    space = get_space(name)
    archs, queries = space.sample(50, 0), space.sample(150, 1)

    def score(rows: np.ndarray) -> np.ndarray:
        graphs = space.graphs(rows).pruned()
        return (graphs.operations * np.arange(graphs.operations.shape[1])).sum(axis=1) + graphs.adjacency.sum(
            axis=(1, 2)
        )

    one = get_predictor(method, space, random_state=0, n_members=2, hidden=16, layers=2, epochs=60)
    assert kendalltau(one.init(archs, score(archs)).query(queries).mean, score(queries))[0] > 0.4
