"""Graph convolutions over batches of pruned cells, for an ensemble of networks at once.

Not imported before a network is needed, because it imports torch.

Cells have about ten nodes, so a batch is dense, ``(n, v, v)``: on a CPU one batched product is several times faster
than gathering and scattering along an edge list, and the graphs need no collation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archcast.encodings._paths import templates
from archcast.graphs import ABSENT, CellGraphs
from archcast.predictors.networks import (
    Arrays,
    BatchedLinear,
    arrays_of,
    in_chunks,
    private_random_stream,
    single,
    train,
    with_arrays,
)
from archcast.spaces.base import SearchSpace

__all__ = [
    "GraphConvolution",
    "GraphNetwork",
    "Graphs",
    "Loss",
    "basis",
    "graphs_of",
    "learn",
    "outputs",
    "pairwise_hinge",
    "squared_error",
    "visits",
]

Loss: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Graphs:
    """A batch of graphs as tensors.

    Attributes:
        nodes: ``(n, v, f)`` one-hot of cell and operation, and of the position in a chain; zero for an absent node.
        edges: ``(n, v, v)``; ``edges[k, i, j]`` is 1 for the edge i -> j.
        pooling: ``(n, r, v)``; each row weighs the nodes in one of the ``r`` averages that describe the graph.
    """

    nodes: Tensor
    edges: Tensor
    pooling: Tensor

    def __getitem__(self, rows: Tensor) -> Graphs:
        return Graphs(self.nodes[rows], self.edges[rows], self.pooling[rows])

    def float(self) -> Graphs:
        """In single precision."""
        return Graphs(self.nodes.float(), self.edges.float(), self.pooling.float())


def graphs_of(space: SearchSpace, archs: NDArray[np.int64]) -> Graphs:
    """The pruned graphs of the canonical rows ``(n, d)``, in double precision.

    In a space of chains node features go on with the one-hot of the position: it is what tells the layers apart there, and in
    a cell it is not.

    There are two averages a cell: over its nodes (Wen et al. 2020), and over the nodes that a random walk visits
    (:func:`visits`).
    """
    graphs = space.graphs(space.canonical(archs)).pruned()
    present = graphs.operations != ABSENT
    nodes, pooling = [], []
    for cell, part in zip(graphs.cells, graphs.split(), strict=True):
        block = np.zeros((*present.shape, len(graphs.op_names)))
        block[:, cell] = part.operations[:, :, None] == np.arange(len(graphs.op_names))
        nodes.append(block)
        for weights in (present[:, cell] / present[:, cell].sum(axis=1, keepdims=True), visits(part)):
            average = np.zeros(present.shape)
            average[:, cell] = weights
            pooling.append(average)
    if all(template.chain for template in templates(space)):
        nodes.append(present[:, :, None] * np.eye(present.shape[1]))
    tensors = np.concatenate(nodes, axis=2), graphs.adjacency.astype(np.float64), np.stack(pooling, axis=1)
    return Graphs(*(torch.from_numpy(array) for array in tensors))


def visits(cell: CellGraphs) -> NDArray[np.float64]:
    """``(n, v)`` probability that a walk from the output back to an input, along random edges, visits each node.

    It is the share of the output that has passed through the node if sums weigh their terms equally.
    """
    edges = cell.adjacency / np.maximum(cell.adjacency.sum(axis=1, keepdims=True), 1)
    out: NDArray[np.float64] = np.zeros(cell.operations.shape)
    out[:, -1] = 1
    for i in range(out.shape[1] - 2, -1, -1):
        out[:, i] = (edges[:, i, :] * out).sum(axis=1)
    return out


class GraphConvolution(nn.Module):
    """Bidirectional graph convolution of ``m`` networks: ``(m, n, v, inputs) -> (m, n, v, outputs)``.

    ``h' = tanh(h W_self + A^T h W_forward + A h W_backward + b)``: messages flow along the edges and against them, each
    way with its own weights (Wen et al. 2020), and are summed, so that the number of predecessors is not lost.
    """

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.itself = BatchedLinear(members, inputs, outputs)
        self.along = BatchedLinear(members, inputs, outputs, bias=False)
        self.against = BatchedLinear(members, inputs, outputs, bias=False)

    def forward(self, h: Tensor, edges: Tensor) -> Tensor:
        _, n, v, _ = h.shape
        flat = h.flatten(1, 2)
        itself, along, against = (f(flat).unflatten(1, (n, v)) for f in (self.itself, self.along, self.against))
        messages = torch.einsum("nij,mnik->mnjk", edges, along) + torch.einsum("nij,mnjk->mnik", edges, against)
        return torch.tanh(itself + messages)


class GraphNetwork(nn.Module):
    """``m`` graph convolutional networks: convolutions, averages over the nodes of each, a hidden layer, one output.

    That the averages of every convolution are used, not those of the last alone, is jumping knowledge (Xu et al. 2018).

    Args:
        members: number of networks ``m``.
        features: number of node features ``f``.
        averages: number of averages ``r``.
        hidden: width of all layers.
        layers: number of convolutions.
    """

    def __init__(self, members: int, features: int, averages: int, hidden: int, layers: int) -> None:
        super().__init__()
        widths = [features] + [hidden] * (layers - 1)
        self.convolutions = nn.ModuleList(GraphConvolution(members, width, hidden) for width in widths)
        self.hidden = BatchedLinear(members, layers * averages * hidden, hidden)
        self.output = BatchedLinear(members, hidden, 1)

    def basis(self, graphs: Graphs) -> Tensor:
        """``(m, n, hidden)`` activations of the last hidden layer."""
        h, averages = graphs.nodes[None], []
        for convolution in self.convolutions:
            h = convolution(h, graphs.edges)
            averages.append(torch.einsum("nrv,mnvk->mnrk", graphs.pooling, h).flatten(2))
        return torch.tanh(self.hidden(torch.cat(averages, dim=2)))

    def forward(self, graphs: Graphs) -> Tensor:
        """``(m, n)`` outputs."""
        return self.output(self.basis(graphs))[..., 0]


def learn(
    space: SearchSpace,
    archs: NDArray[np.int64],
    targets: NDArray[np.float64],
    loss: Loss,
    *,
    rng: np.random.Generator,
    members: int,
    hidden: int,
    layers: int,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
    seen: NDArray[np.bool_] | None = None,
) -> Arrays:
    """Weights of ``members`` networks trained on ``(n, d)`` rows and ``(n,)`` targets.

    Args:
        loss: of ``(m, b)`` outputs, ``(b,)`` targets and ``(m, b)`` weights of the rows of a batch, ``(m,)``.
        seen: ``(m, n)``, whether the member sees the row; all by default.
    """
    graphs, t = graphs_of(space, archs).float(), single(targets)
    w = single(np.ones((members, len(targets))) if seen is None else seen)
    with private_random_stream(rng):
        module = GraphNetwork(members, graphs.nodes.shape[2], graphs.pooling.shape[1], hidden, layers)
        train(
            module,
            lambda rows: loss(module(graphs[rows]), t[rows], w[:, rows]).sum(),
            len(t),
            epochs=epochs,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
        )
    return arrays_of(module)


def outputs(space: SearchSpace, archs: NDArray[np.int64], arrays: Arrays) -> NDArray[np.float64]:
    """``(m, n)`` outputs of the networks."""
    module = _rebuilt(arrays)
    return in_chunks(lambda rows: module(graphs_of(space, rows)), archs)


def basis(space: SearchSpace, archs: NDArray[np.int64], arrays: Arrays) -> NDArray[np.float64]:
    """``(n, m * hidden)`` last hidden activations of all networks side by side."""
    module = _rebuilt(arrays)
    return np.concatenate(in_chunks(lambda rows: module.basis(graphs_of(space, rows)), archs), axis=1)


def squared_error(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """``(m,)`` mean squared errors of ``(m, b)`` outputs, rows weighted by ``(m, b)``."""
    return ((outputs - targets).square() * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1)


def pairwise_hinge(outputs: Tensor, targets: Tensor, weights: Tensor, margin: float = 0.1) -> Tensor:
    """``(m,)`` mean of ``max(0, margin - (f_i - f_j))`` over pairs with ``t_i > t_j``, weighted by both rows' weights ``(m, b)``;
    0 if there is no such pair."""
    better = (targets[:, None] > targets) * weights[:, :, None] * weights[:, None, :]
    loss = torch.relu(margin - (outputs[:, :, None] - outputs[:, None, :])) * better
    return loss.sum(dim=(1, 2)) / better.sum(dim=(1, 2)).clamp_min(1)


def _rebuilt(arrays: Arrays) -> GraphNetwork:
    layers = sum(name.endswith("itself.weight") for name in arrays)
    members, features, hidden = arrays["convolutions.0.itself.weight"].shape
    averages = arrays["hidden.weight"].shape[1] // (layers * hidden)
    return with_arrays(lambda: GraphNetwork(members, features, averages, hidden, layers), arrays)
