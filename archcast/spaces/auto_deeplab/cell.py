"""The cells of Auto-DeepLab, and which parts of a network of them its output depends on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.graphs import CONVOLUTION, IDENTITY, NOTHING, POOLING, Operation
from archcast.spaces.darts.cell import INPUTS, CellKind

__all__ = ["BLOCKS", "KIND", "LAYERS", "LEVELS", "LOW", "NONE", "RATES", "STEM", "living", "low_layer", "used_inputs"]

LAYERS, LEVELS, BLOCKS = 12, 4, 5
STEM = 3
"""Convolutions before the first cell."""
RATES = (24, 48, 72)
"""Rates of the atrous convolutions of the head at a quarter of the resolution; they cover as much of the image at the others."""
LOW = 48
"""Channels to which the decoder reduces the features at a quarter of the resolution."""
DECLARED = {  # separable convolutions have few weights and are applied twice, atrous ones are full
    "none": Operation(NOTHING),
    "max_pool_3x3": Operation(POOLING, reach=3),
    "avg_pool_3x3": Operation(POOLING, reach=3),
    "skip_connect": Operation(IDENTITY),
    "sep_conv_3x3": Operation(CONVOLUTION, weight=2.5, reach=5),
    "sep_conv_5x5": Operation(CONVOLUTION, weight=3.5, reach=9),
    "dil_conv_3x3": Operation(CONVOLUTION, weight=9, reach=5),
    "dil_conv_5x5": Operation(CONVOLUTION, weight=25, reach=9),
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


def low_layer(levels: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(n,)`` the layer whose output the decoder takes in: the last one before the path ``(n, 12)`` leaves a quarter of the
    resolution; -1, the stem, where the first layer does.

    Examples:
        >>> low_layer(np.array([[0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1], [1] * 12]))
        array([ 2, -1])
    """
    return np.asarray(np.cumprod(levels == 0, axis=1).sum(axis=1) - 1)


def living(levels: NDArray[np.int64], used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``(n, 12)`` the layers on which the output depends: the last one, that of the decoder, and what these take in.

    Args:
        levels: ``(n, 12)``.
        used: ``(n, 2)`` the inputs that cells take in.

    Examples:
        >>> alive = living(np.array([[0] + [1] * 11]), np.array([[True, False]]))
        >>> alive.astype(int)
        array([[1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]])
    """
    last = levels.shape[1] - 1
    alive = np.arange(levels.shape[1]) == np.stack([np.full(len(levels), last), low_layer(levels)])[:, :, None]
    alive = alive.any(axis=0)
    for k in range(last, 0, -1):
        alive[:, k - 1] |= alive[:, k] & used[:, 1]
        if k > 1:
            alive[:, k - 2] |= alive[:, k] & used[:, 0]
    return np.asarray(alive)
