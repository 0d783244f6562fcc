"""Path encodings: which sequences of operations lead from a cell's input to its output.

From BANANAS (White et al. 2019, https://arxiv.org/abs/1910.11858) and "A Study on Encodings for NAS" (White et al. 2020,
https://arxiv.org/abs/2007.04965). Their strength is that they do not depend on the order of the nodes and ignore what is off
every path; their weakness is length: sequences grow exponentially, so use ``path-truncated`` where cells are deep (DARTS).

The columns are all sequences of operations of each length that a path can have in the space, the shortest first (as the
likeliest in random architectures), in the order of the operations, one column for each cell and input of the cell.
NAS-Bench-201 has 4 + 16 + 64 = 84, NAS-Bench-101 1 + 3 + 9 + 27 + 81 + 243 = 364, DARTS 2 * 2 * (7 + 49 + 343 + 2,401) = 11,200.
A sequence through the operation that passes nothing on ("none") is no path: the papers list it, which gives NAS-Bench-201 another
71 columns that say nothing of the function. In a space of chains an architecture is one path, and the encoding tells
only whether two architectures are the same: use another one there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._paths import cell_paths, operation_codes, templates
from archcast.encodings.base import Encoder, register
from archcast.errors import InvalidInputError, short
from archcast.graphs import CellGraphs
from archcast.spaces.base import SearchSpace

__all__ = ["Path", "PathCategorical", "PathContinuous", "PathTruncated"]

PAPER = "White et al. 2019, https://arxiv.org/abs/1910.11858; White et al. 2020, https://arxiv.org/abs/2007.04965"
LIMIT = 100_000
"""Most columns of an encoding that lists all paths."""


@dataclass(frozen=True)
class Columns:
    """Where a path has its column.

    Attributes:
        operations: names of the operations.
        sources: for each length, the ``(cell, input)`` pairs that paths of that length start from.
        start: for each length, the column of its first path.
        total: number of columns.
    """

    operations: tuple[str, ...]
    sources: dict[int, list[tuple[int, int]]]
    start: dict[int, int]
    total: int

    def names(self, size: int) -> list[str]:
        """The first ``size`` column names."""
        pairs = {pair for pairs in self.sources.values() for pair in pairs}
        cell_name = "cell{}:" if max(cell for cell, _ in pairs) else ""
        input_name = "input{}" if max(source for _, source in pairs) else "input"
        listed = (
            cell_name.format(cell) + ">".join([input_name.format(source), *sequence, "output"])
            for length, pairs in self.sources.items()
            for sequence in product(self.operations, repeat=length)
            for cell, source in pairs
        )
        return list(islice(listed, size))

    def codes(self, graphs: CellGraphs) -> list[NDArray[np.int64]]:
        """For each cell ``(m, n)``: the columns of the paths of each pruned architecture, in any order, -1 for none."""
        k = len(self.operations)
        index = np.zeros(len(graphs.op_names), dtype=np.int64)
        index[operation_codes(graphs, zero=False)] = np.arange(k)
        out = []
        for number, cell in enumerate(graphs.split()):
            operations = index[np.maximum(cell.operations, 0)].T
            paths = cell_paths(cell)
            codes = np.full(paths.present.shape, -1, dtype=np.int64)
            for row, nodes, present in zip(codes, paths.nodes, paths.present, strict=True):
                rank = np.zeros(len(cell), dtype=np.int64)
                for node in nodes[1:]:
                    rank = rank * k + operations[node]
                length = len(nodes) - 1
                pairs = self.sources[length]
                row[present] = self.start[length] + (rank * len(pairs) + pairs.index((number, nodes[0])))[present]
            out.append(codes)
        return out


@lru_cache(maxsize=64)
def columns(space: SearchSpace) -> Columns:
    """The columns of a space's path encodings."""
    graphs = space.graphs(np.zeros((0, len(space.cardinalities)), dtype=np.int64))
    operations = tuple(graphs.op_names[code] for code in operation_codes(graphs, zero=False))
    found = {(len(nodes) - 1, cell, nodes[0]) for cell, t in enumerate(templates(space)) for nodes in t.nodes}
    sources: dict[int, list[tuple[int, int]]] = {}
    for length, cell, source in sorted(found):
        sources.setdefault(length, []).append((cell, source))
    start, total = {}, 0
    for length, pairs in sources.items():
        start[length] = total
        total += len(operations) ** length * len(pairs)
    return Columns(operations, sources, start, total)


