"""Input-to-output paths of cells, for a whole batch of architectures at once; what path encodings and path statistics share.

The node paths of the union of a batch's graphs are few (NAS-Bench-201 4, NAS-Bench-101 32, a DARTS cell 160), so they are
listed, and each is looked up in every architecture of the batch by one vectorised *and* along its edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import CellGraphs
from archcast.spaces.base import SearchSpace

__all__ = [
    "MOST_PATHS",
    "CellPaths",
    "Template",
    "cell_paths",
    "chains",
    "node_paths",
    "operation_codes",
    "paths_of",
    "templates",
]

MOST_PATHS = 100_000
"""Most paths that are listed."""


@dataclass(frozen=True)
class CellPaths:
    """The paths from an input to the output of one cell, for a batch of n architectures.

    Attributes:
        nodes: ``m`` paths that occur in the batch, each the nodes from an input to the last node before the output.
        present: ``(m, n)`` bool: the architecture has the path.
        members: ``(m, v)`` bool: the nodes between input and output that are on the path.
    """

    nodes: tuple[tuple[int, ...], ...]
    present: NDArray[np.bool_]
    members: NDArray[np.bool_]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """``(m,)`` number of nodes between input and output."""
        return self.members.sum(axis=1)

    def sums(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        """``(m, n)`` sum along each path of the node values ``(n, v)``, whether the architecture has the path or not."""
        return self.members.astype(np.float32) @ np.ascontiguousarray(values.T, dtype=np.float32)


@dataclass(frozen=True)
class Template:
    """What the graphs of one cell may look like, over a whole space.

    Attributes:
        adjacency: ``(v, v)`` bool: some architecture has the edge.
        nodes: all paths from an input to the output along such edges, each without the output.
        chain: every architecture is a single chain of operations.
    """

    adjacency: NDArray[np.bool_]
    nodes: tuple[tuple[int, ...], ...]
    chain: bool

    @property
    def lengths(self) -> tuple[int, ...]:
        """The numbers of operations that a path may have, in increasing order."""
        return tuple(sorted({len(path) - 1 for path in self.nodes}))


def cell_paths(cell: CellGraphs) -> CellPaths:
    """All input-to-output paths of a batch of single cells (see :meth:`CellGraphs.split`)."""
    edges = cell.edges
    n, v = cell.operations.shape
    successors = [np.flatnonzero(edges[i].any(axis=1)).tolist() for i in range(v)]
    found: list[tuple[int, ...]] = []
    present: list[NDArray[np.bool_]] = []

    def follow(path: tuple[int, ...], holds: NDArray[np.bool_]) -> None:
        for j in successors[path[-1]]:
            further = holds & edges[path[-1], j]
            if further.any():
                if j == v - 1:
                    found.append(path)
                    present.append(further)
                else:
                    follow((*path, j), further)

    for i in range(cell.inputs):
        follow((i,), np.ones(n, dtype=bool))
    members = np.zeros((len(found), v), dtype=bool)
    for row, path in zip(members, found, strict=True):
        row[list(path[1:])] = True
    return CellPaths(tuple(found), np.array(present, dtype=bool).reshape(len(found), n), members)


def node_paths(adjacency: NDArray[np.bool_], inputs: int) -> tuple[tuple[int, ...], ...]:
    """All paths of one ``(v, v)`` graph from one of the first ``inputs`` nodes to the last, each without the last."""
    v = len(adjacency)
    graph = CellGraphs(adjacency[None], np.zeros((1, v), dtype=np.int64), (), inputs=inputs)
    return cell_paths(graph).nodes


@lru_cache(maxsize=64)
def _unions(space: SearchSpace) -> tuple[tuple[NDArray[np.bool_], int, bool], ...]:
    """Of each cell of a space: all edges that 1,000 random architectures (always the same ones) have, its number of inputs, and
    whether every one is a single chain of operations."""
    out = []
    for cell in space.graphs(space.sample(1000, 0)).split():
        degrees = np.maximum(cell.adjacency.sum(axis=1), cell.adjacency.sum(axis=2))
        union = np.asarray(cell.adjacency.any(axis=0))
        out.append((union, cell.inputs, bool((degrees <= 1).all()) and cell.inputs == 1))
    return tuple(out)


def chains(space: SearchSpace) -> bool:
    """Whether the graphs of a space are chains."""
    return all(chain for _, _, chain in _unions(space))


def paths_of(space: SearchSpace) -> int:
    """How many paths from an input to the output the graphs of a space can have, all cells together."""
    total = 0
    for union, inputs, _ in _unions(space):
        counts = [int(k < inputs) for k in range(len(union))]
        for j in range(inputs, len(union)):
            counts[j] = sum(counts[i] for i in np.flatnonzero(union[:, j]))
        total += counts[-1]
    return total


@lru_cache(maxsize=64)
def templates(space: SearchSpace) -> tuple[Template, ...]:
    """The template of each cell of a space.

    Raises:
        InvalidInputError: there are too many paths.
    """
    if (total := paths_of(space)) > MOST_PATHS:
        raise InvalidInputError(
            f"Cells of space {space.name!r} have {total:.1e} paths from input to output, more than {MOST_PATHS}. "
            f"Use an encoding that lists no paths, e.g. 'operation-flow' or 'wl'."
        )
    return tuple(Template(union, node_paths(union, inputs), chain) for union, inputs, chain in _unions(space))


def operation_codes(graphs: CellGraphs, *, zero: bool) -> list[int]:
    """Codes of the operations proper: all but the terminals and, unless ``zero``, the operation that passes nothing on."""
    names = graphs.op_names
    return [code for code in range(graphs.terminals, len(names)) if zero or names[code] != graphs.zero_op]
