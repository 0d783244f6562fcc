"""Cells and layer graphs as lists of layers: what the distances between networks compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.graphs import ABSENT, IDENTITY, NOTHING, POOLING, UNDECLARED, CellGraphs, Operation
from archcast.spaces.base import SearchSpace

__all__ = ["Layers", "Skips", "layers_of", "mismatch"]

Floats = NDArray[np.float64]

TERMINALS = 0.1
"""Mass of the input, and of the output, as a share of the mass of all layers."""

POOLINGS, OTHERS, KERNEL = 0.5, 0.25, np.sqrt(2) / 10
"""Mismatch of two poolings; of two operations of one kind and reach; of two kernels, times the root of their difference."""


@dataclass(frozen=True)
class Layers:
    """The layers of ``n`` pruned networks; ``v`` places, absent ones last.

    Attributes:
        labels: ``(n, v)`` index into ``names``, ``ABSENT`` for none.
        names: for each label the name of the operation, the number of its cell, what it does (``None`` for an input or output).
        masses: ``(n, v)`` of NASBOT: units of a layer times those of all that it reads; 0 where there is none.
        units: ``(n, v)`` units of each layer.
        lengths: ``(n, v, 6)`` shortest, longest and mean (of a random walk) number of layers to the input, then to the output.
        edges: ``(n, v, v)`` whether one layer reads another.
    """

    labels: NDArray[np.int64]
    names: tuple[tuple[str, int, Operation | None], ...]
    masses: Floats
    units: Floats
    lengths: Floats
    edges: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)

    def skips(self) -> Skips:
        """Edges between layers that do not follow each other."""
        v = self.labels.shape[1]
        n, i, j = np.nonzero(self.edges & (np.arange(v) > np.arange(v)[:, None] + 1))
        many = np.bincount(n, minlength=len(self))
        place = np.arange(len(n)) - np.repeat(np.cumsum(many) - many, many)
        shape = (len(self), int(many.max(initial=0)))
        start, span, cell = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.int64)
        cells = np.array([cell for _, cell, _ in self.names])
        start[n, place], span[n, place], cell[n, place] = i, j - i, cells[self.labels[n, i]]
        return Skips(start, span, cell, (np.arange(shape[1]) < many[:, None]).astype(np.float64))


@dataclass(frozen=True)
class Skips:
    """Skip connections of ``n`` networks, all ``(n, s)``: place of the layer where each starts, layers to its end, cell,
    1 where there is one."""

    start: Floats
    span: Floats
    cell: NDArray[np.int64]
    there: Floats


def layers_of(space: SearchSpace, archs: NDArray[np.int64]) -> Layers:
    """The layers of ``(n, d)`` rows."""
    graphs = space.graphs(archs).pruned()
    order = np.argsort(graphs.operations == ABSENT, axis=1, kind="stable")
    edges = np.take_along_axis(np.take_along_axis(graphs.adjacency, order[:, :, None], 1), order[:, None, :], 2)
    operations = np.take_along_axis(graphs.operations, order, axis=1)
    cells = graphs.cell_of_node[order]
    there = operations != ABSENT
    many = max(1, int(there.sum(axis=1).max(initial=0)))
    edges, operations, cells, there = (x[:, :many] for x in (edges[:, :, :many], operations, cells, there))
    units = np.ones(operations.shape)
    if graphs.units is not None:
        units = np.take_along_axis(graphs.units, order, axis=1)[:, :many].astype(np.float64)
    terminal = there & (operations < graphs.terminals)
    masses = np.where(there & ~terminal, units * np.einsum("nij,ni->nj", edges, units), 0.0)
    ends = max(len(graphs.cells), 1)
    inside = masses.sum(axis=1, keepdims=True)
    last = there & (operations == graphs.terminals - 1)
    first = terminal & ~last
    for end, share in ((last, ends), (first, ends * graphs.inputs)):
        masses = np.where(end, TERMINALS * np.maximum(inside, 1) / share, masses)
    return Layers(
        np.where(there, operations + cells * len(graphs.op_names), ABSENT),
        _names(graphs),
        masses,
        np.where(there, units, 0.0),
        np.concatenate([_lengths(edges), _lengths(edges[:, ::-1, ::-1].transpose(0, 2, 1))[:, ::-1]], axis=2),
        edges,
    )


def _names(graphs: CellGraphs) -> tuple[tuple[str, int, Operation | None], ...]:
    return tuple(
        (name, cell, None if code < graphs.terminals else graphs.declared.get(name, UNDECLARED))
        for cell in range(len(graphs.cells))
        for code, name in enumerate(graphs.op_names)
    )


def _lengths(edges: NDArray[np.bool_]) -> Floats:
    """``(n, v, 3)`` shortest, longest and mean number of edges back to a layer that reads nothing; nodes in topological order."""
    n, v, _ = edges.shape
    out = np.zeros((n, v, 3))
    for j in range(1, v):
        read = edges[:, :j, j]
        some, many = read.any(axis=1), np.maximum(read.sum(axis=1), 1)
        out[:, j, 0] = np.where(some, 1 + np.where(read, out[:, :j, 0], np.inf).min(axis=1), 0)
        out[:, j, 1] = np.where(some, 1 + np.where(read, out[:, :j, 1], -np.inf).max(axis=1), 0)
        out[:, j, 2] = np.where(some, 1 + np.where(read, out[:, :j, 2], 0).sum(axis=1) / many, 0)
    return out


def mismatch(names: tuple[tuple[str, int, Operation | None], ...]) -> Floats:
    """``(labels, labels)`` cost of taking one operation for another; ``inf`` for operations of different kinds or cells.

    As in NASBOT: two convolutions cost the root of the difference of their kernels times ``sqrt(2) / 10``, two poolings a half.
    Two operations that differ in something else cost a quarter.
    """
    out = np.full((len(names), len(names)), np.inf)
    for i, (name, cell, operation) in enumerate(names):
        for j, (other, other_cell, twin) in enumerate(names):
            if cell != other_cell:
                continue
            if name == other:
                out[i, j] = 0.0
            elif operation is not None and twin is not None and operation.kind == twin.kind and _comparable(operation):
                apart = abs(operation.reach - twin.reach)
                out[i, j] = POOLINGS if operation.kind == POOLING else KERNEL * np.sqrt(apart) if apart else OTHERS
    return out


def _comparable(operation: Operation) -> bool:
    return operation.kind not in (IDENTITY, NOTHING, UNDECLARED.kind)
