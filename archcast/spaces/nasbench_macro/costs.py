"""What the networks of NAS-Bench-Macro cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Shape, Tally, halved
from archcast.spaces.nasbench_macro.layers import EXPANSION, HEAD, KERNEL, STAGES

__all__ = ["costs"]

LAYERS_OF_A_BLOCK = 3


def costs(
    rows: NDArray[np.int64], shape: Shape, convention: str, *, channels: int, classes: int, width: int, depth: int
) -> dict[str, NDArray[np.float64]]:
    """Costs of the networks of ``n`` rows.

    Args:
        rows: ``(n, 8)``.
        shape: height and width of an image.
        convention: of counting.
        channels, classes: of the task.
        width, depth: of the network.
    """
    tally = Tally(len(rows), convention)
    image, head = shape, HEAD * width
    tally.conv(channels, width, 3, shape)
    tally.norm(width, shape)
    tally.relu(width, shape)
    layers = np.full(len(rows), 1 + 1 + 1)  # stem, the convolution before the head, classifier
    columns = iter(rows.T)
    for stage in STAGES:
        for k in range(stage):
            ops = next(columns)
            if k == 0:
                _layer(tally, ops, width, 2 * width, shape, halved(shape), times=1)
                layers += np.where(ops == 0, 1, 0)
                width, shape = 2 * width, halved(shape)
            _layer(tally, ops, width, width, shape, shape, times=depth - (k == 0))
            layers += LAYERS_OF_A_BLOCK * depth * (ops > 0)
    tally.conv(width, head, 1, shape)
    tally.norm(head, shape)
    tally.relu(head, shape)
    tally.global_pool(head, shape)
    tally.linear(head, classes)
    return tally.costs(layers, image[0])


def _layer(
    tally: Tally, ops: NDArray[np.int64], c_in: int, c_out: int, given: Shape, out: Shape, *, times: int
) -> None:
    """One layer of each network: an inverted residual block, or the identity, a strided 1x1 convolution if channels change."""
    for op in range(1, len(KERNEL)):
        hidden, here = c_in * EXPANSION[op], times * (ops == op)
        tally.conv(c_in, hidden, 1, given, times=here)
        tally.norm(hidden, given, times=here)
        tally.relu(hidden, given, times=here)
        tally.conv(hidden, hidden, KERNEL[op], out, groups=hidden, times=here)
        tally.norm(hidden, out, times=here)
        tally.relu(hidden, out, times=here)
        tally.conv(hidden, c_out, 1, out, times=here)
        tally.norm(c_out, out, times=here)
    if c_in != c_out:
        tally.conv(c_in, c_out, 1, out, times=times * (ops == 0))
        tally.norm(c_out, out, times=times * (ops == 0))
