"""Auto-DeepLab: a path through four resolutions, and the cell at every step of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import generator, whole
from archcast.errors import InvalidInputError, short
from archcast.graphs import CellGraphs, Operation
from archcast.spaces.auto_deeplab.cell import BLOCKS, KIND, LAYERS, LEVELS, NONE
from archcast.spaces.auto_deeplab.costs import costs
from archcast.spaces.base import SearchSpace, Task, register
from archcast.spaces.darts.canonical import smallest_graphs
from archcast.spaces.darts.cell import INPUTS
from archcast.spaces.dense import dense_sizes

if TYPE_CHECKING:
    import torch

__all__ = ["AutoDeepLab"]

Rows = NDArray[np.int64]

PATHS = 75_025
EXPECTED = '{"path": [12 levels], "cell": [[edge, operation], ... 10 of them]}'
LONGEST_TEXT = 4_096
FIRST_EDGE = np.array([k * INPUTS + k * (k - 1) // 2 for k in range(BLOCKS)])
"""Number of the first edge into each block, where the edges of all blocks are counted through."""


@register(
    "auto-deeplab",
    summary="segmentation: a path of 12 layers through 4 resolutions, cells of 5 blocks and 8 operations; 4.2e19 rows",
    paper="Liu et al. 2019, https://arxiv.org/abs/1901.02985",
    size=PATHS * math.prod((INPUTS + k) * len(KIND.operations) for k in range(BLOCKS)) ** 2,
    buildable=True,
)
class AutoDeepLab(SearchSpace):
    """Auto-DeepLab (Liu et al. 2019, https://arxiv.org/abs/1901.02985): where a segmentation network changes its resolution, and
    the cell of all its layers.

    A row holds the level of each of twelve layers, 0 for a quarter of the resolution of the image to 3 for a thirty-second, then
    for each of five blocks of the cell: first source, its operation, second source, its operation. From one layer to the next
    the level changes by one at most, and the first is 0 or 1. Sources 0 and 1 are the outputs of the two layers before, blocks
    count from 2; a block is the sum of its two operations, and both sources may be the same. There are 75,025 paths and 5.6e14
    cells; the paper counts 2.9e4 paths, as many as begin at level 0.

    The notation is the two arrays that implementations keep, as JSON: ``{"path": [0, 0, 1, ...], "cell": [[0, 7], [1, 4], ...]}``.
    An edge counts through the possible sources of the first block, 0 and 1, of the second, 2 to 4, and so on; the operations
    are numbered as in ``operations``.

    The network is the one that the paper trains, by the authors' code: a layer of a lower resolution than the one before halves
    it on the inputs of its cell, one of a higher resolution is given its last input resized; atrous convolutions are full ones; the
    head is atrous spatial pyramid pooling of five branches, then comes the decoder of DeepLabv3+, on the features of the last layer
    before the path leaves a quarter of the resolution. ``width`` (20) counts the channels of a block at a quarter of the
    resolution, ``stem`` (64) and ``head`` (256) those of the ends. A task with a height and a width in its outputs gets logits of
    every pixel, a task with classes alone their mean.

    :meth:`canonical` is equal exactly for the same cell up to the order of the blocks and of the inputs of each, wherever ``none``
    stands.

    Examples:
        The network that the paper found, with its 10.15 million parameters:

        >>> space = AutoDeepLab()
        >>> cell = [[0, 7], [1, 4], [2, 4], [3, 6], [5, 4], [8, 4], [11, 5], [13, 5], [19, 7], [18, 5]]
        >>> row = space.parse(json.dumps({"path": [0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1], "cell": cell}))
        >>> row[0, 12:20].tolist()
        [0, 7, 1, 4, 0, 4, 1, 6]
        >>> int(space.costs(row)["params"][0])
        10147427
    """

    name = "auto-deeplab"
    operations: Mapping[str, Operation] = KIND.declared
    cardinalities = (
        *(min(2 + layer, LEVELS) for layer in range(LAYERS)),
        *(c for k in range(BLOCKS) for c in (INPUTS + k, len(KIND.operations)) * 2),
    )
    columns = (
        *(f"level{layer}" for layer in range(1, LAYERS + 1)),
        *(f"block{INPUTS + k}.{part}" for k in range(BLOCKS) for part in ("source1", "op1", "source2", "op2")),
    )
    beside_graph = columns[:LAYERS]
    numbers = (*(tuple(range(c)) for c in cardinalities[:LAYERS]), *[None] * (4 * BLOCKS))
    sizes: Mapping[str, int] = {"width": 20, "stem": 64, "head": 256}
    tasks: Mapping[str, Task] = {
        "cityscapes-321": Task((3, 321, 321), outputs=(19, 321, 321)),
        "cityscapes-769": Task((3, 769, 769), outputs=(19, 769, 769)),
        "voc-513": Task((3, 513, 513), outputs=(21, 513, 513)),
        "ade20k-513": Task((3, 513, 513), outputs=(151, 513, 513)),
    }

    # -- rows ---------------------------------------------------------------------------------------------------------

    def is_valid(self, archs: Rows) -> NDArray[np.bool_]:
        return np.asarray((np.abs(np.diff(archs[:, :LAYERS], axis=1)) <= 1).all(axis=1))

    def sample(self, n: int, rng: np.random.Generator | int | None = None) -> Rows:
        """``n`` rows, uniform over all, with replacement."""
        rng, n = generator("rng", rng), whole("n", n, 0)
        paths = self._paths[rng.integers(0, PATHS, size=n)].astype(np.int64)
        sides = self.cardinalities[LAYERS:]
        return np.concatenate([paths, rng.integers(0, sides, size=(n, len(sides)))], axis=1)

    @cached_property
    def _paths(self) -> NDArray[np.int8]:
        """``(75025, 12)`` in lexicographic order."""
        paths = np.arange(2, dtype=np.int8)[:, None]
        for _ in range(LAYERS - 1):
            after = paths[:, -1:, None] + np.array([-1, 0, 1], dtype=np.int8)[:, None]
            longer = np.concatenate([np.repeat(paths[:, None], 3, axis=1), after], axis=2)
            flat = longer.reshape(-1, paths.shape[1] + 1)
            paths = flat[(flat[:, -1] >= 0) & (flat[:, -1] < LEVELS)]
        return paths

    def canonical(self, archs: ArrayLike) -> Rows:
        rows = self.validate(archs)
        cells = rows[:, LAYERS:]
        cells[:, 0::2] = np.where(cells[:, 1::2] == NONE, 0, cells[:, 0::2])
        return np.concatenate([rows[:, :LAYERS], smallest_graphs(cells.T, KIND).T], axis=1)

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        try:
            found = json.loads(text) if len(text) <= LONGEST_TEXT else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or found.keys() != {"path", "cell"}:
            raise InvalidInputError(f"expected {EXPECTED}")
        path, edges = found["path"], found["cell"]
        if not _is_list(path, LAYERS) or not isinstance(edges, list) or len(edges) != 2 * BLOCKS:
            raise InvalidInputError(f"expected {EXPECTED}")
        for layer, (level, size) in enumerate(zip(path, self.cardinalities), 1):
            if not 0 <= level < size or (layer > 1 and abs(level - path[layer - 2]) > 1):
                raise InvalidInputError(f"layer {layer} has the level {short(level)}, which no layer before leads to")
        row = list(path)
        for number, edge in enumerate(edges):
            block, first = number // 2, int(FIRST_EDGE[number // 2])
            if not _is_list(edge, 2) or not first <= edge[0] < first + INPUTS + block:
                last = first + INPUTS + block - 1
                raise InvalidInputError(
                    f"edge {number} is {short(edge)}, not an edge of {first} to {last} and a number"
                )
            if not 0 <= edge[1] < len(KIND.operations):
                raise InvalidInputError(f"operation {short(edge[1])} is not one of 0 to {len(KIND.operations) - 1}")
            row += [edge[0] - first, edge[1]]
        return row

    def format(self, archs: ArrayLike) -> list[str]:
        rows = self.validate(archs)
        first = np.repeat(FIRST_EDGE, 2)
        edges = np.stack([rows[:, LAYERS::2] + first, rows[:, LAYERS + 1 :: 2]], axis=2).tolist()
        return [
            json.dumps({"path": path, "cell": cell})
            for path, cell in zip(rows[:, :LAYERS].tolist(), edges, strict=True)
        ]

    # -- graphs -------------------------------------------------------------------------------------------------------

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """Two inputs, the two operations of each block in the order of the row, and the output; the path is not part of it."""
        cells = self.validate(archs)[:, LAYERS:]
        v, n = INPUTS + 2 * BLOCKS + 1, np.arange(len(cells))
        adjacency = np.zeros((len(cells), v, v), dtype=bool)
        for edge in range(2 * BLOCKS):
            source = cells[:, 2 * edge]
            for side in (0, 1):
                adjacency[n, np.where(source < INPUTS, source, 2 * source - INPUTS + side), INPUTS + edge] = True
        adjacency[:, INPUTS:-1, -1] = True
        ops = np.zeros((len(cells), v), dtype=np.int64)
        ops[:, 1], ops[:, -1], ops[:, INPUTS:-1] = 1, 2, cells[:, 1::2] + INPUTS + 1
        names = ("input0", "input1", "output", *KIND.operations)
        return CellGraphs(adjacency, ops, names, INPUTS + 1, INPUTS, zero_op="none", declared=self.declared)

    # -- network ------------------------------------------------------------------------------------------------------

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        return costs(rows[:, :LAYERS], rows[:, LAYERS:], task.pixels, convention, pruned, **dense_sizes(self, task))

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """Stem, twelve cells at the levels of the path, head, decoder, bilinear interpolation to the size of the output.

        Args:
            arch: ``(d,)`` row.
            task: what it is built for, or the name of one of ``tasks``; by default the first of them.
            pruned: leave out inputs that no block of the cell takes in, and layers that no other layer takes in.
        """
        from archcast.spaces.auto_deeplab.network import Network

        row = self.validate(arch, allow_empty=False)[0].tolist()
        return Network(row[:LAYERS], row[LAYERS:], pruned, **dense_sizes(self, self.task_of(task)))


def _is_list(value: Any, length: int) -> bool:
    """Whether it is a list of so many whole numbers."""
    return isinstance(value, list) and len(value) == length and all(type(item) is int for item in value)
