"""Cells as directed acyclic graphs with operations on the nodes, for a whole batch of architectures at once.

Every search space, whether its paper puts operations on edges (NAS-Bench-201, DARTS) or on nodes (NAS-Bench-101), hands its
cells over in this one form; encodings are written against it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from archcast.checks import whole
from archcast.errors import InvalidInputError, short

__all__ = [
    "ABSENT",
    "ATTENTION",
    "CONVOLUTION",
    "IDENTITY",
    "KINDS",
    "NOTHING",
    "POOLING",
    "UNDECLARED",
    "CellGraphs",
    "Operation",
    "on_path",
]

ABSENT = -1
"""Operation code of a node that is not there: padding, or a node that was pruned away."""

CONVOLUTION, ATTENTION, POOLING, IDENTITY, NOTHING = "convolution", "attention", "pooling", "identity", "nothing"
KINDS = {
    CONVOLUTION: "a learned map followed by normalisation, of any shape: convolutions, linear and recurrent layers",
    ATTENTION: "a learned mixture of all positions",
    POOLING: "an average or maximum over a window, without weights",
    IDENTITY: "its input as it is",
    NOTHING: "passes nothing on",
}
"""Kind -> meaning, of the operations that a space can declare."""


@dataclass(frozen=True)
class Operation:
    """What an operation does to a signal, as its search space declares it; encodings of function and flow read nothing else.

    Attributes:
        kind: one of :data:`KINDS`.
        weight: number of weights in units of a 1x1 convolution of equal width, as far as they help.
        reach: side of the window of the input that one output depends on; a 3x3 convolution has 3, two of them in a row 5.
        widens: factor of the channels that it gives out to those that it takes.
        stride: pixels of its input, along one side, for each of its output.

    Examples:
        >>> Operation(CONVOLUTION, weight=9, reach=3).learned
        True

    Raises:
        InvalidInputError: for an unknown kind, a negative weight, a reach or stride below 1, channels that become none.
    """

    kind: str
    weight: float = 0.0
    reach: int = 1
    widens: float = 1.0
    stride: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS and self.kind != _UNDECLARED:
            raise InvalidInputError(f"Operation: kind must be one of {', '.join(KINDS)}, got {short(self.kind)}.")
        if not isinstance(self.weight, (int, float)) or not 0 <= self.weight < float("inf"):
            raise InvalidInputError(f"Operation: weight must be a number of at least 0, got {short(self.weight)}.")
        if not isinstance(self.reach, int) or self.reach < 1:
            raise InvalidInputError(f"Operation: reach must be a whole number of at least 1, got {short(self.reach)}.")
        if not isinstance(self.widens, (int, float)) or not 0 < self.widens < float("inf"):
            raise InvalidInputError(f"Operation: widens must be a number above 0, got {short(self.widens)}.")
        if not isinstance(self.stride, int) or self.stride < 1:
            raise InvalidInputError(
                f"Operation: stride must be a whole number of at least 1, got {short(self.stride)}."
            )

    @property
    def learned(self) -> bool:
        """Whether it is a learned map."""
        return self.kind in (CONVOLUTION, ATTENTION)

    @property
    def keeps_shape(self) -> bool:
        """Whether it gives out as many channels and pixels as it takes."""
        return self.widens == 1 and self.stride == 1


_UNDECLARED = "undeclared"
UNDECLARED = Operation(_UNDECLARED)
"""What stands for an operation that its space does not declare: counted as an operation and as nothing more."""


@dataclass(frozen=True)
class CellGraphs:
    """A batch of operations-on-nodes graphs.

    Attributes:
        adjacency: ``(n, v, v)`` bool; ``adjacency[k, i, j]`` is the edge i -> j. Nodes are in topological order, so it is
            strictly upper triangular.
        operations: ``(n, v)`` int; an index into ``op_names``, or ``ABSENT``. An absent node has no edges.
        op_names: the names; the first ``terminals`` of them are terminal nodes (inputs and output), the others operations.
        inputs: number of input nodes of each cell. Nodes ``0 .. inputs-1`` of a cell are its inputs, the last its output.
        cells: node slice of each cell; a space with a normal and a reduction cell has two, side by side without an edge
            between them.
        zero_op: the operation that passes nothing on ("none"), or ``None`` if the space has no such operation.
        declared: name of an operation -> what it does.
        units: ``(n, v)`` channels that each node gives out, or ``None`` where a space says nothing of them: all have equally
            many.
    """

    adjacency: np.ndarray
    operations: np.ndarray
    op_names: tuple[str, ...]
    terminals: int = 2
    inputs: int = 1
    cells: tuple[slice, ...] = (slice(0, None),)
    zero_op: str | None = None
    declared: Mapping[str, Operation] = field(default_factory=dict)
    units: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, kinds, dimensions in (("adjacency", "biu", (2, 3)), ("operations", "iu", (1, 2))):
            found = getattr(self, name)
            if not isinstance(found, np.ndarray) or found.ndim not in dimensions or found.dtype.kind not in kinds:
                shape = "(n, v, v) truth values" if name == "adjacency" else "(n, v) whole numbers"
                raise InvalidInputError(f"{name} must be an array of {shape}, got {short(found)}.")
        if not isinstance(self.op_names, (tuple, list)) or not all(isinstance(name, str) for name in self.op_names):
            raise InvalidInputError(f"op_names must be a tuple of names, got {short(self.op_names)}.")
        whole("terminals", self.terminals, 0)

    def __len__(self) -> int:
        return len(self.adjacency)

    def __getitem__(self, rows: Any) -> CellGraphs:
        units = None if self.units is None else self.units[rows]
        return replace(self, adjacency=self.adjacency[rows], operations=self.operations[rows], units=units)

    @property
    def cell_of_node(self) -> np.ndarray:
        """``(v,)`` int: the cell that each node belongs to."""
        out = np.zeros(self.operations.shape[1], dtype=np.int64)
        for number, nodes in enumerate(self.cells):
            out[nodes] = number
        return out

    def split(self) -> list[CellGraphs]:
        """One ``CellGraphs`` per cell of the architecture."""
        return [
            replace(
                self,
                adjacency=self.adjacency[:, c, c],
                operations=self.operations[:, c],
                cells=(slice(0, None),),
                units=None if self.units is None else self.units[:, c],
            )
            for c in self.cells
        ]

    @property
    def edges(self) -> np.ndarray:
        """``(v, v, n)`` bool: the adjacency with the architectures last and contiguous, for loops over pairs of nodes."""
        return np.ascontiguousarray(np.moveaxis(self.adjacency, 0, 2))

    def pruned(self) -> CellGraphs:
        """Drop zero operations and every node that is not on a path from an input to the output of its cell.

        A dropped node becomes ``ABSENT`` and loses its edges; the terminals stay. Shapes do not change.
        """
        operations = np.ascontiguousarray(self.operations.T)
        alive = operations != ABSENT
        if self.zero_op is not None:
            alive &= operations != self.op_names.index(self.zero_op)
        edges = self.edges & alive[:, None] & alive
        for cell in self.cells:
            alive[cell] &= _on_path(edges[cell, cell], self.inputs)
        edges &= alive[:, None] & alive
        for cell in self.cells:
            nodes = alive[cell]
            nodes[: self.inputs] = nodes[-1] = True
        operations = np.where(alive, operations, ABSENT)
        return replace(self, adjacency=np.moveaxis(edges, 2, 0), operations=np.ascontiguousarray(operations.T))


def on_path(adjacency: np.ndarray, inputs: int = 1) -> np.ndarray:
    """``(n, v)`` bool: the node lies on a path from one of the first ``inputs`` nodes to the last.

    Nodes must be in topological order; one sweep forward and one backward suffice.
    """
    return np.ascontiguousarray(_on_path(np.moveaxis(adjacency, 0, 2), inputs).T)


def _on_path(edges: np.ndarray, inputs: int) -> np.ndarray:
    """:func:`on_path` for ``(v, v, n)`` edges, as ``(v, n)``."""
    v, _, n = edges.shape
    pairs = np.argwhere(edges.any(axis=2)).tolist()
    forward, backward = np.zeros((v, n), dtype=bool), np.zeros((v, n), dtype=bool)
    forward[:inputs] = True
    backward[-1] = True
    for i, j in pairs:
        forward[j] |= forward[i] & edges[i, j]
    for i, j in reversed(pairs):
        backward[i] |= backward[j] & edges[i, j]
    return forward & backward
