"""What happens between the input and the output of a cell: statistics over all paths, and where the signal comes from.

Both are dynamic programs over the nodes in topological order, for a whole batch of architectures at once, so their cost does not
grow with the number of paths. Arrays keep the architectures last: ``v`` nodes, ``n`` architectures, ``m`` quantities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._paths import operation_codes
from archcast.graphs import POOLING, UNDECLARED, CellGraphs, Operation

__all__ = ["POOLED_VARIANCE", "CellFlow", "PathStatistics", "Signal"]

POOLED_VARIANCE = 0.4
"""Variance that average pooling over 3x3 neighbours, which are correlated, leaves of a signal of variance 1."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PathStatistics:
    """Statistics over the input-to-output paths of the sum of a node quantity along each path.

    Attributes:
        count: ``(n,)`` number of paths.
        minimum, maximum: ``(m, n)``; -1 where there is no path.
        mean, deviation: ``(m, n)`` mean and standard deviation; 0 where there is no path.
    """

    count: Array
    minimum: Array
    maximum: Array
    mean: Array
    deviation: Array


@dataclass(frozen=True)
class Signal:
    """Where the signal at each node comes from.

    The input has variance 1. A node receives the sum of its predecessors; a learned map, which is normalised, gives variance 1
    on, a pooling ``POOLED_VARIANCE`` times what it receives, any other operation what it receives.

    Attributes:
        variance: ``(n,)`` variance received by the output; 0 without a path.
        shares: ``(i, j) -> (n,)``, the part of the variance received by node j that comes from node i.
        nodes: number of nodes.
        inputs: number of input nodes.
    """

    variance: Array
    shares: dict[tuple[int, int], Array]
    nodes: int
    inputs: int

    def expectation(self, values: Array) -> Array:
        """``(m, n)``: sum of the node values ``(m, v, n)`` along the way back from the output, each step taken to a predecessor
        with the probability of its share."""
        total = np.zeros_like(values)
        for (i, j), share in self.shares.items():
            total[:, j] += share * (total[:, i] + values[:, i])
        return total[:, -1]

    def distribution(self, counted: NDArray[np.bool_], size: int) -> Array:
        """``(size, n)``: probability that the same way back passes 0, 1, .., ``size - 1`` or more ``counted`` nodes ``(v, n)``."""
        total = np.zeros((size, self.nodes, counted.shape[1]))
        total[0, : self.inputs] = 1.0
        for (i, j), share in self.shares.items():
            here = total[:, i]
            further = np.concatenate([np.zeros_like(here[:1]), here[:-1]])
            further[-1] += here[-1]
            total[:, j] += share * np.where(counted[i], further, here)
        return total[:, -1]


