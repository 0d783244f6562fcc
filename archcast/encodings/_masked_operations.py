"""The network of ``cate``: a transformer that guesses masked operations of two architectures that compute about as much.

Not imported before the encoding is fitted, because it imports torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu

from archcast.encodings._pretraining import Graphs, cell_means
from archcast.graphs import ABSENT, CellGraphs

__all__ = ["MASKED", "Making", "MaskedOperations", "computation", "embedding", "loss", "partners"]

HEADS, LAYERS, CROSS_LAYERS = 4, 3, 1
MASKED = 0.2
"""Share of operations that are masked."""
NEIGHBOURS = 5
"""How far, in the order of computation, the partner of an architecture may be."""


@dataclass(frozen=True)
class Making:
    """Makes the network for so many nodes, kinds of operations, cells and units."""

    nodes: int
    kinds: int
    cells: int
    size: int

    def __call__(self) -> MaskedOperations:
        return MaskedOperations(self.nodes, self.kinds, self.size)


def computation(graphs: CellGraphs) -> NDArray[np.float64]:
    """``(n,)`` weights of all operations, as the space declares them, plus a thousandth for each operation."""
    worth = [graphs.declared[name].weight + 1e-3 if name in graphs.declared else 1e-3 for name in graphs.op_names]
    worth[: graphs.terminals] = [0.0] * graphs.terminals
    present = graphs.operations != ABSENT
    return np.asarray((np.array(worth)[np.where(present, graphs.operations, 0)] * present).sum(axis=1))


def partners(order: Tensor, rows: Tensor) -> Tensor:
    """For each of ``(b,)`` rows another one, at most five places away in the order ``(n,)`` of computation."""
    n = len(order)
    place = torch.empty_like(order)
    place[order] = torch.arange(n)
    step = torch.randint(1, NEIGHBOURS + 1, rows.shape) * (2 * torch.randint(0, 2, rows.shape) - 1)
    return order[(place[rows] + step).clamp(0, n - 1)]


class _Block(nn.Module):
    """Pre-norm block: masked attention, then a feed-forward network, each added to its input."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.up, self.down = nn.Linear(size, 2 * size), nn.Linear(2 * size, size)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        n, v, size = x.shape
        q, k, value = self.qkv(self.norm1(x)).view(n, v, 3, HEADS, size // HEADS).permute(2, 0, 3, 1, 4)
        score = (q @ k.transpose(2, 3)) / math.sqrt(size // HEADS)
        share = score.masked_fill(seen[:, None] == 0, -1e9).softmax(dim=-1)
        x = x + self.out((share @ value).transpose(1, 2).reshape(n, v, size))
        return x + self.down(gelu(self.up(self.norm2(x))))


class MaskedOperations(nn.Module):
    """Operations and graph to a vector for each node; two architectures beside each other to the logits of their operations.

    Args:
        nodes: number of nodes ``v``.
        kinds: number of operations, terminals included; one more stands for a masked one.
        size: units, a multiple of four.
    """

    def __init__(self, nodes: int, kinds: int, size: int) -> None:
        super().__init__()
        self.operation, self.place = nn.Embedding(kinds + 1, size), nn.Parameter(0.02 * torch.randn(nodes, size))
        self.blocks = nn.ModuleList(_Block(size) for _ in range(LAYERS))
        self.cross = nn.ModuleList(_Block(size) for _ in range(CROSS_LAYERS))
        self.norm, self.guess = nn.LayerNorm(size), nn.Linear(size, kinds)

    def forward(self, graphs: Graphs) -> Tensor:
        """``(n, v, size)``; a node sees itself and the nodes that lead to it."""
        x = self.operation(graphs.operations) + self.place
        for block in self.blocks:
            x = block(x, graphs.reached)
        return x

    def pair(self, one: Graphs, other: Graphs) -> Tensor:
        """Logits ``(n, 2 v, kinds)`` of the operations of both; a node sees what it saw, and all nodes of the other."""
        x = torch.cat([self(one), self(other)], dim=1)
        rows = [
            torch.cat([one.reached, other.present[:, None].expand(-1, one.present.shape[1], -1)], dim=2),
            torch.cat([one.present[:, None].expand(-1, other.present.shape[1], -1), other.reached], dim=2),
        ]
        seen = torch.cat(rows, dim=1)
        for block in self.cross:
            x = block(x, seen)
        return self.guess(self.norm(x))


def masked(graphs: Graphs, hidden: Tensor) -> Graphs:
    """Graphs whose operations are hidden where ``hidden`` ``(n, v)`` is true."""
    return replace(graphs, operations=torch.where(hidden, graphs.kinds, graphs.operations))


def loss(network: MaskedOperations, one: Graphs, other: Graphs) -> Tensor:
    """Mean cross-entropy of the operations that are masked, a fifth of those present in both architectures."""
    hidden = [(torch.rand(g.present.shape) < MASKED) & (g.present > 0) for g in (one, other)]
    logits = network.pair(masked(one, hidden[0]), masked(other, hidden[1]))
    truth, asked = torch.cat([one.operations, other.operations], dim=1), torch.cat(hidden, dim=1)
    wrong = cross_entropy(logits.transpose(1, 2), truth, reduction="none")
    return (wrong * asked).sum() / asked.sum().clamp(min=1)


def embedding(network: MaskedOperations, graphs: Graphs) -> Tensor:
    """``(n, cells size)``: for each cell the mean over its nodes of what they have become before the two architectures meet."""
    return cell_means(network(graphs), graphs)
