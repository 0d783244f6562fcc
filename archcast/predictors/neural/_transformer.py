"""Transformers on cells: PINAT (Lu et al. 2023) and NN-Former (Xu et al. 2025).

Not imported before a network is needed, because it imports torch.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from archcast.predictors.networks import BatchedLinear
from archcast.predictors.neural._gcn import GraphConvolution, Graphs
from archcast.predictors.neural._training import ReadOut, on_nodes

__all__ = ["AdjacencyNetwork", "Attention", "Norm", "ParallelNetwork", "laplacian_positions", "with_positions"]


class Norm(nn.Module):
    """Layer normalisation of ``m`` networks: ``(m, n, v, k) -> (m, n, v, k)``."""

    def __init__(self, members: int, hidden: int) -> None:
        super().__init__()
        # "bias" in the name: training does not decay it
        self.bias_gain = nn.Parameter(torch.ones(members, 1, 1, hidden))
        self.bias = nn.Parameter(torch.zeros(members, 1, 1, hidden))

    def forward(self, h: Tensor) -> Tensor:
        return functional.layer_norm(h, h.shape[-1:]) * self.bias_gain + self.bias


class Attention(nn.Module):
    """Multi-head self-attention of ``m`` networks; every head may have pairs of nodes of its own that it looks at.

    Args:
        members: number of networks ``m``.
        hidden: width ``k``; each head has ``k / heads`` units, rounded up.
        heads: number of heads.
    """

    def __init__(self, members: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        width = -(-hidden // heads) * heads
        self.query = BatchedLinear(members, hidden, 3 * width)
        self.output = BatchedLinear(members, width, hidden)

    def forward(self, h: Tensor, pairs: Tensor) -> Tensor:
        """``(m, n, v, k)`` for as much; ``(n, heads or 1, v, v)`` bool pairs say which node looks at which, at least at itself."""
        mixed = on_nodes(self.query, h)
        q, k, v = mixed.reshape(*mixed.shape[:3], 3, self.heads, -1).unbind(3)
        scores = torch.einsum("mnihd,mnjhd->mnhij", q, k) / math.sqrt(q.shape[-1])
        weights = scores.masked_fill(~pairs, -math.inf).softmax(dim=-1)
        return on_nodes(self.output, torch.einsum("mnhij,mnjhd->mnihd", weights, v).flatten(3))


class ParallelNetwork(nn.Module):
    """PINAT: in each layer self-attention over all nodes and a graph convolution stand side by side and are added.

    ``h <- h + attention(norm h) + convolution(norm h)``, then ``h <- h + feed_forward(norm h)``.

    Args:
        members: number of networks ``m``.
        features: number of node features.
        averages: number of averages over nodes.
        hidden: width of all layers.
        layers: number of layers.
    """

    heads = 4

    def __init__(self, members: int, features: int, averages: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.embedding = BatchedLinear(members, features, hidden)
        self.convolutions = nn.ModuleList(GraphConvolution(members, hidden, hidden) for _ in range(layers))
        self.attention = nn.ModuleList(Attention(members, hidden, self.heads) for _ in range(layers))
        self.norms = nn.ModuleList(Norm(members, hidden) for _ in range(2 * layers))
        self.wide = nn.ModuleList(BatchedLinear(members, hidden, 2 * hidden) for _ in range(layers))
        self.narrow = nn.ModuleList(BatchedLinear(members, 2 * hidden, hidden) for _ in range(layers))
        self.read_out = ReadOut(members, averages, hidden)

    def forward(self, graphs: Graphs) -> Tensor:
        """``(m, n)`` outputs."""
        present = graphs.nodes.any(dim=2)
        itself = torch.eye(present.shape[1], dtype=torch.bool)
        pairs = (present[:, None, :] | itself)[:, None]
        h = on_nodes(self.embedding, graphs.nodes[None])
        for i, (convolution, attention) in enumerate(zip(self.convolutions, self.attention, strict=True)):
            normed = self.norms[2 * i](h)
            h = h + attention(normed, pairs) + convolution(normed, graphs.edges)
            normed = self.norms[2 * i + 1](h)
            h = h + on_nodes(self.narrow[i], functional.gelu(on_nodes(self.wide[i], normed)))
        return self.read_out(h, graphs.pooling)


class AdjacencyNetwork(nn.Module):
    """NN-Former: four heads look at predecessors, successors, nodes with a common successor, nodes with a common predecessor.

    Each looks at the node itself, too. The feed-forward part is ``narrow(gelu(wide h) * gelu(A^T h W1 | A h W2))``: half of its
    units are multiplied by what predecessors send, half by what successors send.

    Args: as :class:`ParallelNetwork`.
    """

    heads = 4

    def __init__(self, members: int, features: int, averages: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.embedding = BatchedLinear(members, features, hidden)
        self.attention = nn.ModuleList(Attention(members, hidden, self.heads) for _ in range(layers))
        self.norms = nn.ModuleList(Norm(members, hidden) for _ in range(2 * layers))
        self.wide = nn.ModuleList(BatchedLinear(members, hidden, 2 * hidden) for _ in range(layers))
        self.along = nn.ModuleList(BatchedLinear(members, hidden, hidden) for _ in range(layers))
        self.against = nn.ModuleList(BatchedLinear(members, hidden, hidden) for _ in range(layers))
        self.narrow = nn.ModuleList(BatchedLinear(members, 2 * hidden, hidden) for _ in range(layers))
        self.read_out = ReadOut(members, averages, hidden)

    def forward(self, graphs: Graphs) -> Tensor:
        """``(m, n)`` outputs."""
        onward, back = graphs.edges, graphs.edges.transpose(1, 2)
        itself = torch.eye(onward.shape[1], dtype=torch.bool)
        pairs = torch.stack([back, onward, onward @ back, back @ onward], dim=1) > 0
        pairs = pairs | itself
        h = on_nodes(self.embedding, graphs.nodes[None])
        for i, attention in enumerate(self.attention):
            h = h + attention(self.norms[2 * i](h), pairs)
            normed = self.norms[2 * i + 1](h)
            sent = torch.cat(
                [back @ on_nodes(self.along[i], normed), onward @ on_nodes(self.against[i], normed)], dim=3
            )
            h = h + on_nodes(self.narrow[i], functional.gelu(on_nodes(self.wide[i], normed)) * functional.gelu(sent))
        return self.read_out(h, graphs.pooling)


def laplacian_positions(edges: np.ndarray, many: int) -> np.ndarray:
    """``(n, v, many)`` eigenvectors of the symmetric normalised Laplacian of the undirected graphs, those of the lowest eigenvalues
    after the first; the largest entry of each is positive, and an isolated node has 0.

    Args:
        edges: ``(n, v, v)``.
        many: number of eigenvectors; where there are fewer, zeros follow.
    """
    links = edges + edges.transpose(0, 2, 1)
    degree = links.sum(axis=2)
    scale = np.where(degree > 0, 1 / np.sqrt(np.maximum(degree, 1)), 0.0)
    laplacian = np.eye(edges.shape[1]) * (1 + (degree == 0)[:, None, :]) - scale[:, :, None] * links * scale[:, None, :]
    vectors = np.linalg.eigh(laplacian)[1][:, :, 1 : many + 1] * (degree > 0)[:, :, None]
    strongest = np.take_along_axis(vectors, np.abs(vectors.round(9)).argmax(axis=1)[:, None], axis=1)
    out = np.zeros((*edges.shape[:2], many))
    out[:, :, : vectors.shape[2]] = vectors * np.where(strongest < 0, -1.0, 1.0)
    return out


def with_positions(graphs: Graphs, many: int) -> Graphs:
    """Graphs whose node features go on with :func:`laplacian_positions`."""
    positions = torch.from_numpy(laplacian_positions(graphs.edges.numpy(), many))
    return replace(graphs, nodes=torch.cat([graphs.nodes, positions], dim=2))
