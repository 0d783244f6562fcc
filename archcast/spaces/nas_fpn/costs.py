"""What networks with pyramids of NAS-FPN cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.spaces.nas_fpn.merging import CELLS, FIRST, LEVELS, OUTPUTS, Merging, joined

__all__ = ["costs"]

BACKBONE = 5


def costs(
    cells: Merging,
    shape: Shape,
    convention: str,
    *,
    channels: int,
    outputs: tuple[int, ...],
    width: int,
    backbone: int,
    depth: int,
) -> dict[str, NDArray[np.float64]]:
    """Costs of the networks of ``n`` rows.

    Args:
        cells: of a pyramid.
        shape: height and width of an image.
        convention: of counting.
        channels, outputs: of the task.
        width: channels of all features of the pyramids.
        backbone: channels at a thirty-second of the resolution.
        depth: pyramids.
    """
    n, image = len(cells.levels), shape
    tally, c, shapes = Tally(n, convention), channels, []
    for k in range(1, FIRST + LEVELS):
        shape = halved(shape)
        wide = max(backbone >> max(BACKBONE - k, 0), 1)
        if k <= BACKBONE:
            _unit(tally, c, wide, 3, shape)
            tally.relu(wide, shape)
            c = wide
        if FIRST <= k <= BACKBONE:
            _unit(tally, wide, width, 1, shape)
        elif k > BACKBONE:
            tally.pool(width, 2, shape)
        if k >= FIRST:
            shapes.append(shape)
    sides: NDArray[np.int64] = np.array(shapes)
    first = (
        np.minimum(np.arange(FIRST, FIRST + LEVELS), BACKBONE) + 1
    )  # convolutions to each level, with that of its width
    layers = np.broadcast_to(first, (n, LEVELS)).copy()
    extra, each = joined(cells), np.arange(n)
    for _ in range(depth):
        levels = np.concatenate([np.broadcast_to(np.arange(LEVELS), (n, LEVELS)), cells.levels], axis=1)
        longest = np.concatenate([layers, np.zeros((n, CELLS), dtype=np.int64)], axis=1)
        for k in range(CELLS):
            level = cells.levels[:, k]
            size = (sides[level, 0], sides[level, 1])
            before = np.where(extra[:, k], longest[:, :CELLS], 0).max(axis=1)
            for side in (0, 1):
                source = cells.inputs[:, k, side]
                down = level - levels[each, source]
                tally.pool(width, 1 << np.maximum(down, 0), size, times=down > 0)
                before = np.maximum(before, longest[each, source])
            tally.relu(width, size)
            _unit(tally, width, width, 3, size)
            longest[:, LEVELS + k] = before + 1
        last = cells.levels[:, -OUTPUTS:]
        np.put_along_axis(layers, last, longest[:, -OUTPUTS:], axis=1)
    tally.conv(width, outputs[0], 1, shapes[0], bias=True)
    if len(outputs) == 1:
        tally.global_pool(outputs[0], shapes[0])
    return tally.costs(layers.max(axis=1) + 1, image[0])


def _unit(tally: Tally, c_in: Count, c_out: Count, kernel: int, out: Shape) -> None:
    """Convolution, batch norm."""
    tally.conv(c_in, c_out, kernel, out)
    tally.norm(c_out, out)
