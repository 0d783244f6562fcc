"""NAS-FPN: feature pyramids of seven cells, each of which merges two features of any level."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError, short
from archcast.graphs import CONVOLUTION, CellGraphs, Operation
from archcast.spaces.base import SearchSpace, Task, register
from archcast.spaces.dense import dense_sizes
from archcast.spaces.nas_fpn.costs import costs
from archcast.spaces.nas_fpn.merging import CELLS, COMBINE, FIRST, LEVELS, ORDERS, OUTPUTS, Merging, joined

if TYPE_CHECKING:
    import torch

__all__ = ["NASFPN"]

Rows = NDArray[np.int64]

FREE = CELLS - OUTPUTS
"""Cells that may have any level; the others put out each level once."""
EXPECTED = (
    '[[4, "attention", [1, 3], false], ...], 7 cells of level, operation, two inputs, and whether it is an output'
)
LONGEST_TEXT = 4_096
PLACE = {tuple(order): number for number, order in enumerate(ORDERS.tolist())}
NAMES = tuple(f"{combine}_{FIRST + level}" for combine in COMBINE for level in range(LEVELS))


@register(
    "nas-fpn",
    summary="feature pyramids: 7 cells that merge two features of 5 levels by sum or attention; 3.9e17 rows",
    paper="Ghiasi et al. 2019, https://arxiv.org/abs/1904.07392",
    size=math.prod((LEVELS + k) * (LEVELS + k - 1) * 2 for k in range(CELLS)) * LEVELS**FREE * len(ORDERS),
    buildable=True,
)
class NASFPN(SearchSpace):
    """NAS-FPN (Ghiasi et al. 2019, https://arxiv.org/abs/1904.07392): how a feature pyramid merges levels 3 to 7.

    A row holds for each of seven merging cells its two inputs, which differ, and how it combines them; then the levels of the first
    two cells, and in which order the last five, the outputs, have the five levels. Features 0 to 4 are levels 3 to 7 as the
    pyramid takes them in, features 5 to 11 what the cells give. A cell brings both inputs to its level, by max pooling or the
    nearest neighbour, combines them, and ends with ReLU, a 3x3 convolution and batch norm. A feature that no cell takes in is
    added to the output of its level.

    The notation is the list of block specifications of the authors' code, as JSON; Python's tuples are read too.

    The network stands in for the paper's: ``depth`` (7) pyramids of ``width`` (256) channels on five convolutions of stride two
    with ``backbone`` (320) channels at the end, not on ResNet, and a classifier of pixels on the sum of all levels instead of a
    detector of boxes. A task with a height and a width in its outputs gets logits of every pixel, a task with classes alone
    their mean.

    :meth:`canonical` is equal exactly for the same pyramid up to the order of the cells and of the terms of sums.

    Examples:
        The pyramid that the paper found:

        >>> space = NASFPN()
        >>> row = space.parse(
        ...     "[(4, 'attention', (1, 3), False), (4, 'sum', (1, 5), False), (3, 'sum', (0, 6), True), (4, 'sum', (6, 7), True),"
        ...     "(5, 'attention', (7, 8), True), (7, 'attention', (6, 9), True), (6, 'attention', (9, 10), True)]"
        ... )
        >>> space.format(row)[0][:63]
        '[[4, "attention", [1, 3], false], [4, "sum", [1, 5], false], [3'
    """

    name = "nas-fpn"
    operations: Mapping[str, Operation] = {name: Operation(CONVOLUTION, weight=9, reach=3) for name in NAMES}
    cardinalities = (
        *(c for k in range(CELLS) for c in (LEVELS + k, LEVELS + k, len(COMBINE))),
        *[LEVELS] * FREE,
        len(ORDERS),
    )
    columns = (
        *(f"cell{k}.{part}" for k in range(1, CELLS + 1) for part in ("input1", "input2", "combine")),
        *(f"level{k}" for k in range(1, FREE + 1)),
        "order",
    )
    numbers = (*[None] * (3 * CELLS), *[tuple(range(FIRST, FIRST + LEVELS))] * FREE, None)
    sizes: Mapping[str, int] = {"width": 256, "backbone": 320, "depth": 7}
    tasks: Mapping[str, Task] = {"coco-640": Task((3, 640, 640), outputs=(81, 640, 640))}

    # -- rows ---------------------------------------------------------------------------------------------------------

    def is_valid(self, archs: Rows) -> NDArray[np.bool_]:
        cells = archs[:, : 3 * CELLS]
        return np.asarray((cells[:, 0::3] != cells[:, 1::3]).all(axis=1))

    def canonical(self, archs: ArrayLike) -> Rows:
        """The lexicographically smallest row of the class: every order of the cells is tried."""
        rows = self.validate(archs)
        cells = _merging(rows)
        best = np.full((len(rows), 4 * CELLS), LEVELS + CELLS)
        for order in _orders():
            place = np.concatenate([np.arange(LEVELS), LEVELS + np.argsort(order)])
            inputs = place[cells.inputs[:, order]]
            allowed = (inputs < LEVELS + np.arange(CELLS)[:, None]).all(axis=(1, 2))
            combine = cells.combine[:, order]
            inputs = np.where((combine == 0)[:, :, None], np.sort(inputs, axis=2), inputs)
            trial = np.concatenate([inputs.reshape(-1, 2 * CELLS), combine, cells.levels[:, order]], axis=1)
            k = (trial != best).argmax(axis=1)[:, None]
            smaller = np.take_along_axis(trial, k, 1) < np.take_along_axis(best, k, 1)
            best = np.where((allowed & smaller[:, 0])[:, None], trial, best)
        inputs, combine, levels = np.split(best, [2 * CELLS, 3 * CELLS], axis=1)
        return _rows(Merging(inputs.reshape(-1, CELLS, 2), combine, levels))

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        for python, written in (("(", "["), (")", "]"), ("'", '"'), ("True", "true"), ("False", "false")):
            text = text.replace(python, written) if len(text) <= LONGEST_TEXT else ""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list) or len(found) != CELLS:
            raise InvalidInputError(f"expected {EXPECTED}")
        inputs, combine, levels = [], [], []
        for k, cell in enumerate(found):
            if not isinstance(cell, list) or len(cell) != 4:
                raise InvalidInputError(f"expected {EXPECTED}; cell {k} is {short(cell)}")
            level, name, sources, is_output = cell
            if type(level) is not int or not FIRST <= level < FIRST + LEVELS:
                raise InvalidInputError(f"the level of cell {k} is {short(level)}, not 3 to 7")
            if name not in COMBINE:
                raise InvalidInputError(f"the operation of cell {k} is {short(name)}, not sum or attention")
            if not _is_pair(sources, LEVELS + k):
                raise InvalidInputError(
                    f"the inputs of cell {k} are {short(sources)}, not two different ones of 0 to {LEVELS + k - 1}"
                )
            if is_output is not (k >= FREE):
                raise InvalidInputError(f"the last {OUTPUTS} cells are outputs, cell {k} says {short(is_output)}")
            inputs.append(sources)
            combine.append(COMBINE.index(name))
            levels.append(level - FIRST)
        if sorted(levels[FREE:]) != [*range(LEVELS)]:
            raise InvalidInputError(f"the last {OUTPUTS} cells must have the levels 3 to 7, each once")
        return _rows(Merging(np.array([inputs]), np.array([combine]), np.array([levels])))[0].tolist()

    def format(self, archs: ArrayLike) -> list[str]:
        texts = []
        for inputs, combine, levels in zip(*(part.tolist() for part in _merging(self.validate(archs))), strict=True):
            cells = [[FIRST + levels[k], COMBINE[combine[k]], inputs[k], k >= FREE] for k in range(CELLS)]
            texts.append(json.dumps(cells))
        return texts

    # -- graphs -------------------------------------------------------------------------------------------------------

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """Five inputs, the seven cells, each named by its operation and its level, and one output, which takes in the last five.
        A feature that an output adds because no cell takes it in has an edge to this output; which of two inputs the other
        attends to is not shown."""
        cells = _merging(self.validate(archs))
        n, v, extra = len(cells.levels), LEVELS + CELLS + 1, joined(cells)
        adjacency = np.zeros((n, v, v), dtype=bool)
        for k in range(CELLS):
            for side in (0, 1):
                adjacency[np.arange(n), cells.inputs[:, k, side], LEVELS + k] = True
            adjacency[:, :CELLS, LEVELS + k] |= extra[:, k]
        adjacency[:, -1 - OUTPUTS : -1, -1] = True
        codes = np.zeros((n, v), dtype=np.int64)
        codes[:, :LEVELS], codes[:, -1] = np.arange(LEVELS), LEVELS
        codes[:, LEVELS:-1] = LEVELS + 1 + cells.combine * LEVELS + cells.levels
        names = (*(f"input{FIRST + level}" for level in range(LEVELS)), "output", *NAMES)
        return CellGraphs(adjacency, codes, names, LEVELS + 1, LEVELS, declared=self.declared)

    # -- network ------------------------------------------------------------------------------------------------------

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        return costs(_merging(rows), task.pixels, convention, **dense_sizes(self, task))

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """Backbone, pyramids one after the other, a classifier of pixels on the sum of all levels, bilinear interpolation to the
        size of the output. No part of it is dead, so ``pruned`` changes nothing."""
        from archcast.spaces.nas_fpn.network import Network

        row = self.validate(arch, allow_empty=False)[:1]
        return Network(_merging(row), **dense_sizes(self, self.task_of(task)))


def _merging(rows: Rows) -> Merging:
    """The cells of ``(n, 24)`` rows."""
    cells = rows[:, : 3 * CELLS].reshape(-1, CELLS, 3)
    levels = np.concatenate([rows[:, 3 * CELLS : -1], ORDERS[rows[:, -1]]], axis=1)
    return Merging(cells[:, :, :2], cells[:, :, 2], levels)


def _rows(cells: Merging) -> Rows:
    """The reverse of :func:`_merging`."""
    parts = np.concatenate([cells.inputs, cells.combine[:, :, None]], axis=2).reshape(-1, 3 * CELLS)
    orders = np.array([PLACE[tuple(order)] for order in cells.levels[:, FREE:].tolist()], dtype=np.int64)
    return np.concatenate([parts, cells.levels[:, :FREE], orders[:, None]], axis=1)


def _orders() -> list[NDArray[np.int64]]:
    """Every order of the cells in which the outputs are last."""
    outputs = [*permutations(range(FREE, CELLS))]
    return [np.array([*first, *last]) for first in permutations(range(FREE)) for last in outputs]


def _is_pair(value: Any, size: int) -> bool:
    """Whether it is a list of two different whole numbers below ``size``."""
    pair = isinstance(value, list) and len(value) == 2 and all(type(item) is int for item in value)
    return pair and value[0] != value[1] and all(0 <= item < size for item in value)
