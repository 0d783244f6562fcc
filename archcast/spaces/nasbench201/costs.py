"""What the networks of NAS-Bench-201 cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved

__all__ = ["conv_edge", "costs", "longest_path", "residual"]

NONE, SKIP, CONV1, CONV3, POOL = range(5)


def costs(
    built: NDArray[np.int64],
    live: NDArray[np.bool_],
    shape: Shape,
    convention: str,
    *,
    channels: int,
    classes: int,
    width: int,
    depth: int,
    stages: int,
) -> dict[str, NDArray[np.float64]]:
    """Costs of the networks of ``n`` cells.

    Args:
        built: ``(n, 6)`` operation of each edge that is built, 0 for the others.
        live: ``(n, 6)`` the edges on a path from input to output.
        shape: height and width of an image.
        convention: of counting.
        channels, classes: of the task.
        width, depth, stages: of the network.
    """
    tally = Tally(len(built), convention)
    times = {op: (built == op).sum(axis=1) for op in (CONV1, CONV3, POOL)}
    image = shape
    tally.conv(channels, width, 3, shape)
    tally.norm(width, shape)
    for stage in range(stages):
        if stage:
            residual(tally, width, 2 * width, shape)
            width, shape = 2 * width, halved(shape)
        for op, kernel in ((CONV1, 1), (CONV3, 3)):
            conv_edge(tally, width, width, kernel, shape, times=depth * times[op])
        tally.pool(width, 3, shape, times=depth * times[POOL])
    tally.norm(width, shape)
    tally.relu(width, shape)
    tally.global_pool(width, shape)
    tally.linear(width, classes)
    learned = live & ((built == CONV1) | (built == CONV3))
    layers = 1 + stages * depth * longest_path(learned, live) + 2 * (stages - 1) + 1
    return tally.costs(layers, image[0])


def conv_edge(tally: Tally, c_in: Count, c_out: Count, kernel: int, shape: Shape, *, times: Count = 1) -> None:
    """ReLU, convolution of stride one, batch norm."""
    tally.relu(c_in, shape, times=times)
    tally.conv(c_in, c_out, kernel, shape, times=times)
    tally.norm(c_out, shape, times=times)


def residual(tally: Tally, c_in: Count, c_out: Count, shape: Shape, *, times: Count = 1) -> None:
    """The reduction block between stages, from maps of that shape to maps of half the height and width."""
    out = halved(shape)
    tally.relu(c_in, shape, times=times)
    tally.conv(c_in, c_out, 3, out, times=times)
    tally.norm(c_out, out, times=times)
    conv_edge(tally, c_out, c_out, 3, out, times=times)
    tally.pool(c_in, 2, out, times=times)
    tally.conv(c_in, c_out, 1, out, times=times)


def longest_path(learned: NDArray[np.bool_], live: NDArray[np.bool_]) -> NDArray[np.int64]:
    """``(n,)`` convolutions on the longest path through cells whose edges ``(n, 6)`` are live or not; 0 without a path."""
    steps = np.where(live, learned.astype(np.int64), -100).T
    one = steps[0]
    two = np.maximum(steps[1], one + steps[2])
    out = np.maximum(np.maximum(steps[3], one + steps[4]), two + steps[5])
    return np.maximum(out, 0)
