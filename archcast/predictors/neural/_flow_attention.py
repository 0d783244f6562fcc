"""Cells of any space in one language, and the network of ``flan`` that reads them.

Not imported before a network is needed, because it imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archcast.graphs import ABSENT, KINDS, UNDECLARED
from archcast.predictors.networks import Arrays, BatchedLinear, arrays_of, private_random_stream, single, train
from archcast.predictors.neural._gcn import Graphs, graphs_of
from archcast.predictors.neural._training import ReadOut, on_nodes
from archcast.predictors.neural._transformer import Attention, Norm
from archcast.predictors.neural.losses import Loss
from archcast.spaces.base import SearchSpace

__all__ = ["FlowAttention", "Task", "features_of", "learn", "names_of", "unified"]

TERMINALS = 2
"""Columns for input and output, behind the kinds."""
FURTHER = 4
"""Columns for weights, reach, which cell, and how far through it."""


def names_of(spaces: Sequence[SearchSpace]) -> list[str]:
    """Names of all operations of some spaces, sorted; a name that two spaces share is one operation."""
    return sorted({name for space in spaces for name in space.operations})


def features_of(names: Sequence[str], spaces: Sequence[str]) -> int:
    """Number of features of a node that :func:`unified` makes."""
    return len(KINDS) + 1 + TERMINALS + FURTHER + len(names) + len(spaces)


def unified(space: SearchSpace, archs: NDArray[np.int64], names: Sequence[str], spaces: Sequence[str]) -> Graphs:
    """The pruned graphs of ``(n, d)`` rows with node features that mean the same in every space.

    Features of a node are the one-hot of what kind of operation it is, its weights and reach, the cell it is in and how far
    through, the one-hot of its name among ``names``, and the one-hot of the name of the space among ``spaces``; a name that is not
    among them is zeros. The averages over nodes are means over cells.
    """
    batch = graphs_of(space, archs)
    graphs = space.graphs(space.canonical(archs)).pruned()
    kinds = [*KINDS, UNDECLARED.kind]
    width = len(kinds) + TERMINALS + FURTHER + len(names)
    table = np.zeros((len(graphs.op_names), width))
    for code, name in enumerate(graphs.op_names):
        if code < graphs.terminals:
            table[code, len(kinds) + min(code, TERMINALS - 1)] = 1
            continue
        operation = graphs.declared.get(name, UNDECLARED)
        table[code, kinds.index(operation.kind)] = 1
        table[code, len(kinds) + TERMINALS : len(kinds) + TERMINALS + 2] = (
            np.log1p(operation.weight),
            operation.reach / 5,
        )
        if name in names:
            table[code, len(kinds) + TERMINALS + FURTHER + list(names).index(name)] = 1
    present = graphs.operations != ABSENT
    nodes = table[np.maximum(graphs.operations, 0)] * present[:, :, None]
    through = np.concatenate([np.linspace(0, 1, len(range(present.shape[1])[cell])) for cell in graphs.cells])
    nodes[:, :, len(kinds) + TERMINALS + 2] = graphs.cell_of_node * present
    nodes[:, :, len(kinds) + TERMINALS + 3] = through * present
    own = present[:, :, None] * np.array([float(name == space.name) for name in spaces])
    pooling = batch.pooling.reshape(len(nodes), len(graphs.cells), -1, nodes.shape[1]).mean(dim=1)
    return Graphs(torch.from_numpy(np.concatenate([nodes, own], axis=2)), batch.edges, pooling)


class FlowAttention(nn.Module):
    """``m`` networks whose layers add a gated flow along the edges and attention along the edges (Akhauri & Abdelfattah 2024).

    ``h <- norm(sigmoid(E W_g) * (A^T h W + attention(h)) + h W_s)``, where E embeds the operations and attention looks at
    predecessors and the node itself.

    Args:
        members: number of networks ``m``.
        features: number of node features.
        averages: number of averages over nodes.
        hidden: width of all layers.
        layers: number of layers.
    """

    heads = 2

    def __init__(self, members: int, features: int, averages: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.embedding = BatchedLinear(members, features, hidden)
        self.start = BatchedLinear(members, hidden, hidden)
        self.gates = nn.ModuleList(BatchedLinear(members, hidden, hidden) for _ in range(layers))
        self.flows = nn.ModuleList(BatchedLinear(members, hidden, hidden) for _ in range(layers))
        self.stays = nn.ModuleList(BatchedLinear(members, hidden, hidden) for _ in range(layers))
        self.attention = nn.ModuleList(Attention(members, hidden, self.heads) for _ in range(layers))
        self.norms = nn.ModuleList(Norm(members, hidden) for _ in range(layers))
        self.read_out = ReadOut(members, averages, hidden)

    def forward(self, graphs: Graphs) -> Tensor:
        """``(m, n)`` outputs."""
        back = graphs.edges.transpose(1, 2)
        pairs = ((back > 0) | torch.eye(back.shape[1], dtype=torch.bool))[:, None]
        embedded = on_nodes(self.embedding, graphs.nodes[None])
        h = on_nodes(self.start, functional.silu(embedded))
        for i, attention in enumerate(self.attention):
            passed = back @ on_nodes(self.flows[i], h) + attention(h, pairs)
            h = torch.sigmoid(on_nodes(self.gates[i], embedded)) * passed + on_nodes(self.stays[i], h)
            h = functional.silu(self.norms[i](h))
        return self.read_out(h, graphs.pooling)


@dataclass(frozen=True, eq=False)
class Task:
    """Scored graphs of one task.

    Attributes:
        graphs: ``n`` of them.
        targets: ``(n,)``.
        seen: ``(m, n)``, whether the member sees the row.
    """

    graphs: Graphs
    targets: NDArray[np.float64]
    seen: NDArray[np.bool_]


def learn(
    shape: dict[str, int],
    sources: Sequence[Task],
    task: Task | None,
    loss: Loss,
    *,
    start: Arrays | None = None,
    rng: np.random.Generator,
    source_epochs: int,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
) -> Arrays:
    """Weights of networks trained on the sources, one after the other in every pass, then on the task, if there is one.

    Args:
        shape: arguments of :class:`FlowAttention`.
        loss: within one task; scores of different tasks are not compared.
        start: weights to begin with, of networks that have learned from other tasks; else random ones.
    """
    with private_random_stream(rng):
        module = FlowAttention(**shape)
        if start is not None:
            module.load_state_dict({name: single(value) for name, value in start.items()})
        if sources:
            prepared = [(s.graphs.float(), single(s.targets), single(s.seen)) for s in sources]
            largest = max(len(s.targets) for s in sources)

            def of_sources(rows: Tensor) -> Tensor:
                losses = []
                for graphs, t, w in prepared:
                    own = rows[rows < len(t)]
                    if len(own):
                        losses.append(loss(module(graphs[own]), t[own], w[:, own]).sum())
                return torch.stack(losses).mean()

            train(
                module,
                of_sources,
                largest,
                epochs=source_epochs,
                learning_rate=learning_rate,
                weight_decay=weight_decay,
            )
        if task is not None:
            graphs, t, w = task.graphs.float(), single(task.targets), single(task.seen)
            train(
                module,
                lambda rows: loss(module(graphs[rows]), t[rows], w[:, rows]).sum(),
                len(t),
                epochs=epochs,
                learning_rate=learning_rate / 3 if sources or start is not None else learning_rate,
                weight_decay=weight_decay,
            )
    return arrays_of(module)
