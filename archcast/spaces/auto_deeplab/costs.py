"""What networks of Auto-DeepLab cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.spaces.auto_deeplab.cell import BLOCKS, KIND, LEVELS, NONE, STEM, used_inputs
from archcast.spaces.darts.cell import INPUTS, living_cells, units

__all__ = ["costs"]

NOWHERE = -(10**6)
"""Layers on a path that does not begin at the image."""


def costs(
    levels: NDArray[np.int64],
    cells: NDArray[np.int64],
    shape: Shape,
    convention: str,
    pruned: bool,
    *,
    channels: int,
    outputs: tuple[int, ...],
    width: int,
    stem: int,
    head: int,
) -> dict[str, NDArray[np.float64]]:
    """Costs of the networks of ``n`` rows.

    Args:
        levels: ``(n, 12)`` of each layer: 0 is a quarter of the resolution, 3 a thirty-second.
        cells: ``(n, 20)``.
        shape: height and width of an image.
        convention: of counting.
        pruned: leave out what the output does not depend on.
        channels, outputs: of the task.
        width: channels of a block at a quarter of the resolution.
        stem, head: channels of the first convolution, and of the branches of the head.
    """
    n, image = len(levels), shape
    tally = Tally(n, convention)
    half = halved(shape)
    for c_in, c_out, out in ((channels, stem, half), (stem, stem, half), (stem, 2 * stem, halved(half))):
        _unit(tally, c_in, c_out, 3, out)
    pyramid = [halved(half)]
    for _ in range(LEVELS - 1):
        pyramid.append(halved(pyramid[-1]))
    sides: NDArray[np.int64] = np.array(pyramid)
    used = used_inputs(cells) | (not pruned)
    c0: Count = 2 * stem
    c1: Count = 2 * stem
    layers0 = layers1 = np.full(n, STEM)
    for level, alive in zip(levels.T, living_cells([used] * levels.shape[1]), strict=True):
        c, size = width << level, (sides[level, 0], sides[level, 1])
        for number, given in enumerate((c0, c1)):
            times = alive & used[:, number]
            tally.relu(given, size, times=times)
            tally.conv(given, c, 1, size, times=times)
            tally.norm(c, size, times=times)
        _operations(tally, cells, c, size, alive)
        layers0, layers1 = layers1, _longest_path(cells, layers0 + 1, layers1 + 1)
        c0, c1 = c1, BLOCKS * c
    size = (sides[levels[:, -1], 0], sides[levels[:, -1], 1])
    _unit(tally, c1, head, 1, size)
    _unit(tally, c1, head, 3, size)
    tally.global_pool(c1, size)
    _unit(tally, c1, head, 1, (1, 1))
    _unit(tally, 3 * head, head, 1, size)
    tally.conv(head, outputs[0], 1, size, bias=True)
    if len(outputs) == 1:
        tally.global_pool(outputs[0], size)
    return tally.costs(np.maximum(layers1 + 3, 0), image[0])


def _unit(tally: Tally, c_in: Count, c_out: Count, kernel: int, out: Shape) -> None:
    """Convolution, batch norm, ReLU."""
    tally.conv(c_in, c_out, kernel, out)
    tally.norm(c_out, out)
    tally.relu(c_out, out)


def _operations(
    tally: Tally, cells: NDArray[np.int64], c: NDArray[np.int64], size: Shape, alive: NDArray[np.bool_]
) -> None:
    """The operations of each cell that is there."""
    for op, name in enumerate(KIND.operations):
        times = (cells[:, 1::2] == op).sum(axis=1) * alive
        if "pool" in name:
            tally.pool(c, int(name[-1]), size, times=times)
        for unit in units(name):
            tally.relu(c, size, times=times)
            tally.conv(c, c, unit.windows[0][0], size, groups=c, times=times)
            tally.conv(c, c, 1, size, times=times)
            tally.norm(c, size, times=times)


def _longest_path(
    cells: NDArray[np.int64], layers0: NDArray[np.int64], layers1: NDArray[np.int64]
) -> NDArray[np.int64]:
    """``(n,)`` convolutions on the longest path to the output of a cell, given those to its two inputs."""
    steps = np.array([sum(unit.layers for unit in units(name)) for name in KIND.operations])
    n = np.arange(len(cells))
    nodes = np.full((INPUTS + BLOCKS, len(cells)), NOWHERE)
    nodes[:INPUTS] = layers0, layers1
    for k in range(BLOCKS):
        for side in (0, 2):
            source, op = cells[:, 4 * k + side], cells[:, 4 * k + side + 1]
            layers = np.where(op == NONE, NOWHERE, nodes[source, n] + steps[op])
            nodes[INPUTS + k] = np.maximum(nodes[INPUTS + k], layers)
    return np.asarray(nodes[INPUTS:].max(axis=0))
