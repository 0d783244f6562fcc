"""Spaces that lie in each other: rows of one as rows of another that mean the same cell.

- ``nasbench201`` and ``transnasbench101-micro`` have the same edges and share operations,
- ``darts-s1`` to ``-s3`` are rows of ``darts``; ``nds-darts`` has a width and a depth besides,
- the cells of ``nds-nasnet``, ``nds-amoeba`` and ``nds-enas`` have the same nodes and share operations,
- the ``nasbench-1shot1`` spaces are cells of ``nasbench101``,
- of two spaces of one's own with the same decisions, one may allow more values.

Operations and values are told by their names, so a row has a counterpart where the other space knows all of its names.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.spaces.base import SearchSpace
from archcast.spaces.choices import Choices
from archcast.spaces.darts.cell import DARTS_CELLS
from archcast.spaces.darts.space import DARTS
from archcast.spaces.edge_cells import EdgeCellSpace
from archcast.spaces.nasbench101 import NASBench101
from archcast.spaces.nasbench_1shot1 import NASBench1Shot1
from archcast.spaces.nds.cells import NDSCells

__all__ = ["embed"]

Rows = NDArray[np.int64]
Names = tuple[Hashable, ...]


def embed(archs: Rows, space: SearchSpace, other: SearchSpace) -> tuple[Rows, NDArray[np.intp]] | None:
    """Rows of a space as rows of another one.

    Args:
        archs: ``(n, d)`` valid rows.
        space: theirs.
        other: the space that they should be rows of.

    Returns:
        ``(m, e)`` rows of the other space and the numbers ``(m,)`` of the rows that have a counterpart there; ``None`` if the two
        spaces have nothing in common.

    Examples:
        >>> from archcast.spaces import get_space
        >>> rows, kept = embed(np.array([[3, 0, 1, 0, 0, 4], [3, 0, 1, 0, 0, 2]]), get_space("nasbench201"),
        ...                    get_space("transnasbench101-micro"))
        >>> rows.tolist(), kept.tolist()
        ([[3, 0, 1, 0, 0, 2]], [1])
    """
    if space == other:
        return archs, np.arange(len(archs))
    if isinstance(space, NASBench1Shot1) and isinstance(other, NASBench101):
        return space.cells(archs), np.arange(len(archs))
    ours, theirs = _named(space), _named(other)
    if ours is None or theirs is None or ours[0] != theirs[0]:
        return None
    if space.operations and not any(
        space.declared[name].learned for name in set(space.operations) & set(other.operations)
    ):
        return None
    known, wanted = dict(ours[1]), dict(theirs[1])
    free = set(NDSCells.beside_graph) if isinstance(ours[0], tuple) else set()
    if not set(known) ^ set(wanted) <= free:
        return None
    out = np.empty((len(archs), len(other.columns)), dtype=np.int64)
    columns = {name: number for number, name in enumerate(space.columns)}
    for number, name in enumerate(other.columns):
        values = wanted[name]
        if name not in columns:  # a width or a depth: the largest, as where a notation leaves it out
            out[:, number] = len(values) - 1
            continue
        place = {value: k for k, value in enumerate(values)}
        out[:, number] = np.array([place.get(value, -1) for value in known[name]])[archs[:, columns[name]]]
    kept = np.flatnonzero((out >= 0).all(axis=1))
    kept = kept[other.is_valid(out[kept])]
    return out[kept], kept


def _named(space: SearchSpace) -> tuple[Any, Sequence[tuple[str, Names]]] | None:
    """What kind of cells or decisions they are, and for each column the names of its values; ``None`` for a space that is not
    known to share anything."""
    if isinstance(space, Choices):
        return Choices, [(name, decision.values) for name, decision in space.decisions.items()]
    operations = tuple(space.operations)
    if isinstance(space, EdgeCellSpace):
        return EdgeCellSpace, [(name, operations) for name in space.columns]
    if isinstance(space, (DARTS, NDSCells)):
        kind = DARTS_CELLS if isinstance(space, DARTS) else space.kind
        names = [operations if ".op" in name else tuple(range(size)) for name, size in _sized(space)]
        return (kind.nodes, kind.loose), list(zip(space.columns, names, strict=True))
    return None


def _sized(space: SearchSpace) -> Iterable[tuple[str, int]]:
    return zip(space.columns, space.cardinalities, strict=True)
