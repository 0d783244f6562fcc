"""What the networks of Liu et al.'s hierarchical space cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.spaces.hierarchical.motifs import DECLARED, INNER, LAYERS, MOTIFS, OUTER, Parts, longest, merges

__all__ = ["costs"]

STAGES = 3


def costs(
    parts: Parts, shape: Shape, convention: str, *, channels: int, classes: int, width: int, depth: int
) -> dict[str, NDArray[np.float64]]:
    """Costs of the networks of ``n`` cells.

    Args:
        parts: of the cells.
        shape: height and width of an image.
        convention: of counting.
        channels, classes: of the task.
        width, depth: of the network.
    """
    n = len(parts.graph)
    tally, image = Tally(n, convention), shape
    uses = np.stack([(parts.graph == m + 1).sum(axis=1) for m in range(MOTIFS)], axis=1)
    times = {name: ((parts.motifs == op).sum(axis=2) * uses).sum(axis=1) for op, name in enumerate(DECLARED, start=1)}
    inner, outer = merges(parts.motifs > 0, INNER), merges(parts.graph > 0, OUTER)
    joined = {k: ((inner == k).sum(axis=2) * uses).sum(axis=1) + (outer == k).sum(axis=1) for k in range(2, 5)}
    _unit(tally, channels, width, 3, shape)
    for stage in range(STAGES):
        if stage:
            shape = halved(shape)
            _separable(tally, width, 2 * width, shape)
            width *= 2
        _unit(tally, width, width, 1, shape, times=depth * times["conv_1x1"])
        _unit(tally, width, width, 3, shape, groups=width, times=depth * times["depthwise_3x3"])
        _separable(tally, width, width, shape, times=depth * times["separable_3x3"])
        tally.pool(width, 3, shape, times=depth * (times["max_pool_3x3"] + times["avg_pool_3x3"]))
        for k, many in joined.items():
            _unit(tally, k * width, width, 1, shape, times=depth * many)
    tally.global_pool(width, shape)
    tally.linear(width, classes)
    motif = np.concatenate([np.zeros((n, 1), int), longest(LAYERS[parts.motifs], parts.motifs > 0, INNER)], axis=1)
    cell = longest(np.take_along_axis(motif, parts.graph, axis=1), parts.graph > 0, OUTER)
    return tally.costs(1 + STAGES * depth * cell + 2 * (STAGES - 1) + 1, image[0])


def _unit(tally: Tally, c_in: int, c_out: int, kernel: int, out: Shape, *, groups: int = 1, times: Count = 1) -> None:
    """Convolution, batch norm, ReLU."""
    tally.conv(c_in, c_out, kernel, out, groups=groups, times=times)
    tally.norm(c_out, out, times=times)
    tally.relu(c_out, out, times=times)


def _separable(tally: Tally, c_in: int, c_out: int, out: Shape, *, times: Count = 1) -> None:
    """Depthwise convolution, 1x1 convolution, batch norm, ReLU."""
    tally.conv(c_in, c_in, 3, out, groups=c_in, times=times)
    _unit(tally, c_in, c_out, 1, out, times=times)
