"""Auto-Keras' convolutional networks: a chain of layers that is deepened, widened, and given skip connections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError, short
from archcast.graphs import ABSENT, CellGraphs, Operation
from archcast.spaces.base import Task, register
from archcast.spaces.conditional import Condition, ConditionalSpace
from archcast.spaces.layer_graphs.costs import costs
from archcast.spaces.layer_graphs.layers import DECLARED, LABELS, Layers, graphs_of

if TYPE_CHECKING:
    import torch

__all__ = ["AutoKeras"]

Rows = NDArray[np.int64]

BLOCKS, WIDTHS = 12, (16, 32, 64, 128, 256, 512)
MERGES = ("add", "concat")
NAMES = ("conv3", "max-pool", *MERGES)
EXPECTED = '1 to 12 layers [width, pooled, skip], such as [[64, false, null], [128, true, ["add", 1]]]'
LONGEST_TEXT = 4_096
BLOCK_COLUMNS = 3
"""Decisions of a block: width, pooling, skip connection; the first block has no third."""


def count() -> int:
    """Number of rows."""
    total, of_depth = 0, 1
    for k in range(BLOCKS):
        of_depth *= len(WIDTHS) * 2 * (1 + 2 * k)
        total += of_depth
    return total


@register(
    "auto-keras",
    summary="chains of up to 12 convolutions of 16 to 512 channels, pooling, and skips by addition or concatenation; 2.8e24 rows",
    paper="Jin et al. 2019, https://arxiv.org/abs/1806.10282",
    size=count(),
    buildable=True,
)
class AutoKeras(ConditionalSpace):
    """What network morphism reaches in Auto-Keras (Jin et al. 2019, https://arxiv.org/abs/1806.10282), as far as twelve layers go.

    A row holds the number of layers, then for each its width (16 to 512 channels), whether max pooling of stride two follows, and
    its skip connection: none, or the output of an earlier layer, added or concatenated. The paper's four morphs are moves in this
    space: deepen, widen, add a skip by addition, add one by concatenation. A layer is a 3x3 convolution, batch norm and ReLU.
    The output of the earlier layer is brought to the resolution by average pooling; a 1x1 convolution with batch norm gives what
    is added, or the concatenation, the number of channels of the layer. The bounds are ours, because the paper has none: twelve
    layers, the widths, one skip connection a layer, no linear layers but the classifier.

    The notation is JSON: a list of layers, each its width, whether it is pooled, and its skip connection or ``null``. A skip
    names the number of the earlier layer, counted from 1.

    ``width`` (512) is the largest number of channels; the others are in proportion. All rows are different functions.

    Examples:
        >>> space = AutoKeras()
        >>> row = space.parse('[[64, true, null], [64, true, null], [64, false, ["add", 1]]]')
        >>> graphs = space.graphs(row)
        >>> [(graphs.op_names[op], int(units)) for op, units in zip(graphs.operations[0], graphs.units[0]) if op > 1]
        [('conv3', 64), ('max-pool', 64), ('conv3', 64), ('max-pool', 64), ('conv3', 64), ('add', 64)]
    """

    name = "auto-keras"
    has_graph = True
    operations: Mapping[str, Operation] = {name: DECLARED[name] for name in NAMES}
    columns = (
        "layers",
        *(name for k in range(1, BLOCKS + 1) for name in (f"width{k}", f"pool{k}", *([f"skip{k}"] if k > 1 else []))),
    )
    cardinalities = (
        BLOCKS,
        *(c for k in range(BLOCKS) for c in (len(WIDTHS), 2, *([1 + 2 * k] if k else []))),
    )
    numbers = (
        tuple(range(1, BLOCKS + 1)),
        *(x for k in range(BLOCKS) for x in (tuple(np.log2(WIDTHS).tolist()), (0, 1), *([None] if k else []))),
    )
    conditions = tuple(
        Condition(f"{name}{k}", "layers", tuple(range(k - 1, BLOCKS)))
        for k in range(2, BLOCKS + 1)
        for name in ("width", "pool", "skip")
    )
    sizes: Mapping[str, int] = {"width": WIDTHS[-1]}
    tasks: Mapping[str, Task] = {"cifar10": Task(), "fashion-mnist": Task((1, 28, 28), 10)}

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _blocks(self, rows: Rows) -> NDArray[np.int64]:
        """``(n, 12, 3)``: width, pooling, skip of each layer; the first has no skip."""
        return np.insert(rows[:, 1:], 2, 0, axis=1).reshape(-1, BLOCKS, BLOCK_COLUMNS)

    def _layers(self, rows: Rows, width: int) -> Layers:
        """Each block is a convolution, a pooling and a merge, where it has them."""
        blocks = self._blocks(rows)
        there = np.arange(BLOCKS) <= rows[:, :1]
        labels = np.full((len(rows), BLOCKS, 3), ABSENT)
        units, sources = np.zeros_like(labels), np.full((len(rows), BLOCKS, 3, 2), -1)
        labels[:, :, 0] = np.where(there, LABELS.index("conv3"), ABSENT)
        wide = np.maximum((np.array(WIDTHS)[blocks[:, :, 0]] * width + WIDTHS[-1] // 2) // WIDTHS[-1], 1)
        units[:, :, 0] = np.where(there, wide, 0)
        labels[:, :, 1] = np.where(there & (blocks[:, :, 1] == 1), LABELS.index("max-pool"), ABSENT)
        skips = blocks[:, :, 2] - 1
        merge = np.array([LABELS.index(name) for name in MERGES])
        labels[:, :, 2] = np.where(there & (skips >= 0), merge[skips % 2], ABSENT)
        outputs = np.zeros((len(rows), BLOCKS + 1), dtype=np.int64)  # feature that each block gives
        for k in range(BLOCKS):
            last = outputs[:, k]
            earlier = np.take_along_axis(outputs, skips[:, k : k + 1] // 2 + 1, axis=1)[:, 0]
            for part in range(3):
                here, feature = labels[:, k, part] != ABSENT, 3 * k + part + 1
                sources[here, k, part, 0] = last[here]
                if part == 2:
                    sources[here, k, part, 1] = earlier[here]
                last = np.where(here, feature, last)
            outputs[:, k + 1] = last
        n = len(rows)
        return Layers(
            labels.reshape(n, 3 * BLOCKS),
            units.reshape(n, 3 * BLOCKS),
            sources.reshape(n, 3 * BLOCKS, 2),
            np.zeros((n, 0), dtype=np.int64),
        )

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        try:
            found = json.loads(text) if len(text) <= LONGEST_TEXT else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list) or not 1 <= len(found) <= BLOCKS:
            raise InvalidInputError(f"expected {EXPECTED}")
        row = [len(found) - 1]
        for k, block in enumerate(found):
            if not isinstance(block, list) or len(block) != BLOCK_COLUMNS:
                raise InvalidInputError(f"expected {EXPECTED}; layer {k + 1} is {short(block)}")
            width, pooled, skip = block
            if type(width) is not int or width not in WIDTHS:
                raise InvalidInputError(f"the width of layer {k + 1} is {short(width)}, not one of {WIDTHS}")
            if type(pooled) is not bool:
                raise InvalidInputError(f"layer {k + 1} is pooled or not, true or false, got {short(pooled)}")
            row += [WIDTHS.index(width), int(pooled)]
            number = 0 if skip is None else _skip(skip, k)
            if number is None:
                raise InvalidInputError(
                    f'the skip of layer {k + 1} is {short(skip)}, not null, ["add", n] or ["concat", n] of an earlier layer n'
                )
            row += [number] if k else []
        return row + [0] * (len(self.columns) - len(row))

    def format(self, archs: ArrayLike) -> list[str]:
        rows = self.validate(archs)
        texts = []
        for row, blocks in zip(rows.tolist(), self._blocks(rows).tolist(), strict=True):
            layers = [
                [WIDTHS[width], pooled == 1, [MERGES[(skip - 1) % 2], (skip - 1) // 2 + 1] if skip else None]
                for width, pooled, skip in blocks[: row[0] + 1]
            ]
            texts.append(json.dumps(layers))
        return texts

    # -- graphs and network -------------------------------------------------------------------------------------------

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """Image, for each layer its convolution, pooling and skip connection, output; ``units`` holds the channels."""
        task = self.task_of(None)
        return graphs_of(self._layers(self.validate(archs), WIDTHS[-1]), NAMES, task.shapes[0][0], task.outputs[0])

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        sizes: dict[str, Any] = self.image_sizes(task)
        return costs(self._layers(rows, sizes.pop("width")), task.pixels, convention, **sizes)

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The layers, the mean over the pixels, a classifier. No part of it is dead, so ``pruned`` changes nothing."""
        from archcast.spaces.layer_graphs.network import Network

        row = self.validate(arch, allow_empty=False)[:1]
        sizes: dict[str, Any] = self.image_sizes(task)
        return Network(self._layers(row, sizes.pop("width")), **sizes)


def _skip(value: Any, k: int) -> int | None:
    """Number of a skip connection of layer ``k``, or ``None`` where the layer cannot have it."""
    if not isinstance(value, list) or len(value) != 2 or value[0] not in MERGES or type(value[1]) is not int:
        return None
    return 1 + 2 * (value[1] - 1) + MERGES.index(value[0]) if 1 <= value[1] <= k else None