class CellFlow:
    """One cell of a batch of pruned graphs, ready for path and signal statistics.

    Args:
        cell: a batch of single cells (see :meth:`CellGraphs.split`), pruned.

    Attributes:
        edges: ``(v, v, n)`` bool.
        links: pairs ``(i, j)`` that are an edge in some architecture, in topological order of ``j``.
        names: the ``k`` operations, without the one that passes nothing on.
        table: what each of them does, as the space declares it.
        is_op: ``(k, v, n)`` bool: the node is that operation.
        inputs: number of input nodes.
    """

    def __init__(self, cell: CellGraphs) -> None:
        codes = operation_codes(cell, zero=False)
        self.edges = cell.edges
        i, j = np.nonzero(self.edges.any(axis=2))
        order = np.lexsort((i, j))
        self.links = list(zip(i[order].tolist(), j[order].tolist(), strict=True))
        self.names = tuple(cell.op_names[code] for code in codes)
        self.table: tuple[Operation, ...] = tuple(cell.declared.get(name, UNDECLARED) for name in self.names)
        operations = np.ascontiguousarray(cell.operations.T)
        self.is_op = np.array([operations == code for code in codes])
        self.inputs = cell.inputs

    def total(self, values: list[float]) -> Array:
        """``(v, n)`` value of the operation at each node, given one for each operation; 0 at the terminals."""
        return np.tensordot(np.asarray(values, dtype=np.float64), self.is_op.astype(np.float64), axes=1)

    def is_kind(self, kind: str) -> NDArray[np.bool_]:
        """``(v, n)`` bool: the operation at the node is of that kind."""
        return self.total([op.kind == kind for op in self.table]) > 0

    @property
    def learned(self) -> NDArray[np.bool_]:
        """``(v, n)`` bool: the operation at the node is a learned map."""
        return self.total([op.learned for op in self.table]) > 0

    def statistics(self, values: Array) -> PathStatistics:
        """Statistics over the paths of the sums of ``(m, v, n)`` values at the operations."""
        m, v, n = values.shape
        count = np.zeros((v, n))
        first, second = np.zeros((m, v, n)), np.zeros((m, v, n))
        low, high = np.full((m, v, n), np.inf), np.full((m, v, n), -np.inf)
        count[: self.inputs] = 1.0
        low[:, : self.inputs] = high[:, : self.inputs] = 0.0
        done = self.inputs
        for i, j in self.links:
            for k in range(done, j):
                _pass_node(k, values, count, first, second, low, high)
            done = max(done, j)
            edge = self.edges[i, j]
            count[j] += edge * count[i]
            first[:, j] += edge * first[:, i]
            second[:, j] += edge * second[:, i]
            np.minimum(low[:, j], np.where(edge, low[:, i], np.inf), out=low[:, j])
            np.maximum(high[:, j], np.where(edge, high[:, i], -np.inf), out=high[:, j])
        paths = count[-1]
        some = paths > 0
        mean = first[:, -1] / np.maximum(paths, 1)
        variance = second[:, -1] / np.maximum(paths, 1) - mean**2
        return PathStatistics(
            paths,
            np.where(some, low[:, -1], -1.0),
            np.where(some, high[:, -1], -1.0),
            mean,
            np.sqrt(np.maximum(variance, 0.0)),
        )

    def paths_within(self, allowed: NDArray[np.bool_]) -> Array:
        """``(m, n)`` number of paths all of whose operations are ``allowed`` ``(m, v, n)``."""
        count = np.zeros(allowed.shape)
        count[:, : self.inputs] = 1.0
        for i, j in self.links:
            count[:, j] += self.edges[i, j] * count[:, i] * (allowed[:, i] if i >= self.inputs else 1.0)
        return count[:, -1]

    def signal(self) -> Signal:
        """Where the signal comes from; see :class:`Signal`."""
        v, _, n = self.edges.shape
        normalised, pooled = self.learned, self.is_kind(POOLING)
        received = np.zeros((v, n))
        received[: self.inputs] = 1.0
        given: dict[tuple[int, int], Array] = {}
        for i, j in self.links:
            out = np.where(normalised[i], 1.0, np.where(pooled[i], POOLED_VARIANCE, 1.0) * received[i])
            given[i, j] = self.edges[i, j] * out
            received[j] += given[i, j]
        shares = {(i, j): part / np.where(received[j] > 0, received[j], 1.0) for (i, j), part in given.items()}
        return Signal(received[-1], shares, v, self.inputs)

    def depth(self) -> NDArray[np.int64]:
        """``(v, n)`` number of edges on the longest way from an input to each node."""
        v, _, n = self.edges.shape
        depth = np.zeros((v, n), dtype=np.int64)
        for i, j in self.links:
            np.maximum(depth[j], np.where(self.edges[i, j], depth[i] + 1, 0), out=depth[j])
        return depth


def _pass_node(k: int, values: Array, count: Array, first: Array, second: Array, low: Array, high: Array) -> None:
    """Add the value at node ``k`` to every path that ends there."""
    x = values[:, k]
    second[:, k] += x * (2 * first[:, k] + x * count[k])
    first[:, k] += x * count[k]
    low[:, k] += x
    high[:, k] += x
