"""Attention, masks and positions against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.predictors.networks import private_random_stream
from archcast.predictors.neural import _transformer
from archcast.predictors.neural._gcn import Graphs, graphs_of
from archcast.spaces.base import get_space


def test_attention_is_torchs() -> None:
    with private_random_stream(np.random.default_rng(0)):
        attention, h = _transformer.Attention(2, 6, 2).double(), torch.randn(2, 3, 4, 6).double()
        pairs = (torch.rand(3, 2, 4, 4) > 0.5) | torch.eye(4, dtype=torch.bool)
    found = attention(h, pairs)
    for m in range(2):
        other = torch.nn.MultiheadAttention(6, 2, batch_first=True).double()
        other.in_proj_weight.data = attention.query.weight[m].T.clone()
        other.in_proj_bias.data = attention.query.bias[m, 0].clone()
        other.out_proj.weight.data = attention.output.weight[m].T.clone()
        other.out_proj.bias.data = attention.output.bias[m, 0].clone()
        expected, _ = other(h[m], h[m], h[m], attn_mask=~pairs.flatten(0, 1))
        torch.testing.assert_close(found[m], expected)


def test_positions_are_eigenvectors(rng: np.random.Generator) -> None:
    edges = np.triu(rng.random((5, 6, 6)) < 0.7, 1).astype(float)
    edges[:, 5] = edges[:, :, 5] = 0  # a node that is not there
    found = _transformer.laplacian_positions(edges, 3)
    for graph, positions in zip(edges, found, strict=True):
        links = graph + graph.T
        degree = links.sum(axis=1)
        there = degree > 0
        part = links[np.ix_(there, there)] / np.sqrt(np.outer(degree[there], degree[there]))
        laplacian = np.eye(there.sum()) - part
        for column in positions[there].T[: there.sum() - 1]:
            image = laplacian @ column
            np.testing.assert_allclose(image, (column @ image) * column, atol=1e-9)
            assert np.linalg.norm(column) == pytest.approx(1)
        assert not positions[~there].any()
    assert _transformer.laplacian_positions(edges[:, :2, :2], 3).shape == (5, 2, 3)


@pytest.mark.parametrize("network", [_transformer.ParallelNetwork, _transformer.AdjacencyNetwork])
def test_neither_order_nor_absent_nodes_matter(network: type) -> None:
    space = get_space("nasbench101")
    graphs = _transformer.with_positions(graphs_of(space, space.sample(8, 1)), 3)
    with private_random_stream(np.random.default_rng(0)):
        module = network(2, graphs.nodes.shape[2], graphs.pooling.shape[1], 6, 2).double()
    order = torch.tensor([0, 4, 2, 5, 1, 3, 6])
    moved = Graphs(graphs.nodes[:, order], graphs.edges[:, order][:, :, order], graphs.pooling[:, :, order])
    torch.testing.assert_close(module(moved), module(graphs))
    more = Graphs(
        torch.nn.functional.pad(graphs.nodes, (0, 0, 0, 2)),
        torch.nn.functional.pad(graphs.edges, (0, 2, 0, 2)),
        torch.nn.functional.pad(graphs.pooling, (0, 2)),
    )
    torch.testing.assert_close(module(more), module(graphs))


def test_siblings_are_seen() -> None:
    """0 -> {1, 2} -> 3: what 1 holds after one layer changes with the operation of 2, its sibling, though no edge joins them."""
    with private_random_stream(np.random.default_rng(0)):
        module = _transformer.AdjacencyNetwork(1, 4, 1, 8, 1).double()
    nodes = torch.eye(4, dtype=torch.float64)[None].repeat(2, 1, 1)
    nodes[1, 2] = nodes[1, 1]
    edges = torch.zeros(2, 4, 4, dtype=torch.float64)
    edges[:, 0, 1] = edges[:, 0, 2] = edges[:, 1, 3] = edges[:, 2, 3] = 1
    look = torch.zeros(2, 1, 4, dtype=torch.float64)
    look[:, 0, 1] = 1
    a, b = module(Graphs(nodes, edges, look))[0]
    assert abs(a - b) > 1e-6
