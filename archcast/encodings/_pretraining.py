"""What the encodings share that train a network on graphs without scores: graphs as tensors, the loop, weights as arrays.

Not imported before such an encoding is fitted, because it imports torch.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archcast.graphs import ABSENT, CellGraphs
from archcast.torch_state import one_thread, seeded

__all__ = ["Arrays", "Graphs", "cell_means", "pretrained", "reached", "restored"]

Arrays = dict[str, NDArray[np.float32]]
Module = TypeVar("Module", bound=nn.Module)

BATCH = 32
"""Graphs a step."""
LEARNING_RATE = 3e-3
KEPT = 12
"""Trainings that are kept: predictors ask for the same one again and again."""
_kept: OrderedDict[str, Arrays] = OrderedDict()


@dataclass(frozen=True)
class Graphs:
    """Graphs as tensors, in double precision.

    Attributes:
        adjacency: ``(n, v, v)``, 1 where there is an edge.
        operations: ``(n, v)`` codes; 0 where a node is absent.
        present: ``(n, v)``, 1 where a node is there.
        cells: ``(v, c)``, 1 where a node belongs to a cell.
        kinds: number of codes.
        reached: ``(n, v, v)``, 1 where node j lies on a path that ends in node i, or is i.
    """

    adjacency: Tensor
    operations: Tensor
    present: Tensor
    cells: Tensor
    kinds: int
    reached: Tensor

    @classmethod
    def of(cls, graphs: CellGraphs) -> Graphs:
        """Graphs of a space, the pruned ones as a rule."""
        present = graphs.operations != ABSENT
        cells = graphs.cell_of_node[:, None] == np.arange(len(graphs.cells))
        return cls(
            torch.from_numpy(graphs.adjacency.astype(np.float64)),
            torch.from_numpy(np.where(present, graphs.operations, 0).astype(np.int64)),
            torch.from_numpy(present.astype(np.float64)),
            torch.from_numpy(cells.astype(np.float64)),
            len(graphs.op_names),
            torch.from_numpy(reached(graphs).astype(np.float64)),
        )

    def __getitem__(self, rows: Tensor) -> Graphs:
        return replace(
            self,
            adjacency=self.adjacency[rows],
            operations=self.operations[rows],
            present=self.present[rows],
            reached=self.reached[rows],
        )

    def __len__(self) -> int:
        return len(self.operations)

    def float(self) -> Graphs:
        """In single precision, in which networks are trained."""
        return replace(
            self,
            adjacency=self.adjacency.float(),
            present=self.present.float(),
            cells=self.cells.float(),
            reached=self.reached.float(),
        )


def reached(graphs: CellGraphs) -> NDArray[np.bool_]:
    """``(n, v, v)``: whether node j lies on a path that ends in node i, or is i."""
    edges = graphs.edges
    out = np.zeros(edges.shape, dtype=bool)
    for i in range(len(edges)):  # in topological order
        out[i, i] = True
        for j in np.flatnonzero(edges[:, i].any(axis=1)):
            out[i] |= out[j] & edges[j, i]
    return np.ascontiguousarray(np.moveaxis(out, 2, 0))


def cell_means(nodes: Tensor, graphs: Graphs) -> Tensor:
    """``(n, c k)`` means over the nodes of each cell that are there, of ``(n, v, k)`` values of nodes."""
    share = graphs.present[:, :, None] * graphs.cells
    share = share / share.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.einsum("nvk,nvc->nck", nodes, share).flatten(1)


def pretrained(
    make: Callable[[], Module], loss: Callable[[Module, Tensor], Tensor], graphs: Graphs, *, epochs: int, seed: int
) -> Arrays:
    """Weights after ``epochs`` passes over the graphs: AdamW with a warm-up over a tenth of the steps and a cosine to zero.

    The same training of the same graphs is not made twice.

    Args:
        make: makes the network.
        loss: network and rows ``(b,)`` to the scalar that is minimised.
        graphs: what it is trained on.
        epochs: passes over them.
        seed: of the initial weights and of the order of the rows.
    """
    digest = hashlib.sha256(repr((make, epochs, seed)).encode())
    for part in (graphs.adjacency, graphs.operations, graphs.present, graphs.cells):
        digest.update(part.numpy().tobytes() + str(tuple(part.shape)).encode())
    key = digest.hexdigest()
    if key not in _kept:
        with seeded(seed), one_thread():
            _kept[key] = _train(make(), loss, len(graphs), epochs)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return {name: value.copy() for name, value in _kept[key].items()}


def _train(network: Module, loss: Callable[[Module, Tensor], Tensor], n: int, epochs: int) -> Arrays:
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-4, fused=True)
    batches = math.ceil(n / BATCH)
    steps = epochs * batches
    warm = max(1, steps // 10)
    for step in range(steps):
        rate = (step + 1) / warm if step < warm else 0.5 + 0.5 * math.cos(math.pi * (step - warm) / (steps - warm))
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * rate
        if step % batches == 0:
            order = torch.randperm(n).chunk(batches)
        optimizer.zero_grad()
        loss(network, order[step % batches]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}


def restored(make: Callable[[], Module], weights: Arrays) -> Module:
    """The network that ``make`` makes with these weights, in double precision and evaluation mode."""
    with torch.device("meta"):
        network = make()
    held = {name: torch.from_numpy(np.array(value, dtype=np.float64)) for name, value in weights.items()}
    network.load_state_dict(held, assign=True)
    return network.eval()
