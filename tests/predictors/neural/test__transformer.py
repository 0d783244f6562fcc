"""Attention, masks and positions against their definitions."""

from __future__ import annotations

import math

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


def linear(layer, member: int, x: np.ndarray) -> np.ndarray:
    """One linear layer of one network on one vector."""
    out = x @ layer.weight[member].detach().numpy()
    return out if layer.bias is None else out + layer.bias[member, 0].detach().numpy()


def normed(norm, member: int, x: np.ndarray) -> np.ndarray:
    scaled = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
    return scaled * norm.bias_gain[member, 0, 0].detach().numpy() + norm.bias[member, 0, 0].detach().numpy()


def looked_at(attention, member: int, h: list[np.ndarray], seen: list[list[list[int]]]) -> list[np.ndarray]:
    """What each node makes of the nodes that each head sees of it."""
    heads, out = attention.heads, []
    parts = [linear(attention.query, member, x).reshape(3, heads, -1) for x in h]
    for i in range(len(h)):
        mixed = []
        for head in range(heads):
            others = seen[head % len(seen)][i]
            scores = np.array([parts[i][0, head] @ parts[j][1, head] for j in others]) / np.sqrt(parts[i].shape[2])
            weights = np.exp(scores) / np.exp(scores).sum()
            mixed.append(sum(weight * parts[j][2, head] for weight, j in zip(weights, others)))
        out.append(linear(attention.output, member, np.concatenate(mixed)))
    return out


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


@pytest.mark.parametrize("name", ["pinat", "nn-former"])
def test_a_network_is_that_of_a_loop_over_nodes(name: str) -> None:
    """Each layer of one of two networks, node by node, from the formulas of the papers."""
    space = get_space("nasbench101")
    graphs = graphs_of(space, space.sample(3, 1))
    parallel = name == "pinat"
    make = _transformer.ParallelNetwork if parallel else _transformer.AdjacencyNetwork
    with private_random_stream(np.random.default_rng(0)):
        module = make(2, graphs.nodes.shape[2], graphs.pooling.shape[1], 8, 2).double()
        for norm in module.norms:
            torch.nn.init.normal_(norm.bias_gain)
            torch.nn.init.normal_(norm.bias)
    found, m = module(graphs), 1
    for n in range(3):
        edges = graphs.edges[n].numpy()
        nodes = range(len(edges))
        before = [[j for j in nodes if edges[j, i]] for i in nodes]
        after = [[j for j in nodes if edges[i, j]] for i in nodes]
        there = [j for j in nodes if graphs.nodes[n, j].any()]
        if parallel:
            seen = [[sorted({*there, i}) for i in nodes]]
        else:
            siblings = [[[j for j in nodes if set(side[i]) & set(side[j])] for i in nodes] for side in (after, before)]
            seen = [[sorted({*one[i], i}) for i in nodes] for one in (before, after, *siblings)]
        h = [linear(module.embedding, m, x) for x in graphs.nodes[n].numpy()]
        for layer in range(2):
            x = [normed(module.norms[2 * layer], m, one) for one in h]
            mixed = looked_at(module.attention[layer], m, x, seen)
            h = [one + other for one, other in zip(h, mixed)]
            if parallel:
                convolution = module.convolutions[layer]
                for i in nodes:
                    total = linear(convolution.itself, m, x[i])
                    total = total + sum(linear(convolution.along, m, x[j]) for j in before[i])
                    total = total + sum(linear(convolution.against, m, x[j]) for j in after[i])
                    h[i] = h[i] + np.tanh(total)
            x = [normed(module.norms[2 * layer + 1], m, one) for one in h]
            for i in nodes:
                wide = gelu(linear(module.wide[layer], m, x[i]))
                if not parallel:
                    nothing = np.zeros(8)
                    along = sum((linear(module.along[layer], m, x[j]) for j in before[i]), nothing)
                    against = sum((linear(module.against[layer], m, x[j]) for j in after[i]), nothing)
                    wide = wide * gelu(np.concatenate([along, against]))
                h[i] = h[i] + linear(module.narrow[layer], m, wide)
        together = np.concatenate([share @ np.array(h) for share in graphs.pooling[n].numpy()])
        answer = linear(module.read_out.output, m, np.tanh(linear(module.read_out.hidden, m, together)))
        assert found[m, n].item() == pytest.approx(answer[0])
