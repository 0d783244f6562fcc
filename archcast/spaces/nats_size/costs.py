"""What the networks of NATS-Bench's size space cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Shape, Tally, halved
from archcast.spaces.nasbench201.costs import conv_edge, residual

__all__ = ["costs"]

LAYERS_OF_A_CELL = 3
LAYERS_OF_A_REDUCTION = 2


def costs(
    rows: NDArray[np.int64], shape: Shape, convention: str, *, channels: int, classes: int, width: int, depth: int
) -> dict[str, NDArray[np.float64]]:
    """Costs of the networks of ``n`` rows.

    Args:
        rows: ``(n, 5)``.
        shape: height and width of an image.
        convention: of counting.
        channels, classes: of the task.
        width, depth: of the network.
    """
    tally = Tally(len(rows), convention)
    sizes = (width * (rows + 1)).T
    image = shape
    tally.conv(channels, sizes[0], 3, shape)
    tally.norm(sizes[0], shape)
    c_in = sizes[0]
    for layer, c in enumerate(sizes):
        if layer % 2:
            residual(tally, c_in, c, shape)
            shape = halved(shape)
        else:
            _cell(tally, c_in, c, shape, times=1)
            _cell(tally, c, c, shape, times=depth - 1)
        c_in = c
    tally.norm(c_in, shape)
    tally.relu(c_in, shape)
    tally.global_pool(c_in, shape)
    tally.linear(c_in, classes)
    layers = 1 + 3 * depth * LAYERS_OF_A_CELL + 2 * LAYERS_OF_A_REDUCTION + 1
    return tally.costs(layers, image[0])


def _cell(tally: Tally, c_in: NDArray[np.int64], c_out: NDArray[np.int64], shape: Shape, *, times: int) -> None:
    """Two convolutions from the input, three behind them, and a skip, projected where the number of channels changes."""
    conv_edge(tally, c_in, c_out, 3, shape, times=2 * times)
    conv_edge(tally, c_out, c_out, 3, shape, times=3 * times)
    projected = times * (c_in != c_out)
    tally.conv(c_in, c_out, 1, shape, times=projected)
    tally.norm(c_out, shape, times=projected)
