"""What networks of layers cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.graphs import ABSENT
from archcast.spaces.layer_graphs.layers import LABELS, Layers, channels_of, is_pool, loose_ends

__all__ = ["costs"]


def costs(
    layers: Layers, shape: Shape, convention: str, *, channels: int, classes: int
) -> dict[str, NDArray[np.float64]]:
    """Costs of ``n`` networks.

    Args:
        layers: of the networks.
        shape: height and width of an image.
        convention: of counting.
        channels, classes: of the task.
    """
    n, many = layers.labels.shape
    tally, each = Tally(n, convention), np.arange(n)
    pyramid = [shape]
    for _ in range(many):
        pyramid.append(halved(pyramid[-1]))
    sides: NDArray[np.int64] = np.array(pyramid)
    wide = np.pad(channels_of(layers, channels), ((0, 0), (0, 1)))  # the last place stands for no feature
    halvings, depth = np.zeros((2, n, many + 2), dtype=np.int64)
    for k in range(many):
        label, sources, out = layers.labels[:, k], layers.sources[:, k].T, wide[:, k + 1]
        level = np.maximum(*(halvings[each, source] for source in sources))
        size = (sides[level, 0], sides[level, 1])
        for source in sources:
            down = level - halvings[each, source]
            tally.pool(wide[each, source], 1 << down, size, times=(source >= 0) & (down > 0))
        first, second = (wide[each, source] for source in sources)
        steps = np.zeros((2, n), dtype=np.int64)
        for code, name in enumerate(LABELS[:-1]):
            here = label == code
            if name == "add":
                _unit(tally, second, out, 1, size, here, rectified=False)
                steps[1] += here
            elif name == "concat":
                _unit(tally, first + second, out, 1, size, here)
                steps += here
            elif "pool" in name:
                smaller = (sides[np.minimum(level + 1, many), 0], sides[np.minimum(level + 1, many), 1])
                tally.pool(first + second, 2, smaller, times=here)
            else:
                _unit(tally, first + second, out, int(name[-1]), size, here)
                if name.startswith("res"):
                    _unit(tally, out, out, int(name[-1]), size, here)
                    _unit(tally, first + second, out, 1, size, here & (first + second != out), rectified=False)
                steps += here * (2 if name.startswith("res") else 1)
        halvings[:, k + 1] = (level + is_pool(label)) * (label != ABSENT)
        deep = [depth[each, source] + step for source, step in zip(sources, steps, strict=True)]
        deep[1] = np.where(sources[1] >= 0, deep[1], 0)
        depth[:, k + 1] = np.maximum(*deep) * (label != ABSENT)
    ends = loose_ends(layers)
    for k in range(many + 1):
        level = halvings[:, k]
        tally.global_pool(wide[:, k], (sides[level, 0], sides[level, 1]), times=ends[:, k])
    given = (wide[:, :-1] * ends).sum(axis=1)
    for units in layers.dense.T:
        tally.linear(given, units, times=units > 0)
        tally.relu(units, (1, 1), times=units > 0)
        given = np.where(units > 0, units, given)
    tally.linear(given, classes)
    deepest = np.where(ends, depth[:, :-1], 0).max(axis=1)
    return tally.costs(deepest + (layers.dense > 0).sum(axis=1) + 1, shape[0])


def _unit(
    tally: Tally, c_in: Count, c_out: Count, kernel: int, out: Shape, times: Count, *, rectified: bool = True
) -> None:
    """Convolution, batch norm, ReLU."""
    tally.conv(c_in, c_out, kernel, out, times=times)
    tally.norm(c_out, out, times=times)
    if rectified:
        tally.relu(c_out, out, times=times)
