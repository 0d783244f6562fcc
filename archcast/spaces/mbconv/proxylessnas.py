"""ProxylessNAS: 21 blocks in six stages, each with a kernel and an expansion, or left out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import CONVOLUTION, IDENTITY, Operation
from archcast.spaces.base import register
from archcast.spaces.mbconv.layers import Block, Chain, Conv, scaled, strides_of
from archcast.spaces.mbconv.space import MBConvSpace, skips_last

__all__ = ["ProxylessNAS"]

STAGES, STRIDES = (4, 4, 4, 4, 4, 1), (2, 2, 2, 1, 2, 1)
CHOICES = tuple((kernel, expansion) for kernel in (3, 5, 7) for expansion in (3, 6))
NAMES = tuple(f"k{kernel}e{expansion}" for kernel, expansion in CHOICES)
SKIP = len(CHOICES)


@register(
    "proxylessnas",
    summary="21 MobileNetV2 blocks in 6 stages: kernel and expansion, or left out; 2.2e17 rows",
    paper="Cai et al. 2019, https://arxiv.org/abs/1812.00332",
    size=(6 * 7**3) ** 5 * 6,
    buildable=True,
)
class ProxylessNAS(MBConvSpace):
    """ProxylessNAS on ImageNet (Cai et al. 2019, https://arxiv.org/abs/1812.00332).

    A row holds the kind of 21 layers in stages of 4, 4, 4, 4, 4 and 1: 0 to 5 are blocks of kernel 3, 3, 5, 5, 7, 7 and expansion
    3, 6, 3, 6, 3, 6; 6 leaves the layer out, which the first of a stage does not allow. The notation is a word a layer, ``-`` where
    it is left out: ``k5e3 k3e3 - - k7e3 ...``. NNI's dictionary, ``{"s2_depth": 4, "s2_i0": "k3e6", ...}``, is read too.

    Where in a stage a layer is left out makes no difference. Channels are those of ProxylessNAS-mobile; the networks for GPU and
    CPU have others, so a subclass with other ``widths`` is their space.

    Attributes:
        widths: channels of the stem, of the block before the first stage, and of the stages.

    Examples:
        >>> space = ProxylessNAS()
        >>> row = space.parse("k3e6 - k5e3 - " + "k3e3 - - - " * 4 + "k7e6")
        >>> space.format(space.canonical(row))[0][:21]
        'k3e6 k5e3 - - k3e3 - '
    """

    name = "proxylessnas"
    operations: Mapping[str, Operation] = {
        **{f"k{k}_e{e}": Operation(CONVOLUTION, weight=e, reach=k) for k, e in CHOICES},
        "skip": Operation(IDENTITY),
    }
    cardinalities = tuple(SKIP if k == 0 else SKIP + 1 for layers in STAGES for k in range(layers))
    columns = tuple(f"s{s}_i{k}" for s, layers in enumerate(STAGES, start=2) for k in range(layers))
    widths: tuple[int, ...] = (32, 16, 32, 40, 80, 96, 192, 320)
    sizes: Mapping[str, int] = {"width": 32, "head": 1280}

    # -- rows ---------------------------------------------------------------------------------------------------------

    def function_keys(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        return skips_last(archs, STAGES, SKIP)

    def canonical(self, archs: ArrayLike) -> NDArray[np.int64]:
        """The rows with the layers that are left out at the end of their stage."""
        return self.function_keys(self.validate(archs))

    def _parse(self, text: str) -> list[int]:
        words = _words(text) if text.startswith("{") else text.split(" ")
        if len(words) != len(self.columns):
            raise InvalidInputError(f"expected {len(self.columns)} words such as k3e6 or -, got {len(words)}")
        row = []
        for column, word in zip(self.columns, words, strict=True):
            if word not in (*NAMES, "-") or (word == "-" and column.endswith("_i0")):
                allowed = ", ".join(NAMES) + ("" if column.endswith("_i0") else " or -")
                raise InvalidInputError(f"layer {column} is {word[:20]!r}, not {allowed}")
            row.append((*NAMES, "-").index(word))
        return row

    def format(self, archs: ArrayLike) -> list[str]:
        return [" ".join((*NAMES, "-")[op] for op in row) for row in self.validate(archs).tolist()]

    # -- network ------------------------------------------------------------------------------------------------------

    def chain(self, rows: NDArray[np.int64], *, channels: int, classes: int, width: int, head: int) -> Chain:
        stem, first, *wide = (scaled(c, width, self.widths[0]) for c in self.widths)
        layers: list[Conv | Block] = [
            Conv(channels, stem, 3, 2, "relu6"),
            Block(stem, stem, first, 3, activation="relu6", expand=False),
        ]
        kernels, expansions = (np.array([*values, 1])[rows] for values in zip(*CHOICES, strict=True))
        c = first
        for column, (stage, stride) in enumerate(strides_of(STAGES, STRIDES)):
            layers.append(
                Block(
                    c,
                    c * expansions[:, column],
                    wide[stage],
                    kernels[:, column],
                    stride,
                    "relu6",
                    there=rows[:, column] != SKIP,
                )
            )
            c = wide[stage]
        return Chain((*layers, Conv(c, head, activation="relu6")), (), classes)


def _words(text: str) -> list[str]:
    """The words of NNI's dictionary."""
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise InvalidInputError("a text that begins with { must be JSON") from None
    words: list[str] = []
    for s, layers in enumerate(STAGES, start=2):
        depth = found.get(f"s{s}_depth", layers if layers == 1 else None)
        if not isinstance(depth, int) or not 1 <= depth <= layers:
            raise InvalidInputError(f"s{s}_depth must be a whole number from 1 to {layers}, got {str(depth)[:20]}")
        for k in range(layers):
            word = str(found.get(f"s{s}_i{k}", "")) if k < depth else "-"
            if not re.fullmatch(r"k\de\d|-", word):
                raise InvalidInputError(f"s{s}_i{k} must be one of {', '.join(NAMES)}, got {word[:20]!r}")
            words.append(word)
    return words
