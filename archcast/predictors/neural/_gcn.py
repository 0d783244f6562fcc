"""Graph convolutions over batches of pruned cells, for an ensemble of networks at once.

Not imported before a network is needed, because it imports torch.

Cells have about ten nodes, so a batch is dense, ``(n, v, v)``: on a CPU one batched product is several times faster
than gathering and scattering along an edge list, and the graphs need no collation.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archcast.encodings._paths import chains
from archcast.graphs import ABSENT, CellGraphs
from archcast.predictors.networks import (
    Arrays,
    BatchedLinear,
    arrays_of,
    of_functions,
    private_random_stream,
    single,
    train,
    with_arrays,
)
from archcast.predictors.neural._neighbourhoods import neighbourhoods
from archcast.predictors.neural.losses import Loss
from archcast.spaces.base import SearchSpace
from archcast.torch_state import here

__all__ = [
    "GraphConvolution",
    "GraphNetwork",
    "Graphs",
    "basis",
    "graphs_of",
    "learn",
    "outputs",
    "visits",
]


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
        """In single precision, where networks are trained."""
        return Graphs(*(part.to(here(), torch.float32) for part in (self.nodes, self.edges, self.pooling)))


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
    if chains(space):
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


@dataclass(frozen=True, eq=False)
class Bags:
    """Sums of rows of a table.

    Attributes:
        numbers: of the rows, those of each bag together.
        starts: ``(b,)`` where the numbers of each bag start.
        weights: of the rows, or ``None`` if all are 1.
    """

    numbers: Tensor
    starts: Tensor
    weights: Tensor | None

    @classmethod
    def of(cls, numbers: NDArray[np.int64], starts: NDArray[np.int64], weights: Tensor | None = None) -> Bags:
        """From arrays."""
        return cls(torch.from_numpy(numbers), torch.from_numpy(starts), weights)

    def sums(self, table: Tensor) -> Tensor:
        """``(u, k)`` to ``(b, k)``; an empty bag sums to 0."""
        if len(self.numbers) == 0:
            return table.new_zeros(len(self.starts), table.shape[1])
        return functional.embedding_bag(self.numbers, table, self.starts, mode="sum", per_sample_weights=self.weights)


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

    def over_neighbourhoods(self, member: int, h: Tensor, last: Tensor, bags: tuple[Bags, Bags]) -> Tensor:
        """The same in one network for distinct neighbourhoods: ``(u', inputs)`` to ``(u, outputs)``.

        Args:
            member: number of the network.
            h: of the neighbourhoods a convolution before.
            last: ``(u,)`` their numbers for the nodes themselves.
            bags: the same for the senders of messages, along and against the edges.
        """
        assert self.itself.bias is not None
        out = torch.addmm(self.itself.bias[member], h, self.itself.weight[member])[last]
        for linear, bag in zip((self.along, self.against), bags, strict=True):
            out += bag.sums(h @ linear.weight[member])
        return out.tanh_()


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

    def answer(self, graphs: Graphs) -> Tensor:
        """What :meth:`basis` gives, each distinct neighbourhood computed once: without gradients, and several times faster."""
        n, r, v = graphs.pooling.shape
        edges = graphs.edges.numpy().astype(bool)
        rounds = neighbourhoods(graphs.nodes.numpy(), edges, len(self.convolutions))
        graph, row, node = graphs.pooling.numpy().nonzero()
        starts, weights = np.searchsorted(graph * r + row, np.arange(n * r)), graphs.pooling[graph, row, node]
        steps = [
            (
                torch.from_numpy(last.of[now.examples]),
                (Bags.of(*now.before(last, edges.transpose(0, 2, 1))), Bags.of(*now.before(last, edges))),
                Bags.of(now.of[graph * v + node], starts, weights),
            )
            for last, now in pairwise(rounds)
        ]
        first = graphs.nodes.flatten(0, 1)[torch.from_numpy(rounds[0].examples)]
        averages = []
        for member in range(len(self.output.weight)):
            h = first
            for convolution, (last, bags, averaged) in zip(self.convolutions, steps, strict=True):
                assert isinstance(convolution, GraphConvolution)
                h = convolution.over_neighbourhoods(member, h, last, bags)
                averages.append(averaged.sums(h).view(n, -1))
        together = torch.cat(averages, dim=1).view(n, len(self.output.weight), -1).transpose(0, 1)
        return torch.tanh(self.hidden(together))

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
    return of_functions(space, archs, lambda rows: module.output(module.answer(graphs_of(space, rows)))[..., 0])


def basis(space: SearchSpace, archs: NDArray[np.int64], arrays: Arrays) -> NDArray[np.float64]:
    """``(n, m * hidden)`` last hidden activations of all networks side by side."""
    module = _rebuilt(arrays)
    return np.concatenate(of_functions(space, archs, lambda rows: module.answer(graphs_of(space, rows))), axis=1)


def _rebuilt(arrays: Arrays) -> GraphNetwork:
    layers = sum(name.endswith("itself.weight") for name in arrays)
    members, features, hidden = arrays["convolutions.0.itself.weight"].shape
    averages = arrays["hidden.weight"].shape[1] // (layers * hidden)
    return with_arrays(lambda: GraphNetwork(members, features, averages, hidden, layers), arrays)
