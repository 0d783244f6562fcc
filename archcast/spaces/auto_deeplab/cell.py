"""The cells of Auto-DeepLab, and which parts of a network of them its output depends on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.graphs import CONVOLUTION, IDENTITY, NOTHING, POOLING, Operation
from archcast.spaces.darts.cell import INPUTS, CellKind

__all__ = ["ATROUS", "BLOCKS", "KIND", "LAYERS", "LEVELS", "NONE", "STEM", "used_inputs"]

LAYERS, LEVELS, BLOCKS = 12, 4, 5
STEM = 3
"""Convolutions before the first cell."""
ATROUS = 24
"""Rate of the atrous convolution of the head at a quarter of the resolution; it covers as much of the image at the others."""
DECLARED = {  # depthwise convolutions have few weights, and separable ones are applied twice
    "none": Operation(NOTHING),
    "max_pool_3x3": Operation(POOLING, reach=3),
    "avg_pool_3x3": Operation(POOLING, reach=3),
    "skip_connect": Operation(IDENTITY),
    "sep_conv_3x3": Operation(CONVOLUTION, weight=2.5, reach=5),
    "sep_conv_5x5": Operation(CONVOLUTION, weight=3.5, reach=9),
    "dil_conv_3x3": Operation(CONVOLUTION, weight=1.2, reach=5),
    "dil_conv_5x5": Operation(CONVOLUTION, weight=1.6, reach=9),
}
KIND = CellKind(BLOCKS, DECLARED, repeats=True)
NONE = KIND.operations.index("none")


def used_inputs(cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """``(n, 2)``: some operation that passes something on takes in the input of the cell ``(n, 20)``.

    Examples:
        >>> used_inputs(np.array([[0, NONE, 1, 4, *[1, 4] * 8]])).tolist()
        [[False, True]]
    """
    sources = np.where(cells[:, 1::2] == NONE, INPUTS, cells[:, 0::2])
    return np.asarray((sources[:, :, None] == np.arange(INPUTS)).any(axis=1))
