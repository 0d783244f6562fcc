"""NAS-Bench-Graph: 26,206 graph neural networks, one of nine operations on each of four nodes of a tree."""

from __future__ import annotations

import ast
import re
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import CONVOLUTION, IDENTITY, CellGraphs, Operation
from archcast.spaces.base import SearchSpace, register
from archcast.spaces.functions import apply, mix

__all__ = ["LINKS", "OPERATIONS", "NASBenchGraph"]

NODES = 4
LINKS = (
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1, 1),
    (0, 0, 1, 2),
    (0, 0, 1, 3),
    (0, 1, 1, 1),
    (0, 1, 1, 2),
    (0, 1, 2, 2),
    (0, 1, 2, 3),
)
OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
# A layer sees the neighbours of a vertex, a fully connected one the vertex alone. Only the former count as weights, because
# more of them do help, and more parameters do not.
DECLARED = {name: Operation(CONVOLUTION, weight=1, reach=3) for name in OPERATIONS[:7]}
DECLARED |= {"fc": Operation(CONVOLUTION), "skip": Operation(IDENTITY)}
SKIP = OPERATIONS.index("skip")
_GIVEN = mix(np.array([3, 3], dtype=np.uint64))


@register(
    "nasbench-graph",
    summary="trees of 4 nodes with one of 9 graph operations each; 26,206 classes",
    paper="Qin et al. 2022, https://arxiv.org/abs/2206.09166",
    size=26_206,
    buildable=False,
)
class NASBenchGraph(SearchSpace):
    """NAS-Bench-Graph (Qin et al. 2022, https://arxiv.org/abs/2206.09166).

    A row holds the source of the four nodes (0 is the input, ``k`` node ``k``), one of nine trees, then their operations,
    numbered as in ``OPERATIONS``. The output concatenates the nodes that feed no other. Rows of skips alone are not in
    the benchmark.

    The notation is the constructor of the benchmark's package, ``Arch([0, 0, 1, 2], ['gcn', 'gat', 'fc', 'skip'])``; a tree that
    is not among the nine is put in the order of one that is.

    :meth:`canonical` is the benchmark's own equivalence, that of its hash: equal trees once skips are followed and the input
    itself is dropped from the output. It is finer than equality of functions for equal weights: one node that feeds two others
    and two equal nodes that feed one each are different architectures.

    Examples:
        >>> space = NASBenchGraph()
        >>> row = space.parse("Arch([0, 1, 2, 1], ['gcn', 'gin', 'fc', 'cheb'])")
        >>> space.format(row)[0]
        "Arch([0, 1, 1, 2], ['gcn', 'gin', 'cheb', 'fc'])"
    """

    name = "nasbench-graph"
    operations = DECLARED
    cardinalities = (1, 2, 3, 4) + (len(OPERATIONS),) * NODES
    columns = ("link1", "link2", "link3", "link4", "op1", "op2", "op3", "op4")

    def is_valid(self, archs: NDArray[np.int64]) -> NDArray[np.bool_]:
        known = np.zeros(self.cardinalities[:NODES], dtype=bool)
        known[tuple(np.array(LINKS).T)] = True
        return known[tuple(archs[:, :NODES].T)] & (archs[:, NODES:] != SKIP).any(axis=1)

    def _parse(self, text: str) -> list[int]:
        match = re.fullmatch(r"Arch\(\s*(?:lk=)?(\[[\d,\s]*\])\s*,\s*(?:op=)?(\[[\w'\",\s]*\])\s*\)", text)
        if match is None:
            raise InvalidInputError("expected Arch([link, link, link, link], ['op', 'op', 'op', 'op'])")
        try:
            links, ops = list(ast.literal_eval(match[1])), list(ast.literal_eval(match[2]))
        except (SyntaxError, ValueError):
            raise InvalidInputError("expected numbers in the first list and quoted names in the second") from None
        if len(links) != NODES or any(not 0 <= link <= k for k, link in enumerate(links)):
            raise InvalidInputError("expected four links, each to the input (0) or to an earlier node (1, 2, 3)")
        if len(ops) != NODES or any(op not in OPERATIONS for op in ops):
            raise InvalidInputError(f"expected four operations of {', '.join(OPERATIONS)}")
        for order in permutations(range(1, NODES + 1)):
            place = [0, *(order.index(k) + 1 for k in range(1, NODES + 1))]
            moved = tuple(place[links[k - 1]] for k in order)
            if moved in LINKS:
                return [*moved, *(OPERATIONS.index(ops[k - 1]) for k in order)]
        raise InvalidInputError("the links are not a tree")

    def format(self, archs: ArrayLike) -> list[str]:
        return [
            f"Arch({row[:NODES]}, {[OPERATIONS[op] for op in row[NODES:]]})" for row in self.validate(archs).tolist()
        ]

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """``v = 6``: input, the four nodes, output."""
        rows = self.validate(archs)
        adjacency = np.zeros((len(rows), NODES + 2, NODES + 2), dtype=bool)
        for k in range(NODES):
            adjacency[np.arange(len(rows)), rows[:, k], k + 1] = True
        adjacency[:, 1:-1, -1] = ~adjacency[:, 1:-1].any(axis=2)
        ops = np.zeros((len(rows), NODES + 2), dtype=np.int64)
        ops[:, 1:-1], ops[:, -1] = rows[:, NODES:] + 2, 1
        return CellGraphs(adjacency, ops, ("input", "output", *OPERATIONS), declared=DECLARED)

    def function_keys(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n, 2)``: hash of the tree, from the leaves up.

        A node is its operation on the multiset of what hangs below it and of how often it is given out: a leaf once, another
        node once for each leaf that is a skip of it. A skip hands what hangs below it to its source.
        """
        n = np.arange(len(archs))
        below = np.zeros((NODES + 1, len(archs), 2), dtype=np.uint64)
        given = np.zeros((NODES + 1, len(archs)), dtype=np.uint64)
        for k in range(NODES, 0, -1):
            source, op = archs[:, k - 1], archs[:, NODES + k - 1]
            given[k, (below[k] == 0).all(axis=1) & (given[k] == 0)] = 1
            term = apply(op, below[k] + given[k, :, None] * _GIVEN)
            below[source, n] += np.where((op == SKIP)[:, None], below[k], term)
            given[source, n] += np.where(op == SKIP, given[k], np.uint64(0))
        return below[0].view(np.int64)