class _Path(Encoder):
    """Base of the four path encodings."""

    def __init__(self, space: str | SearchSpace, *, pruned: bool = False) -> None:
        super().__init__(space)
        self.pruned = pruned

    def _codes(self, space: SearchSpace, archs: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        total = columns(space).total
        if total > np.iinfo(np.int64).max:
            raise InvalidInputError(
                f"{type(self).__name__} numbers the paths of a space; {space.name!r} has {total:.1e} of them, more than "
                f"2**63. Use an encoding that lists no paths, e.g. 'graph-features'."
            )
        return columns(space).codes(space.graphs(archs).pruned())

    def _one_hot(self, space: SearchSpace, archs: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
        """``(n, size)``: the architecture has the path."""
        out = np.zeros((len(archs), size), dtype=bool)
        for codes in self._codes(space, archs):
            path, arch = np.nonzero((codes >= 0) & (codes < size))
            out[arch, codes[path, arch]] = True
        return out

    def _size(self, space: SearchSpace) -> int:
        """Number of paths that are listed."""
        total = columns(space).total
        if total > LIMIT:
            raise InvalidInputError(
                f"{type(self).__name__} would have {total} columns for space {space.name!r}, more than {LIMIT}. "
                f"Use the encoding 'path-truncated', or one that lists no paths, e.g. 'graph-features'."
            )
        return total


@register("path", summary="which sequences of operations lead from input to output", paper=PAPER)
class Path(_Path):
    """One-hot path encoding: column p is 1 if the cell has path p.

    Args:
        space: search space.
        pruned: encode the canonical row instead of the row as it is.

    Examples:
        >>> encoder = Path("nasbench201")
        >>> row = encoder.transform([[3, 0, 1, 0, 0, 4]])[0]                     # conv, skip, pool
        >>> encoder.get_feature_names_out()[row == 1].tolist()
        ['input>nor_conv_3x3>skip_connect>avg_pool_3x3>output']
    """

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        return self._one_hot(space, archs, self._size(space))

    def _names(self, space: SearchSpace) -> list[str]:
        return columns(space).names(self._size(space))


@register("path-truncated", summary="the shortest paths of the path encoding", paper=PAPER)
class PathTruncated(_Path):
    """One-hot path encoding of the paths up to some length: the longest for which there are at most ``size`` columns, or the
    shortest that there is.

    All paths of a length are kept or none: which of them came first would depend on the order of the operations. Random
    architectures seldom have long paths: BANANAS keeps 40 of NAS-Bench-101's 364 columns, the paths of up to three operations,
    and loses nothing.

    Args:
        space: search space.
        size: most columns.
        pruned: encode the canonical row instead of the row as it is.

    Examples:
        >>> len(PathTruncated("nasbench101").get_feature_names_out())
        40
        >>> len(PathTruncated("nasbench201").get_feature_names_out())               # 4 of one operation, 16 of two
        20
    """

    def __init__(self, space: str | SearchSpace, *, size: int = 40, pruned: bool = False) -> None:
        super().__init__(space, pruned=pruned)
        self.size = size

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        return self._one_hot(space, archs, self._size(space))

    def _names(self, space: SearchSpace) -> list[str]:
        return columns(space).names(self._size(space))

    def _size(self, space: SearchSpace) -> int:
        if not isinstance(self.size, (int, np.integer)) or self.size < 1:
            raise InvalidInputError(f"size must be an integer of at least 1, got {short(self.size)}.")
        listed = columns(space)
        shortest = min(listed.sources)
        least = len(listed.operations) ** shortest * len(listed.sources[shortest])
        if least > LIMIT:
            raise InvalidInputError(
                f"{type(self).__name__} would have {least} columns for space {space.name!r}, more than {LIMIT}: so many "
                f"paths have the shortest length, {shortest}. Use an encoding that lists no paths, e.g. 'graph-features'."
            )
        ends = [*listed.start.values(), listed.total]
        return max(end for end in ends if end <= max(int(self.size), least))


@register("path-categorical", summary="sorted numbers of the paths that are there", paper=PAPER)
class PathCategorical(_Path):
    """The numbers 1, 2, ... of the columns of the one-hot path encoding that are 1, in increasing order, then zeros.

    There are as many columns as the space's cells can have paths (NAS-Bench-201 4, NAS-Bench-101 32, DARTS 2 * 160).

    Args:
        space: search space.
        pruned: encode the canonical row instead of the row as it is.

    Examples:
        >>> PathCategorical("nasbench201").transform([[2, 0, 0, 1, 2, 0]])        # skip; conv, conv
        array([[ 1., 10.,  0.,  0.]], dtype=float32)
    """

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        numbers = np.concatenate(self._codes(space, archs)).T + 1
        none = self._size(space) + 1
        numbers = np.sort(np.where(numbers == 0, none, numbers), axis=1)
        numbers[:, 1:][numbers[:, 1:] == numbers[:, :-1]] = none
        numbers.sort(axis=1)
        out = np.zeros((len(archs), len(self._names(space))))
        out[:, : numbers.shape[1]] = np.where(numbers == none, 0, numbers)
        return out

    def _names(self, space: SearchSpace) -> list[str]:
        return [f"path[{k}]" for k in range(sum(len(template.nodes) for template in templates(space)))]


@register("path-continuous", summary="one-hot path encoding, and the number of paths", paper=PAPER)
class PathContinuous(_Path):
    """The one-hot path encoding, then the number of different paths in each cell.

    In the paper a path is any number in [0, 1] and the architecture has the K largest of them, K being a feature of its own; an
    architecture that is already there has its paths at 0 and 1.

    Args:
        space: search space.
        pruned: encode the canonical row instead of the row as it is.

    Examples:
        >>> PathContinuous("nasbench201").transform([[2, 0, 0, 1, 2, 0]])[0, -1].item()
        2.0
    """

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        one_hot = self._one_hot(space, archs, self._size(space)).astype(np.float32)
        return np.concatenate([one_hot, one_hot @ self._cells(space)], axis=1)

    def _names(self, space: SearchSpace) -> list[str]:
        cells = len(templates(space))
        counts = [f"cell{c}:paths" for c in range(cells)] if cells > 1 else ["paths"]
        return columns(space).names(self._size(space)) + counts

    def _cells(self, space: SearchSpace) -> NDArray[np.float32]:
        """``(columns, cells)`` 0 or 1: the path is one of the cell."""
        listed = columns(space)
        blocks = [
            np.tile([cell for cell, _ in pairs], len(listed.operations) ** length)
            for length, pairs in listed.sources.items()
        ]
        return np.concatenate(blocks)[:, None] == np.arange(len(templates(space)), dtype=np.float32)
