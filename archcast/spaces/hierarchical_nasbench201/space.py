"""Schrodi et al.'s hierarchical NAS-Bench-201: a grammar derives the whole network, down to the operation of each edge."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.spaces.base import Task, get_space, register
from archcast.spaces.grammar import GrammarSpace, Node
from archcast.spaces.hierarchical_nasbench201.costs import Usage, costs
from archcast.spaces.hierarchical_nasbench201.topologies import EDGES, HALVINGS, OPERATIONS
from archcast.spaces.nasbench201.costs import CONV1, CONV3, longest_path

if TYPE_CHECKING:
    import torch

__all__ = ["HierarchicalNASBench201"]

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

GRAMMAR = """
D2 -> "Linear3" D1 D1 D0 | "Linear3" D0 D1 D1 | "Linear4" D1 D1 D0 D0
D1 -> "Linear3" C C DOWN | "Linear4" C C C DOWN | "Residual3" C C DOWN DOWN
D0 -> "Linear3" C C CELL | "Linear4" C C C CELL | "Residual3" C C CELL CELL
DOWN -> "Linear2" CELL "resBlock" | "Linear3" CELL CELL "resBlock" | "Residual2" CELL "resBlock" "resBlock"
C -> "Linear2" CELL CELL | "Linear3" CELL CELL CELL | "Residual2" CELL CELL CELL
CELL -> "Cell" OPS OPS OPS OPS OPS OPS
OPS -> "id" | "zero" | "conv3x3" | "conv1x1" | "avg_pool"
"""
CELLS_WITH_A_PATH = 15_284
NAMES = ("id", "zero", "conv3x3", "conv1x1", "avg_pool")
CODES = np.array([OPERATIONS[name] for name in NAMES])
"""Number in NAS-Bench-201 of each production of OPS."""
PRODUCTIONS = np.argsort(CODES)
"""Production of OPS of each number in NAS-Bench-201."""


@register(
    "hierarchical-nasbench201",
    summary="networks that a grammar derives, up to 42 cells of NAS-Bench-201; 2.2e179 rows",
    paper="Schrodi et al. 2023, https://arxiv.org/abs/2211.01842",
    size=224 * 10**177,
    buildable=True,
)
class HierarchicalNASBench201(GrammarSpace):
    """The space of Schrodi et al. 2023 (https://arxiv.org/abs/2211.01842) with NAS-Bench-201's cells.

    The grammar derives a network that halves the resolution twice: stages (D2) of blocks (D1, D0, DOWN, C) of cells, each with six
    operations of its own, put together in chains and residual blocks. The notation is the derivation in brackets.

    As in the paper, every cell has a path. The paper's largest space also derives the activation, the convolution and the
    normalisation of each edge; this is the grammar that its code gives with fixed convolutions (ReLU, convolution, batch norm).

    :meth:`canonical` puts each cell in the canonical form of ``nasbench201``; networks that different stages and blocks make
    equal are not merged.

    Examples:
        >>> space = HierarchicalNASBench201()
        >>> space.format(space.sample(1, 0))[0][:46]
        '(D2 Linear3 (D0 Linear4 (C Linear3 (CELL Cell '
    """

    name = "hierarchical-nasbench201"
    grammar = GRAMMAR
    sizes: Mapping[str, int] = {"width": 16}
    tasks: Mapping[str, Task] = {
        "cifar10": Task(),
        "cifar100": Task(classes=100),
        "imagenet16-120": Task((3, 16, 16), 120),
        "addnist": Task((3, 28, 28), 20),
        "cifartile": Task((3, 64, 64), 4),
    }

    @cached_property
    def _cells(self) -> list[list[int]]:
        """Columns of the six operations of each cell."""
        return [node.columns() for node in self.root.walk() if node.symbol == "CELL"]

    def is_allowed(self, archs: Rows) -> Mask:
        """Every cell that is there has a path."""
        cells = archs[:, self._cells]
        there = self.active(archs)[:, [columns[0] for columns in self._cells]]
        has_path = _live(CODES[cells.reshape(-1, 6)]).any(axis=1).reshape(there.shape)
        return np.logical_and.reduce(has_path | ~there, axis=1)

    def canonical(self, archs: ArrayLike) -> Rows:
        rows = self.validate(archs)
        cells = get_space("nasbench201").canonical(CODES[rows[:, self._cells].reshape(-1, 6)])
        out = rows.copy()
        out[:, np.ravel(self._cells)] = PRODUCTIONS[cells].reshape(len(rows), 6 * len(self._cells))
        return self.settle(out)

    def _size(self, node: Node) -> int:
        return CELLS_WITH_A_PATH if node.symbol == "CELL" else super()._size(node)

    # -- network ------------------------------------------------------------------------------------------------------

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        stages, n = HALVINGS[self.root.symbol] + 1, len(rows)
        usage = Usage(np.zeros((stages, 5, n), dtype=np.int64), np.zeros((stages, n), dtype=np.int64), np.zeros(n, int))
        layers = _visit(self.root, rows, np.ones(n, dtype=bool), np.zeros(n, dtype=np.int64), usage, pruned)
        usage.layers[:] = layers
        return costs(usage, task.pixels, convention, **self.image_sizes(task))

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of Schrodi et al. 2023: a 3x3 stem of ``width`` (16) channels, what the grammar derives, batch norm, ReLU,
        global average pooling. Edges that lead nowhere are in the network; ``pruned=True`` leaves them out."""
        from archcast.spaces.hierarchical_nasbench201.network import Network

        derivation = self.derivations(self.validate(arch, allow_empty=False)[:1])[0]
        return Network(derivation, pruned=pruned, **self.image_sizes(task))


def _visit(node: Node, rows: Rows, there: Mask, stage: Rows, usage: Usage, pruned: bool) -> Rows:
    """Add what a node of the derivations uses, in the rows where it is there and at the stage where it starts; the convolutions
    on its longest path."""
    if node.symbol == "CELL":
        return _visit_cell(CODES[rows[:, node.columns()]], there, stage, usage, pruned)
    value = np.zeros(len(rows), dtype=np.int64) if node.column is None else rows[:, node.column]
    starts = np.zeros((len(node.children), len(node.productions)), dtype=np.int64)
    uses = np.zeros(starts.shape, dtype=bool)
    number = {slot: k for k, slot in enumerate(node.children)}
    for p, production in enumerate(node.productions):
        halvings = {0: 0}
        for (i, j), slot in zip(EDGES[production[0].strip('"')], node.slots(p)[1:], strict=True):
            symbol = slot[0].strip('"')
            halvings[j] = halvings[i] + HALVINGS[symbol]
            if slot in number:
                starts[number[slot], p], uses[number[slot], p] = halvings[i], True
            else:
                used = there & (value == p)
                np.add.at(usage.residuals, (stage[used] + halvings[i], np.flatnonzero(used)), 1)
    layers = {
        slot: _visit(child, rows, there & uses[k][value], stage + starts[k][value], usage, pruned)
        for k, (slot, child) in enumerate(node.children.items())
    }
    out = np.zeros(len(rows), dtype=np.int64)
    for p, production in enumerate(node.productions):
        longest = {0: np.zeros(len(rows), dtype=np.int64)}
        for (i, j), slot in zip(EDGES[production[0].strip('"')], node.slots(p)[1:], strict=True):
            ends = longest[i] + layers.get(slot, 2)
            longest[j] = np.maximum(longest[j], ends) if j in longest else ends
        out = np.where(value == p, longest[max(longest)], out)
    return out


def _visit_cell(cells: Rows, there: Mask, stage: Rows, usage: Usage, pruned: bool) -> Rows:
    live = _live(cells)
    built = np.where(live, cells, 0) if pruned else cells
    used = np.flatnonzero(there)
    for op in range(1, 5):
        usage.operations[stage[used], op, used] += (built[used] == op).sum(axis=1)
    return longest_path(live & ((cells == CONV1) | (cells == CONV3)), live)


def _live(cells: Rows) -> Mask:
    """``(n, 6)`` the edges on a path from the first to the last node of cells."""
    a, b, c, d, e, f = (cells != 0).T
    to_one, to_two = a, b | (a & c)
    from_two = f
    from_one = e | (c & from_two)
    return np.stack([a & from_one, b & from_two, c & to_one & from_two, d, e & to_one, f & to_two], axis=1)
