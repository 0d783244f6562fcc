"""NAS-Bench-101: 423,624 cells of up to seven nodes and nine edges, with the operations on the nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import permutations, product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT, CellGraphs
from archcast.spaces.base import SearchSpace, Task, register
from archcast.spaces.nasbench101.cell import DECLARED, EDGES, MAX_EDGES, NODES, OPERATIONS
from archcast.spaces.nasbench101.costs import costs

if TYPE_CHECKING:
    import torch

__all__ = ["NASBench101"]

LABELS = {"input": 0, "-1": 0, "output": NODES - 1, "-2": NODES - 1}
CHUNK = 4096

_SHIFTS = np.arange(len(EDGES) - 1, -1, -1)
_POWERS = 3 ** np.arange(NODES - 3, -1, -1)


@register(
    "nasbench101",
    summary="cells of up to 7 nodes and 9 edges, 3 operations on the nodes; 423,624 classes",
    paper="Ying et al. 2019, https://arxiv.org/abs/1902.09635",
    size=423_624,
    buildable=True,
)
class NASBench101(SearchSpace):
    """NAS-Bench-101 (Ying et al. 2019, https://arxiv.org/abs/1902.09635).

    A row holds the 21 bits above the diagonal of the 7x7 adjacency matrix, row by row, then the operations of the five interior
    nodes: 0 conv3x3-bn-relu, 1 conv1x1-bn-relu, 2 maxpool3x3 (the benchmark's own labels). As in the benchmark's API, a
    row is valid if its output can be reached from its input and at most nine edges are left when the nodes
    and edges off every path between them are pruned.

    The notation is the adjacency matrix, rows joined by ``;``, then ``|`` and the operations; the benchmark's numeric
    labels (``-1,0,2,-2``) are read too. A cell of fewer than seven nodes fills the row up with isolated nodes of
    operation 0 before the output: those are absent from the graph and from the text.

    :meth:`canonical` follows the benchmark's hash: equal exactly for cells that are the same labelled graph once pruned. It is the
    lexicographically largest row among the orders of the interior nodes.

    Examples:
        >>> space = NASBench101()
        >>> text = "0110;0010;0001;0000|input,conv1x1-bn-relu,maxpool3x3,output"
        >>> row = space.parse(text)
        >>> row[0, :21].reshape(-1).tolist(), row[0, 21:].tolist()
        ([1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], [1, 2, 0, 0, 0])
        >>> space.format(row)[0] == text
        True
    """

    name = "nasbench101"
    operations = DECLARED
    sizes: Mapping[str, int] = {"width": 128, "depth": 3, "stages": 3}
    tasks: Mapping[str, Task] = {"cifar10": Task()}
    cardinalities = (2,) * len(EDGES) + (3,) * (NODES - 2)
    columns = tuple(f"{i}->{j}" for i, j in EDGES) + tuple(f"op{k}" for k in range(1, NODES - 1))

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        matrix, _, names = text.partition("|")
        lines, labels = matrix.split(";"), names.split(",")
        v = len(lines)
        if not 2 <= v <= NODES or any(len(line) != v or set(line) - {"0", "1"} for line in lines):
            raise InvalidInputError(f"expected a square matrix of 0 and 1, 2 to {NODES} rows joined by ';', before '|'")
        if any("1" in line[: i + 1] for i, line in enumerate(lines)):
            raise InvalidInputError("the matrix must be strictly upper triangular")
        if len(labels) != v or LABELS.get(labels[0]) != 0 or LABELS.get(labels[-1]) != NODES - 1:
            raise InvalidInputError(f"expected {v} operations joined by ',' after '|', from input to output")
        place = [*range(v - 1), NODES - 1]
        edges = {(place[i], place[j]) for i in range(v) for j in range(v) if lines[i][j] == "1"}
        ops = [0] * (NODES - 2)
        for k, label in enumerate(labels[1:-1]):
            if label not in OPERATIONS and label not in ("0", "1", "2"):
                raise InvalidInputError(f"{label!r} is not one of {', '.join(OPERATIONS)}")
            ops[k] = OPERATIONS.index(label) if label in OPERATIONS else int(label)
        return [int(edge in edges) for edge in EDGES] + ops

    def format(self, archs: ArrayLike) -> list[str]:
        rows = self.validate(archs)
        texts = []
        for row, v in zip(rows.tolist(), self._nodes(rows).tolist(), strict=True):
            lines, start = [], 0
            for i in range(v - 1):
                bits = row[start : start + NODES - 1 - i]
                start += len(bits)
                lines.append("0" * (i + 1) + "".join("01"[bit] for bit in [*bits[: v - 2 - i], bits[-1]]))
            names = ["input", *(OPERATIONS[op] for op in row[len(EDGES) : len(EDGES) + v - 2]), "output"]
            texts.append(";".join([*lines, "0" * v]) + "|" + ",".join(names))
        return texts

    # -- graphs -------------------------------------------------------------------------------------------------------

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """``v = 7``: input, five interior nodes, output; the nodes that the notation leaves out are absent."""
        rows = self.validate(archs)
        ops = np.full((len(rows), NODES), ABSENT)
        ops[:, 0], ops[:, -1] = 0, 1
        present = np.arange(1, NODES - 1) < self._nodes(rows)[:, None] - 1
        ops[:, 1:-1] = np.where(present, rows[:, len(EDGES) :] + 2, ABSENT)
        return CellGraphs(self._matrices(rows), ops, ("input", "output", *OPERATIONS), declared=DECLARED)

    @staticmethod
    def _matrices(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """``(n, 7, 7)`` adjacency."""
        matrices = np.zeros((len(rows), NODES, NODES), dtype=bool)
        matrices[:, [i for i, _ in EDGES], [j for _, j in EDGES]] = rows[:, : len(EDGES)]
        return matrices

    @staticmethod
    def _nodes(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n,)`` number of nodes of the cell: 7 less the trailing interior nodes without an edge and with operation 0."""
        nodes = np.full(len(rows), 2)
        for k in range(1, NODES - 1):
            touching = [c for c, edge in enumerate(EDGES) if k in edge] + [len(EDGES) + k - 1]
            nodes[rows[:, touching].any(axis=1)] = k + 2
        return nodes

    # -- validity and canonical form ----------------------------------------------------------------------------------

    def is_valid(self, archs: NDArray[np.int64]) -> NDArray[np.bool_]:
        edges, live = self._prune(archs)
        return live[0] & (edges.sum(axis=0) <= MAX_EDGES)

    @staticmethod
    def _prune(rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """``(21, n)`` edges and ``(7, n)`` nodes on a path from input to output."""
        edges = np.ascontiguousarray(rows[:, : len(EDGES)].T, dtype=bool)
        forward, backward = np.zeros((2, NODES, len(rows)), dtype=bool)
        forward[0] = backward[-1] = True
        for c, (i, j) in enumerate(EDGES):
            forward[j] |= forward[i] & edges[c]
        for c, (i, j) in reversed(list(enumerate(EDGES))):
            backward[i] |= backward[j] & edges[c]
        live = forward & backward
        for c, (i, j) in enumerate(EDGES):
            edges[c] &= live[i] & live[j]
        return edges, live

    def canonical(self, archs: ArrayLike) -> NDArray[np.int64]:
        rows = self.validate(archs)
        return self._rows_of(self._keys(rows))

    def _keys(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n,)`` number of the canonical row: 21 bits for the edges, then five base-3 digits, as :meth:`_rows_of` reads it.

        The number of each of the 120 orders is linear in the pruned row, so all of them are one matrix product; an order
        that turns an edge round scores below zero. The largest row has its absent nodes at the end, because
        moving a live node before an absent one moves the edges into it to more significant bits.
        """
        keys = np.empty(len(rows), dtype=np.int64)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            edges, live = self._prune(chunk)
            pruned = np.concatenate([edges, chunk[:, len(EDGES) :].T * live[1:-1]]).T.astype(np.float64)
            keys[start : start + CHUNK] = (pruned @ self._orders).max(axis=1)
        return keys

    @cached_property
    def _orders(self) -> NDArray[np.float64]:
        """``(26, 120)``: what each decision adds to the number of the row when the interior nodes are put in that order."""
        weights = []
        for order in permutations(range(1, NODES - 1)):
            place = (0, *order, NODES - 1)
            for_edges = [
                3.0 ** len(order) * 2.0 ** _SHIFTS[EDGES.index((place[i], place[j]))]
                if place[i] < place[j]
                else -(2.0**40)
                for i, j in EDGES
            ]
            weights.append([*for_edges, *(float(_POWERS[k - 1]) for k in order)])
        return np.array(weights).T

    @staticmethod
    def _rows_of(keys: NDArray[np.int64]) -> NDArray[np.int64]:
        bits, ops = np.divmod(keys[:, None], 3 ** (NODES - 2))
        return np.concatenate([bits >> _SHIFTS & 1, ops // _POWERS % 3], axis=1)

    def enumerate(self) -> NDArray[np.int64]:
        """The 423,624 canonical rows, one for each class, in lexicographic order."""
        return self.with_any_operations(np.concatenate([*map(self.unlabelled, self._unlabelled())]))

    def unlabelled(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Canonical rows, each once, of valid rows with operation 0 everywhere."""
        return self._rows_of(np.unique(self._keys(rows)))

    def with_any_operations(self, shapes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Canonical rows, each once, of the cells with these edges, whatever their operations."""
        keys = [self._keys(rows) for rows in self._labelled(self.unlabelled(shapes))]
        return self._rows_of(np.unique(np.concatenate(keys)))

    def _unlabelled(self) -> Iterator[NDArray[np.int64]]:
        """Every valid row without a dead edge and with operation 0 everywhere, in chunks."""
        for start in range(0, 2 ** len(EDGES), 2**16):
            bits = np.arange(start, start + 2**16)[:, None] >> _SHIFTS & 1
            bits = bits[bits.sum(axis=1) <= MAX_EDGES]
            edges, live = self._prune(bits)
            bits = bits[live[0] & (edges == bits.T).all(axis=0)]
            yield np.concatenate([bits, np.zeros((len(bits), NODES - 2), dtype=np.int64)], axis=1)

    def _labelled(self, shapes: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Each shape with every choice of operations for its interior nodes, which come before the absent ones."""
        interior = self._prune(shapes)[1][1:-1].sum(axis=0)
        for m in range(NODES - 1):
            ops = np.zeros((3**m, NODES - 2), dtype=np.int64)
            ops[:, :m] = list(product(range(3), repeat=m))
            for start in range(0, len(shapes), 64):
                chunk = shapes[start : start + 64][interior[start : start + 64] == m]
                yield np.concatenate(
                    [np.repeat(chunk[:, : len(EDGES)], len(ops), axis=0), np.tile(ops, (len(chunk), 1))], axis=1
                )

    # -- network ------------------------------------------------------------------------------------------------------

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        parts = []
        for start in range(0, max(len(rows), 1), CHUNK):
            chunk = rows[start : start + CHUNK]
            edges = self._prune(chunk)[0]
            ops = np.ascontiguousarray(chunk[:, len(EDGES) :].T)
            parts.append(costs(edges, ops, task.pixels, convention, **self.image_sizes(task)))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of Ying et al. 2019: a 3x3 stem of ``width`` (128) channels, ``stages`` (3) stacks of ``depth`` (3)
        cells with max pooling and twice the channels between them, global average pooling.

        The benchmark prunes a cell before it builds it, so dead nodes and edges are in no network and ``pruned`` changes
        nothing. The cell is built in the order of the row as it is: where channels do not divide evenly the paper gives the
        first nodes one more, so isomorphic rows may differ in a channel.
        """
        from archcast.spaces.nasbench101.network import Network

        row = self.validate(arch, allow_empty=False)[:1]
        edges, live = self._prune(row)
        nodes = np.flatnonzero(live[:, 0])
        matrix = np.zeros((NODES, NODES), dtype=bool)
        matrix[tuple(np.array(EDGES).T)] = edges[:, 0]
        ops = [int(row[0, len(EDGES) + k - 1]) for k in nodes[1:-1]]
        return Network(matrix[np.ix_(nodes, nodes)].tolist(), ops, **self.image_sizes(task))
