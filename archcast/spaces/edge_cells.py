"""Cells of four nodes with an operation on each of the six edges: the topology that NAS-Bench-201 introduced.

NAS-Bench-201 and TransNAS-Bench-101's micro space share it and differ in their operations and notation.
Edges are in native order: 0->1, 0->2, 1->2, 0->3, 1->3, 2->3. Node 0 is the cell's input, node 3 its output, and a node is the
sum of its incoming edges.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.graphs import POOLING, CellGraphs
from archcast.spaces.base import SearchSpace
from archcast.spaces.functions import INPUT, apply, pool

__all__ = ["EDGES", "EdgeCellSpace"]

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


class EdgeCellSpace(SearchSpace):
    """Base of the four-node, six-edge spaces.

    Attributes:
        operations: in the order of their numbers, name -> what it does; the first passes nothing on, the second is the
            identity.
        strided: whether some cells of the network have stride two on the edges from the input, which makes a skip there a
            learned projection.
    """

    strided: bool = False
    columns = tuple(f"{i}->{j}" for i, j in EDGES)

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """``v = 8``: input, the six edges as nodes in native order, output."""
        rows = self.validate(archs)
        adjacency = np.zeros((8, 8), dtype=bool)
        for a, (i, j) in enumerate(EDGES):
            adjacency[0, 1 + a] = i == 0
            adjacency[1 + a, 7] = j == 3
            for b, (k, _) in enumerate(EDGES):
                adjacency[1 + a, 1 + b] = j == k
        ops = np.concatenate([np.zeros((len(rows), 1), int), rows + 2, np.ones((len(rows), 1), int)], axis=1)
        return CellGraphs(
            np.broadcast_to(adjacency, (len(rows), 8, 8)),
            ops,
            ("input", "output", *self.operations),
            zero_op=next(iter(self.operations)),
            declared=self.declared,
        )

    @property
    def _pools(self) -> list[int]:
        return [code for code, op in enumerate(self.declared.values()) if op.kind == POOLING]

    def preference(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows without dead edges come first, then those with most poolings: a sum that is pooled is written as a sum of pooled
        terms, which predictors with few labels understand slightly better than one pooling of the sum."""
        operations = self.graphs(archs).pruned().operations - 2
        dead = (archs != 0).sum(axis=1) - (operations >= 0).sum(axis=1)
        return np.asarray(len(EDGES) * dead - np.isin(operations, self._pools).sum(axis=1))

    def function_keys(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n, 2)``: the sum at the output node as a multiset of terms, hashed (see :mod:`archcast.spaces.functions`); every
        pooling of such a cell is average pooling of stride one, which is linear."""
        nodes = [np.broadcast_to(INPUT, (len(archs), 2)).copy()]
        for j in (1, 2, 3):
            total = np.zeros((len(archs), 2), dtype=np.uint64)
            for column, (i, end) in enumerate(EDGES):
                if end != j:
                    continue
                op = archs[:, column]
                term = apply(op, nodes[i])
                if i > 0 or not self.strided:
                    term = np.where((op == 1)[:, None], nodes[i], term)
                term = np.where(np.isin(op, self._pools)[:, None], pool(nodes[i]), term)
                total += np.where((op == 0)[:, None], np.uint64(0), term)
            nodes.append(total)
        return nodes[3].view(np.int64)
