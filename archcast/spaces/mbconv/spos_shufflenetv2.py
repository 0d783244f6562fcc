"""SPOS' space of ShuffleNetV2 units: 20 units, each of one of four kinds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import CONVOLUTION, Operation
from archcast.spaces.base import register
from archcast.spaces.mbconv.layers import Chain, Conv, Layer, Shuffle, scaled, strides_of
from archcast.spaces.mbconv.space import MBConvSpace

__all__ = ["SPOSShuffleNetV2"]

STEM, STAGES, WIDTHS = 16, (4, 4, 8, 4), (64, 160, 320, 640)
KERNELS = (3, 5, 7, 3)
XCEPTION = 3
UNITS = sum(STAGES)


@register(
    "spos-shufflenetv2",
    summary="20 ShuffleNetV2 units: kernel 3, 5 or 7, or Xception; 1.1e12 rows",
    paper="Guo et al. 2020, https://arxiv.org/abs/1904.00420",
    size=4**20,
    buildable=True,
)
class SPOSShuffleNetV2(MBConvSpace):
    """The space of Single Path One-Shot (Guo et al. 2020, https://arxiv.org/abs/1904.00420).

    A row holds the kind of 20 units in stages of 4, 4, 8 and 4, of which the first halves the resolution: 0, 1, 2 are kernels 3, 5,
    7; 3 is the Xception kind, with three depthwise convolutions of kernel 3. The notation is the tuple, ``(2, 1, 0, 1, ...)``.
    The classifier has no bias. All rows are different functions.

    Examples:
        >>> space = SPOSShuffleNetV2()
        >>> row = space.parse("(2, 1, 0, 1, 2, 0, 2, 0, 2, 0, 2, 3, 0, 0, 0, 0, 3, 2, 3, 3)")
        >>> costs = space.costs(row)
        >>> costs["params"], costs["macs"]
        (array([3558464.]), array([3.2291872e+08]))
    """

    name = "spos-shufflenetv2"
    operations: Mapping[str, Operation] = {
        **{f"shuffle_{k}x{k}": Operation(CONVOLUTION, weight=0.5, reach=k) for k in KERNELS[:XCEPTION]},
        "xception": Operation(CONVOLUTION, weight=0.75, reach=7),
    }
    cardinalities = (len(KERNELS),) * UNITS
    columns = tuple(f"unit{k}" for k in range(1, UNITS + 1))
    sizes: Mapping[str, int] = {"width": STEM, "head": 1024}

    def _parse(self, text: str) -> list[int]:
        numbers = rf"\s*[0-3](\s*,\s*[0-3]){{{UNITS - 1}}}\s*"
        if not re.fullmatch(rf"\({numbers}\)|\[{numbers}\]", text):
            raise InvalidInputError(f"expected a tuple of {UNITS} whole numbers from 0 to {XCEPTION}")
        return [int(kind) for kind in json.loads(f"[{text[1:-1]}]")]

    def format(self, archs: ArrayLike) -> list[str]:
        return [str(tuple(row)) for row in self.validate(archs).tolist()]

    def chain(self, rows: NDArray[np.int64], *, channels: int, classes: int, width: int, head: int) -> Chain:
        c = scaled(STEM, width, STEM)
        layers: list[Layer] = [Conv(channels, c, 3, 2, "relu")]
        for column, (stage, stride) in enumerate(strides_of(STAGES, (2,) * len(STAGES))):
            wide, kind = scaled(WIDTHS[stage], width, STEM), rows[:, column]
            layers.append(Shuffle(c, wide // 2, wide, np.array(KERNELS)[kind], stride, kind == XCEPTION))
            c = wide
        return Chain((*layers, Conv(c, head, activation="relu")), (), classes, bias=False)
