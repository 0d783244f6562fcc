"""Dense graph convolutions against torch_geometric's sparse ones, walks against counting, shared neighbourhoods against nodes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.encodings.base import get_encoding
from archcast.graphs import CellGraphs
from archcast.predictors.networks import private_random_stream
from archcast.predictors.neural import _gcn
from archcast.predictors.neural.losses import squared_error
from archcast.spaces.base import get_space

SPACES = ["nasbench201", "nasbench101", "darts", "nats-size"]


def test_convolution_is_the_sparse_one() -> None:
    from torch_geometric.nn import GCNConv

    with private_random_stream(np.random.default_rng(0)):
        layer = _gcn.GraphConvolution(2, 4, 3).double()
        h = torch.randn(2, 5, 6, 4, dtype=torch.float64)
        edges = torch.triu(torch.rand(5, 6, 6), diagonal=1) > 0.5
        torch.nn.init.normal_(layer.itself.bias)
    answer = layer(h, edges.double())
    for member in range(2):
        for graph in range(5):
            index = edges[graph].nonzero().T
            total = h[member, graph] @ layer.itself.weight[member] + layer.itself.bias[member]
            for weight, way in ((layer.along.weight, index), (layer.against.weight, index.flip(0))):
                sparse = GCNConv(4, 3, normalize=False, bias=False).double()
                sparse.lin.weight.data = weight[member].T.clone()
                total = total + sparse(h[member, graph], way)
            torch.testing.assert_close(answer[member, graph], torch.tanh(total))


@pytest.mark.parametrize("name", SPACES)
def test_graphs_hold_nodes_and_edges_of_the_pruned_cell(name: str) -> None:
    space = get_space(name)
    archs = space.sample(20, 0)
    graphs, batch = _gcn.graphs_of(space, archs), get_encoding("gnn", name).batch(archs)
    for k in range(20):
        single = batch.get_example(k)
        chain = name == "nats-size"
        assert graphs.nodes[k].sum() == len(single.x) * (1 + chain)
        assert graphs.edges[k].sum() == single.edge_index.shape[1]
        assert graphs.nodes[k].sum(dim=1).max() == 1 + chain
        live = graphs.nodes[k].sum(dim=1) > 0
        assert not graphs.edges[k][~live].any()
        assert not graphs.edges[k][:, ~live].any()
        assert not graphs.pooling[k][:, ~live].any()
    averages = graphs.pooling[:, ::2].sum(dim=2)
    torch.testing.assert_close(averages, torch.ones_like(averages))


def test_visits_are_the_frequencies_of_random_walks(rng: np.random.Generator) -> None:
    adjacency = np.triu(rng.random((6, 7, 7)) < 0.6, 1)
    cells = CellGraphs(adjacency, np.full((6, 7), 2), ("input", "output", "op"), inputs=2).pruned()
    found = _gcn.visits(cells)
    for graph, frequencies in zip(cells.adjacency, found, strict=True):
        shares = np.zeros(7)

        def walk(node: int, share: float, graph: np.ndarray = graph, shares: np.ndarray = shares) -> None:
            shares[node] += share
            before = np.flatnonzero(graph[:, node])
            for source in before:
                walk(source, share / len(before))

        walk(6, 1.0)
        np.testing.assert_allclose(frequencies, shares, atol=1e-12)


@pytest.mark.parametrize("name", SPACES)
def test_network_answers_a_batch_as_it_answers_each_graph(name: str) -> None:
    space = get_space(name)
    archs = space.sample(12, 0)
    weights = learn(space, archs)
    together = _gcn.outputs(space, archs, weights)
    assert together.shape == (2, 12)
    assert together.std(axis=1).min() > 0
    apart = np.concatenate([_gcn.outputs(space, archs[k : k + 1], weights) for k in range(12)], axis=1)
    np.testing.assert_allclose(together, apart, rtol=1e-9)
    np.testing.assert_allclose(_gcn.outputs(space, space.canonical(archs), weights), together, rtol=1e-9)
    basis = _gcn.basis(space, archs, weights)
    hidden = basis.reshape(12, 2, -1).transpose(1, 0, 2)
    outputs = hidden @ weights["output.weight"].astype(float) + weights["output.bias"].astype(float)
    np.testing.assert_allclose(outputs[..., 0], together, rtol=1e-9)


def test_network_does_not_see_the_order_of_nodes() -> None:
    with private_random_stream(np.random.default_rng(0)):
        network = _gcn.GraphNetwork(2, 5, 2, 8, 3)
    space = get_space("nasbench101")
    graphs = _gcn.graphs_of(space, space.sample(8, 1)).float()
    order = torch.tensor([0, 4, 2, 5, 1, 3, 6])
    moved = _gcn.Graphs(graphs.nodes[:, order], graphs.edges[:, order][:, :, order], graphs.pooling[:, :, order])
    torch.testing.assert_close(network(moved), network(graphs))


def learn(space: object, archs: np.ndarray) -> dict[str, np.ndarray]:
    targets = np.random.default_rng(0).normal(size=len(archs))
    options = {"members": 2, "hidden": 6, "layers": 2, "epochs": 3, "learning_rate": 1e-2, "weight_decay": 0.0}
    return _gcn.learn(space, archs, targets, squared_error, rng=np.random.default_rng(1), **options)


@pytest.mark.parametrize("name", SPACES)
def test_each_neighbourhood_is_computed_once_and_nothing_changes(name: str) -> None:
    space = get_space(name)
    archs = space.sample(30, 2)
    network = _gcn._rebuilt(learn(space, archs))
    graphs = _gcn.graphs_of(space, archs)
    with torch.no_grad():
        torch.testing.assert_close(network.answer(graphs), network.basis(graphs), rtol=1e-12, atol=1e-12)


def test_a_batch_without_edges() -> None:
    with private_random_stream(np.random.default_rng(0)):
        network = _gcn.GraphNetwork(2, 5, 2, 8, 2).double()
    graphs = _gcn.Graphs(*(torch.zeros(shape, dtype=torch.float64) for shape in ((3, 4, 5), (3, 4, 4), (3, 2, 4))))
    with torch.no_grad():
        torch.testing.assert_close(network.answer(graphs), network.basis(graphs))
