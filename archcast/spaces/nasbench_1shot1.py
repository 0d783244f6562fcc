"""NAS-Bench-1Shot1: three sub-spaces of NAS-Bench-101 whose nodes have fixed numbers of parents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import CellGraphs
from archcast.spaces.base import SearchSpace, Task, get_space, register
from archcast.spaces.nasbench101 import EDGES, NASBench101
from archcast.spaces.nasbench101.cell import DECLARED, NODES, OPERATIONS

if TYPE_CHECKING:
    import torch

__all__ = ["NASBench1Shot1"]

PAPER = "Zela et al. 2020, https://arxiv.org/abs/2001.10422"
CHUNK = 65_536


class NASBench1Shot1(SearchSpace):
    """A sub-space of NAS-Bench-101 that a one-shot model can hold (Zela et al. 2020, https://arxiv.org/abs/2001.10422).

    A row holds for each choice block its operation, numbered as in ``nasbench101``, and its parents, a position in the list of all
    sets of as many earlier nodes; the parents of the output come last. Node 0 is the input. The notation is that of the authors'
    configurations, ``{"choice_block_1_op": "conv3x3-bn-relu", "choice_block_1_parents": [0], ...}``.

    :meth:`cells` gives the rows of ``nasbench101``, where the labels are: many rows are the same cell once it is pruned.
    :meth:`canonical` is equal exactly for these. With four choice blocks the matrix of seven nodes has one that is not connected.

    Examples:
        >>> space = NASBench1Shot1Space1()
        >>> row = space.sample(1, 0)
        >>> space.cells(row).shape, len(space.enumerate())
        ((1, 26), 14580)
    """

    parents: ClassVar[tuple[int, ...]]
    """How many parents each choice block has, and last the output."""
    operations = DECLARED
    sizes: Mapping[str, int] = NASBench101.sizes
    tasks: Mapping[str, Task] = NASBench101.tasks

    def __init_subclass__(cls) -> None:
        columns, cardinalities = [], []
        for block, options in enumerate(cls._options(), 1):
            if block < len(cls.parents):
                columns.append(f"choice_block_{block}_op")
                cardinalities.append(len(OPERATIONS))
            columns.append(f"choice_block_{block}_parents")
            cardinalities.append(len(options))
        cls.columns, cls.cardinalities = tuple(columns), tuple(cardinalities)

    @classmethod
    def _options(cls) -> list[list[tuple[int, ...]]]:
        """For each choice block and the output, all sets of parents."""
        return [list(combinations(range(block), count)) for block, count in enumerate(cls.parents, 1)]

    @property
    def _whole(self) -> NASBench101:
        space = get_space("nasbench101")
        assert isinstance(space, NASBench101)
        return space

    @cached_property
    def _edges(self) -> list[NDArray[np.int64]]:
        """For each choice block and the output ``(options, 21)``: the edges of NAS-Bench-101 that a set of parents has."""
        number = {edge: k for k, edge in enumerate(EDGES)}
        out = []
        for block, options in enumerate(self._options(), 1):
            end = block if block < len(self.parents) else NODES - 1
            bits = np.zeros((len(options), len(EDGES)), dtype=np.int64)
            for row, some in zip(bits, options, strict=True):
                row[[number[source, end] for source in some]] = 1
            out.append(bits)
        return out

    def cells(self, archs: ArrayLike) -> NDArray[np.int64]:
        """``(n, 26)`` the rows of ``nasbench101``, not pruned."""
        return self._cells(self.validate(archs))

    def _cells(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        blocks = len(self.parents) - 1
        parents = np.concatenate([rows[:, 1::2], rows[:, 2 * blocks :]], axis=1)
        edges = sum((bits[parents[:, k]] for k, bits in enumerate(self._edges)), np.zeros((1, len(EDGES)), np.int64))
        ops = np.zeros((len(rows), NODES - 2), dtype=np.int64)
        ops[:, :blocks] = rows[:, : 2 * blocks : 2]
        return np.concatenate([np.broadcast_to(edges, (len(rows), len(EDGES))), ops], axis=1)

    def function_keys(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n, 1)``: the canonical cell of NAS-Bench-101 as one number."""
        out = np.zeros((len(archs), 1), dtype=np.int64)
        weights = np.concatenate([2 ** np.arange(len(EDGES)) * 3 ** (NODES - 2), 3 ** np.arange(NODES - 2)])
        for start in range(0, len(archs), CHUNK):
            canonical = self._whole.canonical(self._cells(archs[start : start + CHUNK]))
            out[start : start + CHUNK, 0] = canonical @ weights
        return out

    @cached_property
    def _representatives(self) -> NDArray[Any]:
        return _table(type(self))

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or set(found) != set(self.columns):
            raise InvalidInputError(f"expected a dictionary of {', '.join(self.columns)}")
        row = []
        for column in self.columns:
            given = found[column]
            options = self._values(column)
            value: Any = tuple(given) if isinstance(given, list) else given
            if value not in options or (isinstance(value, tuple) and any(type(source) is not int for source in value)):
                raise InvalidInputError(
                    f"{column} is {str(given)[:30]}, not one of {', '.join(map(_written, options))}"
                )
            row.append(options.index(value))
        return row

    def _values(self, column: str) -> list[Any]:
        """What the values of a column stand for."""
        return list(OPERATIONS) if column.endswith("op") else self._options()[int(column.split("_")[2]) - 1]

    def format(self, archs: ArrayLike) -> list[str]:
        values = [self._values(column) for column in self.columns]
        return [
            json.dumps({name: some[value] for name, some, value in zip(self.columns, values, row, strict=True)})
            for row in self.validate(archs).tolist()
        ]

    # -- as in NAS-Bench-101 ------------------------------------------------------------------------------------------

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """Those of the cells of NAS-Bench-101."""
        return self._whole.graphs(self.cells(archs))

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        return self._whole.costs(self.cells(archs), convention, task=self._checked(task), pruned=pruned)

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of NAS-Bench-101, which prunes the cell."""
        row = self.validate(arch, allow_empty=False)[:1]
        return self._whole.build(self._cells(row)[0], self._checked(task), pruned=pruned)

    def _checked(self, task: Task | str | None) -> Task:
        """The task, if its sizes are those of this space."""
        task = self.task_of(task)
        self.image_sizes(task)
        return task


@cache
def _table(space: type[NASBench1Shot1]) -> NDArray[Any]:
    """The table of canonical rows, made once for all copies of a space."""
    table: NDArray[Any] = vars(SearchSpace)["_representatives"].func(space())
    return table


def _written(value: Any) -> str:
    return value if isinstance(value, str) else str(list(value))


@register(
    "nasbench-1shot1-1",
    summary="NAS-Bench-101 with 4 choice blocks of 1, 2, 2 and 2 parents, an output of 2; 14,580 rows",
    paper=PAPER,
    size=180 * 3**4,
    buildable=True,
)
class NASBench1Shot1Space1(NASBench1Shot1):
    """Search space 1 of :class:`NASBench1Shot1`: 2,685 cells."""

    name = "nasbench-1shot1-1"
    parents = (1, 2, 2, 2, 2)


@register(
    "nasbench-1shot1-2",
    summary="NAS-Bench-101 with 4 choice blocks of 1, 1, 2 and 2 parents, an output of 3; 29,160 rows",
    paper=PAPER,
    size=360 * 3**4,
    buildable=True,
)
class NASBench1Shot1Space2(NASBench1Shot1):
    """Search space 2 of :class:`NASBench1Shot1`: 7,773 cells."""

    name = "nasbench-1shot1-2"
    parents = (1, 1, 2, 2, 3)


@register(
    "nasbench-1shot1-3",
    summary="NAS-Bench-101 with 5 choice blocks of 1, 1, 1, 2 and 2 parents, an output of 2; 1,312,200 rows",
    paper=PAPER,
    size=5_400 * 3**5,
    buildable=True,
)
class NASBench1Shot1Space3(NASBench1Shot1):
    """Search space 3 of :class:`NASBench1Shot1`."""

    name = "nasbench-1shot1-3"
    parents = (1, 1, 1, 2, 2, 2)
