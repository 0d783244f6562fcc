"""What networks with dense prediction cells cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.spaces.dpc.branches import OPERATIONS

__all__ = ["costs"]

HALVINGS = 4


def costs(
    operations: NDArray[np.int64],
    inputs: NDArray[np.int64],
    shape: Shape,
    convention: str,
    *,
    channels: int,
    outputs: tuple[int, ...],
    width: int,
    backbone: int,
) -> dict[str, NDArray[np.float64]]:
    """Costs of the networks of ``n`` cells.

    Args:
        operations, inputs: ``(n, 5)`` of each branch; 0 is the backbone.
        shape: height and width of an image.
        convention: of counting.
        channels, outputs: of the task.
        width, backbone: channels of a branch, and of what the cell reads.
    """
    n, image = len(operations), shape
    tally, c = Tally(n, convention), channels
    for k in range(HALVINGS):
        shape, wide = halved(shape), max(backbone >> (HALVINGS - 1 - k), 1)
        _unit(tally, c, wide, 3, shape)
        c = wide
    layers = np.full((n, 1 + operations.shape[1]), HALVINGS)
    rates = np.array([branch.rate is not None for branch in OPERATIONS])
    for k in range(operations.shape[1]):
        given = np.where(inputs[:, k] > 0, width, backbone)
        atrous = rates[operations[:, k]]
        _unit(tally, given, given, 3, shape, groups=given, times=atrous)
        _unit(tally, given, width, 1, shape, times=atrous | (operations[:, k] == 0))
        for op, branch in enumerate(OPERATIONS):
            if branch.grid is not None:
                times = operations[:, k] == op
                if branch.grid == (1, 1):
                    tally.global_pool(given, shape, times=times)
                _unit(tally, given, width, 1, branch.grid, times=times)
        layers[:, k + 1] = layers[np.arange(n), inputs[:, k]] + 1 + atrous
    tally.conv(operations.shape[1] * width, outputs[0], 1, shape, bias=True)
    if len(outputs) == 1:
        tally.global_pool(outputs[0], shape)
    return tally.costs(layers.max(axis=1) + 1, image[0])


def _unit(
    tally: Tally, c_in: Count, c_out: Count, kernel: int, out: Shape, *, groups: Count = 1, times: Count = 1
) -> None:
    """Convolution, batch norm, ReLU."""
    tally.conv(c_in, c_out, kernel, out, groups=groups, times=times)
    tally.norm(c_out, out, times=times)
    tally.relu(c_out, out, times=times)
