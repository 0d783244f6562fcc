"""FBNet: 22 blocks in seven stages, each of eight kinds or left out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import CONVOLUTION, IDENTITY, Operation
from archcast.spaces.base import register
from archcast.spaces.mbconv.layers import Block, Chain, Conv, Layer, scaled, strides_of
from archcast.spaces.mbconv.space import MBConvSpace, skips_last

__all__ = ["FBNet"]

STEM, STAGES = 16, (1, 4, 4, 4, 4, 4, 1)
WIDTHS, STRIDES = (16, 24, 32, 64, 112, 184, 352), (1, 2, 2, 2, 1, 2, 1)
CHOICES = tuple((kernel, *kind) for kernel in (3, 5) for kind in ((1, 1), (1, 2), (3, 1), (6, 1)))
"""Kernel, expansion, groups of the 1x1 convolutions."""
SKIP = len(CHOICES)


@register(
    "fbnet",
    summary="22 MobileNetV2 blocks in 7 stages, of 8 kinds or left out; 9.8e20 rows",
    paper="Wu et al. 2019, https://arxiv.org/abs/1812.03443",
    size=9**22,
    buildable=True,
)
class FBNet(MBConvSpace):
    """FBNet on ImageNet (Wu et al. 2019, https://arxiv.org/abs/1812.03443), as HW-NAS-Bench numbers it.

    A row holds the kind of 22 layers in stages of 1, 4, 4, 4, 4, 4 and 1: 0 to 3 are blocks of kernel 3 with expansion 1, 1, 3, 6,
    of which the second has two groups in its 1x1 convolutions, with a shuffle after the first; 4 to 7 are the same with
    kernel 5; 8 leaves the layer out, or is a 1x1 convolution where the shape changes. The notation is the list,
    ``[0, 3, 0, 0, 8, ...]``; 22 digits are read too.

    In a stage after its first layer it makes no difference where a layer is left out.

    Examples:
        FBNet-C, with the head of its paper:

        >>> space = FBNet()
        >>> row = space.parse("0300876737677777677773")
        >>> space.costs(row)["params"]
        array([5572200.])
    """

    name = "fbnet"
    operations: Mapping[str, Operation] = {
        **{
            f"k{k}_e{e}{'_g2' if groups > 1 else ''}": Operation(CONVOLUTION, weight=e / groups, reach=k)
            for k, e, groups in CHOICES
        },
        "skip": Operation(IDENTITY),
    }
    cardinalities = (SKIP + 1,) * sum(STAGES)
    columns = tuple(f"layer{k}" for k in range(1, sum(STAGES) + 1))
    sizes: Mapping[str, int] = {"width": STEM, "head": 1984}

    # -- rows ---------------------------------------------------------------------------------------------------------

    def function_keys(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        return skips_last(archs, STAGES, SKIP)

    def canonical(self, archs: ArrayLike) -> NDArray[np.int64]:
        """The rows with the layers that are left out at the end of their stage."""
        return self.function_keys(self.validate(archs))

    def _parse(self, text: str) -> list[int]:
        many = len(self.columns)
        if re.fullmatch(rf"[0-8]{{{many}}}", text):
            return [int(digit) for digit in text]
        if re.fullmatch(rf"\[\s*[0-8](\s*,\s*[0-8]){{{many - 1}}}\s*\]", text):
            return [int(op) for op in json.loads(text)]
        raise InvalidInputError(f"expected a list of {many} whole numbers from 0 to {SKIP}")

    def format(self, archs: ArrayLike) -> list[str]:
        return [str(row) for row in self.validate(archs).tolist()]

    # -- network ------------------------------------------------------------------------------------------------------

    def chain(self, rows: NDArray[np.int64], *, channels: int, classes: int, width: int, head: int) -> Chain:
        c = scaled(STEM, width, STEM)
        layers: list[Layer | tuple[Layer, ...]] = [Conv(channels, c, 3, 2, "relu")]
        before = STEM
        kernels, expansions, groups = (np.array([*values, 1])[rows] for values in zip(*CHOICES, strict=True))
        for column, (stage, stride) in enumerate(strides_of(STAGES, STRIDES)):
            wide, skipped = scaled(WIDTHS[stage], width, STEM), rows[:, column] == SKIP
            block = Block(
                c,
                c * expansions[:, column],
                wide,
                kernels[:, column],
                stride,
                "relu",
                groups=groups[:, column],
                there=~skipped,
            )
            changes = stride > 1 or WIDTHS[stage] != before
            layers.append((block, Conv(c, wide, 1, stride, "relu", there=skipped)) if changes else block)
            c, before = wide, WIDTHS[stage]
        return Chain((*layers, Conv(c, head, activation="relu")), (), classes)
