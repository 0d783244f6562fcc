"""NASBOT's convolutional networks: graphs of layers, each with a label, units, and one or two inputs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError, short
from archcast.graphs import ABSENT, CellGraphs, Operation
from archcast.spaces.base import Task, register
from archcast.spaces.conditional import Condition, ConditionalSpace
from archcast.spaces.layer_graphs.costs import costs
from archcast.spaces.layer_graphs.layers import DECLARED, LABELS, Layers, graphs_of, is_pool
from archcast.spaces.layer_graphs.order import in_order

if TYPE_CHECKING:
    import torch

__all__ = ["NASBOT"]

Rows = NDArray[np.int64]

MOST, MOST_DENSE = 16, 2
UNITS = (8, 16, 32, 64, 128, 256, 512, 1024)
BODY = LABELS[:8]
CONVOLUTIONS = 6
"""Labels that have units, the first ones."""
DENSE = 3
"""Decisions of the linear layers, the last columns: how many, and the units of each."""
EXPECTED = (
    '{"layers": [["conv3", 64, [0]], ["max-pool", null, [1]], ...], "fc": [256]}, 1 to 16 layers and 0 to 2 of fc'
)
LONGEST_TEXT = 4_096
PAIRS = np.array([(late, early) for late in range(MOST) for early in range(late + 1)])
"""Sources of a layer, by the number of the choice: two, or twice the same where there is one. With k features to choose from
the first k (k + 1) / 2 are open."""


def choices(k: int) -> int:
    """Number of sets of one or two of ``k`` features."""
    return k * (k + 1) // 2


def drawn(k: int) -> tuple[float, ...]:
    """Half of the networks of a sample go on from the layer before, the other half takes any sources."""
    even = np.full(choices(k), 0.5 / choices(k))
    even[-1] += 0.5
    return tuple(even.tolist())


def count() -> int:
    """Number of rows."""
    each = CONVOLUTIONS * len(UNITS) + len(BODY) - CONVOLUTIONS
    bodies = sum(each**n * math.prod(choices(k) for k in range(1, n + 1)) for n in range(1, MOST + 1))
    return bodies * sum(len(UNITS) ** f for f in range(MOST_DENSE + 1))


@register(
    "nasbot",
    summary="graphs of up to 16 convolutions, residual blocks and poolings, each with units and one or two inputs; 1.3e52 rows",
    paper="Kandasamy et al. 2018, https://arxiv.org/abs/1802.07191",
    size=count(),
    buildable=True,
)
class NASBOT(ConditionalSpace):
    """The convolutional networks of NASBOT (Kandasamy et al. 2018, https://arxiv.org/abs/1802.07191), of up to sixteen layers.

    A row holds the number of layers, then for each its label (convolution or residual block of 3, 5 or 7, or pooling of stride
    two), its units (8 to 1,024, if it has any), and its inputs: one or two of the image and the layers before. Then come the
    number of linear layers, 0 to 2, and their units. A layer concatenates its inputs, the larger brought down by average
    pooling; layers that no other takes in are averaged over the pixels, and go to the linear layers together.

    The paper's edits are moves in this space, or a few of them: change the units of a layer or swap its label, wedge a layer in or
    remove one, branch and skip. The bounds are ours: the paper's networks have up to 60 layers with five inputs, strides in
    convolutions too, and any number of units.

    The notation is JSON: for each layer its label, its units or ``null``, and the numbers of its inputs, 0 for the image and k for
    layer k; and the units of the linear layers.

    ``width`` (1024) is the largest number of units; the others are in proportion. :meth:`canonical` puts the layers in one order.

    Examples:
        >>> space = NASBOT()
        >>> text = '{"layers": [["conv3", 64, [0]], ["max-pool", null, [1]], ["res3", 64, [2]], ["conv5", 8, [1, 3]]], "fc": [256]}'
        >>> row = space.parse(text)
        >>> space.format(row) == [text]
        True
        >>> graphs = space.graphs(row)
        >>> [(graphs.op_names[op], int(units)) for op, units in zip(graphs.operations[0], graphs.units[0]) if op > 1]
        [('conv3', 64), ('max-pool', 64), ('res3', 64), ('conv5', 8), ('fc', 256)]
    """

    name = "nasbot"
    has_graph = True
    operations: Mapping[str, Operation] = {name: DECLARED[name] for name in (*BODY, "fc")}
    columns = (
        "layers",
        *(name for k in range(1, MOST + 1) for name in (f"label{k}", f"units{k}", *([f"inputs{k}"] if k > 1 else []))),
        "fc",
        *(f"fc{k}" for k in range(1, MOST_DENSE + 1)),
    )
    cardinalities = (
        MOST,
        *(c for k in range(1, MOST + 1) for c in (len(BODY), len(UNITS), *([choices(k)] if k > 1 else []))),
        MOST_DENSE + 1,
        *[len(UNITS)] * MOST_DENSE,
    )
    chances = (
        (1 / MOST,) * MOST,
        *(of for k in range(1, MOST + 1) for of in ((1 / 8,) * 8, (1 / 8,) * 8, *([drawn(k)] if k > 1 else []))),
        (1 / 3,) * 3,
        *[(1 / 8,) * 8] * MOST_DENSE,
    )
    numbers = (
        tuple(range(1, MOST + 1)),
        *(x for k in range(1, MOST + 1) for x in (None, tuple(np.log2(UNITS).tolist()), *([None] if k > 1 else []))),
        tuple(range(MOST_DENSE + 1)),
        *[tuple(np.log2(UNITS).tolist())] * MOST_DENSE,
    )
    conditions = (
        *(
            Condition(f"{name}{k}", "layers", tuple(range(k - 1, MOST)))
            for k in range(2, MOST + 1)
            for name in ("label", "inputs")
        ),
        *(Condition(f"units{k}", f"label{k}", tuple(range(CONVOLUTIONS))) for k in range(1, MOST + 1)),
        *(Condition(f"fc{k}", "fc", tuple(range(k, MOST_DENSE + 1))) for k in range(1, MOST_DENSE + 1)),
    )
    sizes: Mapping[str, int] = {"width": UNITS[-1]}
    tasks: Mapping[str, Task] = {"cifar10": Task()}

    # -- rows ---------------------------------------------------------------------------------------------------------

    @staticmethod
    def _layers(rows: Rows, width: int) -> Layers:
        there = np.arange(MOST) <= rows[:, :1]
        body = np.insert(rows[:, 1:-DENSE], 2, 0, axis=1).reshape(-1, MOST, 3)  # the first layer reads the image
        wide = np.maximum((np.array(UNITS) * width + UNITS[-1] // 2) // UNITS[-1], 1)
        labels = np.where(there, body[:, :, 0], ABSENT)
        late, early = np.moveaxis(PAIRS[body[:, :, 2]], 2, 0)
        sources = np.stack([early, np.where(late == early, -1, late)], axis=2)
        linear = np.arange(MOST_DENSE) < rows[:, -DENSE, None]
        return Layers(
            labels,
            np.where(there & ~is_pool(labels), wide[body[:, :, 1]], 0),
            np.where(there[:, :, None], sources, -1),
            np.where(linear, wide[rows[:, 1 - DENSE :]], 0),
        )

    def canonical(self, archs: ArrayLike) -> Rows:
        """The layers in the order of :func:`~archcast.spaces.layer_graphs.order.in_order`."""
        rows = self.validate(archs)
        out, layers = rows.copy(), self._layers(rows, UNITS[-1])
        body = np.insert(rows[:, 1:-DENSE], 2, 0, axis=1).reshape(-1, MOST, 3)
        codes = np.where(layers.labels == ABSENT, 0, 1 + len(UNITS) * body[:, :, 0] + body[:, :, 1])
        order, sources = in_order(codes, layers.sources)
        new = np.take_along_axis(body, np.maximum(order, 0)[:, :, None], axis=1)
        late, early = sources[:, :, 0], np.where(sources[:, :, 1] < 0, sources[:, :, 0], sources[:, :, 1])
        new[:, :, 2] = late * (late + 1) // 2 + early
        new[order < 0] = 0
        out[:, 1:-DENSE] = np.delete(new.reshape(-1, 3 * MOST), 2, axis=1)
        return out

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        try:
            found = json.loads(text) if len(text) <= LONGEST_TEXT else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or found.keys() != {"layers", "fc"}:
            raise InvalidInputError(f"expected {EXPECTED}")
        layers, dense = found["layers"], found["fc"]
        if not isinstance(layers, list) or not 1 <= len(layers) <= MOST:
            raise InvalidInputError(f"expected {EXPECTED}")
        if not isinstance(dense, list) or len(dense) > MOST_DENSE:
            raise InvalidInputError(f"expected {EXPECTED}")
        row = [len(layers) - 1]
        for k, layer in enumerate(layers, 1):
            if not isinstance(layer, list) or len(layer) != 3 or layer[0] not in BODY:
                raise InvalidInputError(f"layer {k} is {short(layer)}, not one of {', '.join(BODY)}, units, inputs")
            label, units, sources = BODY.index(layer[0]), layer[1], layer[2]
            if label >= CONVOLUTIONS and units is not None:
                raise InvalidInputError(f"layer {k} is a pooling with {short(units)} units, not null")
            row += [label, _units(units, f"layer {k}") if label < CONVOLUTIONS else 0]
            if not _is_sources(sources, k):
                raise InvalidInputError(
                    f"the inputs of layer {k} are {short(sources)}, not one or two different ones of 0 to {k - 1}"
                )
            row += [choices(max(sources)) + min(sources)] if k > 1 else []
        row += [0] * (len(self.columns) - DENSE - len(row))
        row += [len(dense), *(_units(units, "a layer of fc") for units in dense)]
        return row + [0] * (len(self.columns) - len(row))

    def format(self, archs: ArrayLike) -> list[str]:
        layers = self._layers(self.validate(archs), UNITS[-1])
        texts = []
        for labels, units, sources, dense in zip(*(part.tolist() for part in layers), strict=True):
            body = [
                [BODY[label], wide or None, sorted(source for source in given if source >= 0)]
                for label, wide, given in zip(labels, units, sources, strict=True)
                if label != ABSENT
            ]
            texts.append(json.dumps({"layers": body, "fc": [wide for wide in dense if wide]}))
        return texts

    # -- graphs and network -------------------------------------------------------------------------------------------

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """Image, layers, linear layers, output; ``units`` holds the channels of each."""
        task, layers = self.task_of(None), self._layers(self.validate(archs), UNITS[-1])
        return graphs_of(layers, (*BODY, "fc"), task.shapes[0][0], task.outputs[0])

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        sizes: dict[str, Any] = self.image_sizes(task)
        return costs(self._layers(rows, sizes.pop("width")), task.pixels, convention, **sizes)

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The layers, the mean over the pixels, linear layers. No part of it is dead, so ``pruned`` changes nothing."""
        from archcast.spaces.layer_graphs.network import Network

        row = self.validate(arch, allow_empty=False)[:1]
        sizes: dict[str, Any] = self.image_sizes(task)
        return Network(self._layers(row, sizes.pop("width")), **sizes)


def _units(value: Any, of: str) -> int:
    if type(value) is not int or value not in UNITS:
        raise InvalidInputError(f"the units of {of} are {short(value)}, not one of {UNITS}")
    return UNITS.index(value)


def _is_sources(value: Any, k: int) -> bool:
    """Whether it is a list of one or two different whole numbers below ``k``."""
    known = isinstance(value, list) and 1 <= len(value) <= 2 and all(type(item) is int for item in value)
    return known and len(set(value)) == len(value) and all(0 <= item < k for item in value)
