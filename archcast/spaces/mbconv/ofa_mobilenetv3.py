"""Once-for-All's MobileNetV3: five stages of two to four blocks, each with a kernel and an expansion."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT, CONVOLUTION, Operation
from archcast.spaces.base import Task, register
from archcast.spaces.conditional import Condition, ConditionalSpace
from archcast.spaces.mbconv.layers import Block, Chain, Conv, scaled, to_multiple_of_8
from archcast.spaces.mbconv.space import MBConvSpace, gathered

__all__ = ["OFAMobileNetV3"]

STAGES, LAYERS = 5, 4
DEPTHS, KERNELS, EXPANSIONS = (2, 3, 4), (3, 5, 7), (3, 4, 6)
STEM, WIDTHS, STRIDES = 16, (24, 40, 80, 112, 160), (2, 2, 2, 1, 2)
ACTIVATIONS = ("relu", "relu", "hardswish", "hardswish", "hardswish")
GATED = (False, True, False, True, True)
RESOLUTIONS = (128, 160, 176, 192, 208)
LONGEST_TEXT = 4_096


@register(
    "ofa-mobilenetv3",
    summary="5 stages of 2 to 4 MobileNetV3 blocks: depths, kernels, expansions; 2.2e19 rows",
    paper="Cai et al. 2020, https://arxiv.org/abs/1908.09791",
    size=(9**2 + 9**3 + 9**4) ** 5,
    buildable=True,
)
class OFAMobileNetV3(MBConvSpace, ConditionalSpace):
    """Once-for-All's MobileNetV3 of width 1.0 (Cai et al. 2020, https://arxiv.org/abs/1908.09791).

    A row holds the depth of each of five stages (2, 3, 4), then the kernel (3, 5, 7) and then the expansion (3, 4, 6) of each of
    twenty layers; both are inactive, hence 0, in layers beyond the depth of their stage.

    The notation is the paper's dictionary, ``{"ks": [...], "e": [...], "d": [...]}`` with 20, 20 and 5 numbers. Published tables
    leave what they like in the layers beyond the depth; here such a layer is written as 3. They also name a resolution, ``"r":
    [224]``, which is read over: it belongs to the task, ``task="imagenet-160"`` or ``Task((3, 160, 160), 1000)``.

    The network: 3x3 convolution of stride two, a block without expansion, the five stages, a 1x1 convolution to six times the last
    channels, pooling, a 1x1 convolution to ``head`` channels, classifier. Stages 2, 4 and 5 have squeeze and excitation. No
    two rows are the same function.

    Examples:
        >>> space = OFAMobileNetV3()
        >>> largest = space.parse('{"ks": ' + str([7] * 20) + ', "e": ' + str([6] * 20) + ', "d": [4, 4, 4, 4, 4]}')
        >>> space.costs(largest)["params"]
        array([7664760.])
    """

    name = "ofa-mobilenetv3"
    operations: Mapping[str, Operation] = {
        f"k{k}_e{e}": Operation(CONVOLUTION, weight=e, reach=k) for k in KERNELS for e in EXPANSIONS
    }
    cardinalities = (3,) * (STAGES + 2 * STAGES * LAYERS)
    columns = (
        *(f"d{stage}" for stage in range(1, STAGES + 1)),
        *(f"{kind}{layer}" for kind in "ke" for layer in range(1, STAGES * LAYERS + 1)),
    )
    numbers = (DEPTHS,) * STAGES + (KERNELS,) * STAGES * LAYERS + (EXPANSIONS,) * STAGES * LAYERS
    conditions = tuple(
        Condition(f"{kind}{LAYERS * stage + layer + 1}", f"d{stage + 1}", values)
        for kind in "ke"
        for stage in range(STAGES)
        for layer, values in ((2, (1, 2)), (3, (2,)))
    )
    sizes: Mapping[str, int] = {"width": STEM, "head": 1280}
    tasks: Mapping[str, Task] = {
        **MBConvSpace.tasks,
        **{f"imagenet-{side}": Task((3, side, side), 1000) for side in RESOLUTIONS},
    }

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        network = _dictionary(text)
        row: list[int] = []
        for key, values, many in (
            ("d", DEPTHS, STAGES),
            ("ks", KERNELS, STAGES * LAYERS),
            ("e", EXPANSIONS, STAGES * LAYERS),
        ):
            found = network.get(key)
            if not isinstance(found, (list, tuple)) or len(found) != many:
                raise InvalidInputError(f"{key!r} must be a list of {many} numbers")
            depths = [DEPTHS[value] for value in row[:STAGES]]
            for place, value in enumerate(found):
                used = key == "d" or place % LAYERS < depths[place // LAYERS]
                if used and value not in values:
                    raise InvalidInputError(f"{key}[{place}] is {str(value)[:20]}, not one of {values}")
                row.append(values.index(value) if used else 0)
        return row

    def format(self, archs: ArrayLike) -> list[str]:
        rows = self.validate(archs)
        depths, kernels, expansions = _split(rows)
        return [
            json.dumps({"ks": k, "e": e, "d": d})
            for d, k, e in zip(depths.tolist(), kernels.tolist(), expansions.tolist(), strict=True)
        ]

    # -- network ------------------------------------------------------------------------------------------------------

    def layers(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        _, kernels, expansions = np.split(archs, [STAGES, STAGES + STAGES * LAYERS], axis=1)
        return gathered(np.where(_there(archs), len(EXPANSIONS) * kernels + expansions, ABSENT))

    def chain(self, rows: NDArray[np.int64], *, channels: int, classes: int, width: int, head: int) -> Chain:
        _, kernels, expansions = _split(rows)
        there = _there(rows)
        c = scaled(STEM, width, STEM)
        layers: list[Conv | Block] = [
            Conv(channels, c, 3, 2, "hardswish"),
            Block(c, c, c, 3, expand=False),
        ]
        for layer in range(STAGES * LAYERS):
            stage, first = layer // LAYERS, layer % LAYERS == 0
            wide = scaled(WIDTHS[stage], width, STEM)
            mid = c * expansions[:, layer]
            layers.append(
                Block(
                    c,
                    mid,
                    wide,
                    kernels[:, layer],
                    STRIDES[stage] if first else 1,
                    ACTIVATIONS[stage],
                    squeeze=to_multiple_of_8(mid // 4) if GATED[stage] else 0,
                    gate=("relu", "hardsigmoid"),
                    there=there[:, layer],
                )
            )
            c = wide
        last = max(EXPANSIONS) * c
        return Chain(
            (*layers, Conv(c, last, activation="hardswish")),
            (Conv(last, head, activation="hardswish", norm=False),),
            classes,
        )


def _there(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """``(n, 20)``: whether each layer is within the depth of its stage."""
    return np.tile(np.arange(LAYERS), STAGES) < np.repeat(np.array(DEPTHS)[rows[:, :STAGES]], LAYERS, axis=1)


def _split(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Depths ``(n, 5)``, kernels and expansions ``(n, 20)`` in plain numbers."""
    parts = np.split(rows, [STAGES, STAGES + STAGES * LAYERS], axis=1)
    return [np.array(values)[part] for values, part in zip((DEPTHS, KERNELS, EXPANSIONS), parts, strict=True)]


def _dictionary(text: str) -> Mapping[str, Any]:
    """A dictionary that is written as JSON or as Python writes it; nothing is evaluated."""
    if len(text) > LONGEST_TEXT:
        raise InvalidInputError("the text is too long")
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInputError('expected {"ks": [20 kernels], "e": [20 expansions], "d": [5 depths]}')
    return found
