"""Accel-NASBench: EfficientNet's seven stages, each with an expansion, a kernel, a number of layers, and a gate or none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT, CONVOLUTION, Operation
from archcast.spaces.base import register
from archcast.spaces.mbconv.layers import Block, Chain, Conv, scaled
from archcast.spaces.mbconv.space import MBConvSpace, gathered

__all__ = ["AccelNASBench"]

EXPANSIONS, KERNELS, GATES = (1, 4, 6), (3, 5), (0, 1)
MOST = (3, 3, 3, 3, 3, 4, 3)
"""Largest number of layers of each stage."""
BLOCKS = len(MOST)
VALUES: tuple[tuple[int, ...], ...] = tuple(
    values for most in MOST for values in (EXPANSIONS, KERNELS, tuple(range(1, most + 1)), GATES)
)
"""What the values of each column stand for."""
STEM, WIDTHS, STRIDES = 32, (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 2, 1, 2, 1)
KINDS = ("e", "k", "l", "se")


@register(
    "accel-nasbench",
    summary="EfficientNet's 7 stages: expansion, kernel, number of layers, gate; 1.04e11 rows",
    paper="Ahmad et al. 2024, https://arxiv.org/abs/2404.08005",
    size=(3 * 2 * 2) ** 7 * 3**6 * 4,
    buildable=True,
)
class AccelNASBench(MBConvSpace):
    """Accel-NASBench (Ahmad et al. 2024, https://arxiv.org/abs/2404.08005): MnasNet's space around EfficientNet-B0.

    A row holds, for each of seven stages, the expansion (1, 4, 6), the kernel (3, 5), the number of layers (1, 2, 3; in the sixth
    also 4), and whether there is squeeze and excitation; a value is a position in these lists. The notation is a line with a digit
    for each stage, ``e 6466611 k 3535533 l 1233222 se 0000000``; the dictionary of the published files, ``{"block0_e": 6, ...}``,
    is read too.

    Expansion 1 is a block without its first convolution. The gate has a quarter of the channels of the block's input. All rows
    are different functions.

    Examples:
        EfficientNet-B0:

        >>> space = AccelNASBench()
        >>> space.costs(space.parse("e 1666666 k 3353553 l 1223341 se 1111111"))["params"]
        array([5288548.])
    """

    name = "accel-nasbench"
    operations: Mapping[str, Operation] = {
        f"k{k}_e{e}{'_se' if gate else ''}": Operation(CONVOLUTION, weight=e, reach=k)
        for k in KERNELS
        for e in EXPANSIONS
        for gate in GATES
    }
    cardinalities = tuple(c for most in MOST for c in (len(EXPANSIONS), len(KERNELS), most, len(GATES)))
    columns = tuple(f"block{block}_{kind}" for block in range(BLOCKS) for kind in KINDS)
    numbers = VALUES
    sizes: Mapping[str, int] = {"width": STEM, "head": 1280}

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        values = _from_dictionary(text, self.columns) if text.startswith("{") else _from_line(text)
        row = []
        for column, allowed, value in zip(self.columns, VALUES, values, strict=True):
            if value not in allowed:
                raise InvalidInputError(f"{column} is {str(value)[:20]}, not one of {allowed}")
            row.append(allowed.index(value))
        return row

    def format(self, archs: ArrayLike) -> list[str]:
        rows = self.validate(archs)
        values = np.stack([np.array(allowed)[rows[:, j]] for j, allowed in enumerate(VALUES)], axis=1)
        lines = values.reshape(-1, BLOCKS, len(KINDS)).transpose(0, 2, 1).tolist()
        return [
            " ".join(f"{kind} {''.join(map(str, digits))}" for kind, digits in zip(KINDS, line, strict=True))
            for line in lines
        ]

    # -- network ------------------------------------------------------------------------------------------------------

    def layers(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        expansions, kernels, layers, gates = archs.reshape(-1, BLOCKS, len(KINDS)).transpose(2, 0, 1)
        ops = (kernels * len(EXPANSIONS) + expansions) * len(GATES) + gates
        within = np.concatenate([np.arange(most) for most in MOST])
        return gathered(np.where(within <= np.repeat(layers, MOST, axis=1), np.repeat(ops, MOST, axis=1), ABSENT))

    def chain(self, rows: NDArray[np.int64], *, channels: int, classes: int, width: int, head: int) -> Chain:
        expansions, kernels, layers, gates = rows.reshape(-1, BLOCKS, len(KINDS)).transpose(2, 1, 0)
        c = scaled(STEM, width, STEM)
        chain: list[Conv | Block] = [Conv(channels, c, 3, 2, "silu")]
        for stage, most in enumerate(MOST):
            wide, expansion = scaled(WIDTHS[stage], width, STEM), np.array(EXPANSIONS)[expansions[stage]]
            for k in range(most):
                chain.append(
                    Block(
                        c,
                        c * expansion,
                        wide,
                        np.array(KERNELS)[kernels[stage]],
                        STRIDES[stage] if k == 0 else 1,
                        "silu",
                        expand=expansion > 1,
                        squeeze=max(c // 4, 1) * gates[stage],
                        gate=("silu", "sigmoid"),
                        there=k <= layers[stage],
                    )
                )
                c = wide
        return Chain((*chain, Conv(c, head, activation="silu")), (), classes)


def _from_line(text: str) -> list[int]:
    """Values in the order of the columns."""
    digits = rf"(\d{{{BLOCKS}}})"
    found = re.fullmatch(r"\s+".join(rf"{kind}\s+{digits}" for kind in KINDS), text)
    if not found:
        raise InvalidInputError(
            f"expected a digit for each of {BLOCKS} blocks: e 6466611 k 3535533 l 1233222 se 0000000"
        )
    return [int(digit) for block in zip(*found.groups(), strict=True) for digit in block]


def _from_dictionary(text: str, columns: tuple[str, ...]) -> list[Any]:
    """Values in the order of the columns."""
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise InvalidInputError("a text that begins with { must be JSON") from None
    missing = [column for column in columns if column not in found]
    if missing:
        raise InvalidInputError(f"{missing[0]} is missing")
    return [found[column] for column in columns]
