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
from archcast.spaces.hierarchical_nasbench201.topologies import EDGES, HALVINGS, OPERATIONS, USUAL, Convolution
from archcast.spaces.nasbench201.costs import longest_path

if TYPE_CHECKING:
    import torch

    from archcast.spaces.hierarchical_nasbench201.network import MakeCell

__all__ = ["MACRO", "HierarchicalNASBench201", "live_edges"]

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

MACRO = """
D2 -> "Linear3" D1 D1 D0 | "Linear3" D0 D1 D1 | "Linear4" D1 D1 D0 D0
D1 -> "Linear3" C C DOWN | "Linear4" C C C DOWN | "Residual3" C C DOWN DOWN
D0 -> "Linear3" C C CELL | "Linear4" C C C CELL | "Residual3" C C CELL CELL
DOWN -> "Linear2" CELL "resBlock" | "Linear3" CELL CELL "resBlock" | "Residual2" CELL "resBlock" "resBlock"
C -> "Linear2" CELL CELL | "Linear3" CELL CELL CELL | "Residual2" CELL CELL CELL
CELL -> "Cell" OPS OPS OPS OPS OPS OPS
"""
GRAMMAR = MACRO + 'OPS -> "id" | "zero" | "conv3x3" | "conv1x1" | "avg_pool"\n'
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

    As in the paper, every cell has a path. The paper's largest space, ``hierarchical-nasbench201-flexible``, also derives the
    activation, the convolution and the normalisation of each edge; this is the grammar that its code gives with fixed
    convolutions (ReLU, convolution, batch norm).

    :meth:`canonical` puts each cell in the canonical form of ``nasbench201``; networks that different stages and blocks make
    equal are not merged.

    Examples:
        >>> space = HierarchicalNASBench201()
        >>> space.format(space.sample(1, 0))[0][:46]
        '(D2 Linear3 (D0 Linear4 (C Linear3 (CELL Cell '
    """

    name = "hierarchical-nasbench201"
    grammar = GRAMMAR
    kinds: tuple[Convolution | str | None, ...] = USUAL
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

    def _codes(self, cells: Rows) -> Rows:
        """``(n, 6)`` numbers in ``kinds`` of the operations of cells, given the decisions of each."""
        return CODES[cells]

    def _decisions(self, codes: Rows) -> Rows:
        """Inverse of :meth:`_codes`."""
        return PRODUCTIONS[codes]

    def _one_form(self, codes: Rows) -> Rows:
        """``(n, 6)`` cells in canonical form."""
        return get_space("nasbench201").canonical(codes)

    def _every_cell(self, rows: Rows) -> Rows:
        """``(n * cells, 6)`` operations."""
        cells = rows[:, self._cells]
        return self._codes(cells.reshape(cells.shape[0] * cells.shape[1], cells.shape[2]))

    def is_allowed(self, archs: Rows) -> Mask:
        """Every cell that is there has a path."""
        there = self.active(archs)[:, [columns[0] for columns in self._cells]]
        has_path = live_edges(self._every_cell(archs)).any(axis=1).reshape(there.shape)
        return np.logical_and.reduce(has_path | ~there, axis=1)

    def canonical(self, archs: ArrayLike) -> Rows:
        rows = self.validate(archs)
        out = rows.copy()
        cells = self._decisions(self._one_form(self._every_cell(rows)))
        out[:, np.ravel(self._cells)] = cells.reshape(len(rows), np.size(self._cells))
        return self.settle(out)

    def _size(self, node: Node) -> int:
        if node.symbol != "CELL":
            return super()._size(node)
        patterns = np.indices((2,) * 6).reshape(6, -1).T
        passing = patterns[live_edges(patterns).any(axis=1)].sum(axis=1).tolist()
        return sum((len(self.kinds) - 1) ** edges for edges in passing)

    # -- network ------------------------------------------------------------------------------------------------------

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        stages, n = HALVINGS[self.root.symbol] + 1, len(rows)
        operations = np.zeros((stages, len(self.kinds), n), dtype=np.int64)
        usage = Usage(operations, np.zeros((stages, n), dtype=np.int64), np.zeros(n, dtype=np.int64))
        start = np.zeros(n, dtype=np.int64)
        usage.layers[:] = self._visit(self.root, rows, np.ones(n, dtype=bool), start, usage, pruned)
        return costs(usage, self.kinds, task.pixels, convention, **self.image_sizes(task))

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of Schrodi et al. 2023: a 3x3 stem of ``width`` (16) channels, what the grammar derives, batch norm, ReLU,
        global average pooling. Edges that lead nowhere are in the network; ``pruned=True`` leaves them out."""
        from archcast.spaces.hierarchical_nasbench201.network import Network

        task = self.task_of(task)
        derivation = self.derivations(self.validate(arch, allow_empty=False)[:1])[0]
        return Network(derivation, self._make_cell(pruned), task.pixels, **self.image_sizes(task))

    def _make_cell(self, pruned: bool) -> MakeCell:
        """What makes the module of a cell."""
        from archcast.spaces.hierarchical_nasbench201.network import fixed_cells

        return fixed_cells(pruned)

    def _visit(self, node: Node, rows: Rows, there: Mask, stage: Rows, usage: Usage, pruned: bool) -> Rows:
        """Add what a node of the derivations uses, in the rows where it is there and at the stage where it starts; the convolutions
        on its longest path."""
        if node.symbol == "CELL":
            return self._visit_cell(self._codes(rows[:, node.columns()]), there, stage, usage, pruned)
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
            slot: self._visit(child, rows, there & uses[k][value], stage + starts[k][value], usage, pruned)
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

    def _visit_cell(self, cells: Rows, there: Mask, stage: Rows, usage: Usage, pruned: bool) -> Rows:
        live = live_edges(cells)
        built = np.where(live, cells, 0) if pruned else cells
        used = np.flatnonzero(there)
        for op, kind in enumerate(self.kinds):
            if kind is not None:
                usage.operations[stage[used], op, used] += (built[used] == op).sum(axis=1)
        learned = np.array([isinstance(kind, Convolution) for kind in self.kinds])
        return longest_path(live & learned[cells], live)


def live_edges(cells: Rows) -> Mask:
    """``(n, 6)`` the edges on a path from the first to the last node of cells."""
    a, b, c, d, e, f = (cells != 0).T
    to_one, to_two = a, b | (a & c)
    from_two = f
    from_one = e | (c & from_two)
    return np.stack([a & from_one, b & from_two, c & to_one & from_two, d, e & to_one, f & to_two], axis=1)
