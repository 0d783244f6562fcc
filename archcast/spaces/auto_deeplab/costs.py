"""What networks of Auto-DeepLab cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.spaces.auto_deeplab.cell import (
    BLOCKS,
    KIND,
    LEVELS,
    LOW,
    NONE,
    RATES,
    STEM,
    living,
    low_layer,
    used_inputs,
)
from archcast.spaces.darts.cell import INPUTS

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
    _unit(tally, channels, stem, 3, half)
    _unit(tally, stem, stem, 3, half)
    tally.conv(stem, 2 * stem, 3, halved(half))
    tally.norm(2 * stem, halved(half))
    pyramid = [halved(half)]
    for _ in range(LEVELS - 1):
        pyramid.append(halved(pyramid[-1]))
    sides: NDArray[np.int64] = np.array(pyramid)
    used = used_inputs(cells) | (not pruned)
    alive, low = living(levels, used), low_layer(levels)
    c0: Count = stem
    c1: Count = 2 * stem
    before, c_low = np.zeros(n, dtype=np.int64), np.full(n, 2 * stem)
    layers0, layers1, layers_low = np.full(n, STEM - 1), np.full(n, STEM), np.full(n, STEM)
    for k, level in enumerate(levels.T):
        c, halves = width << level, level > before
        given, size = _shape(sides, np.minimum(before, level)), _shape(sides, level)
        projected = c0 != c
        for number, (c_in, needed) in enumerate(((c0, projected), (c1, True))):
            times = alive[:, k] & used[:, number] & needed
            tally.relu(c_in, given, times=times)
            tally.conv(c_in, c, 1, given, times=times)
            tally.norm(c, given, times=times)
        _operations(tally, cells, c, given, size, halves, alive[:, k])
        longest = _longest_path(cells, layers0 + projected, layers1 + 1, halves)
        layers0, layers1 = layers1, longest
        layers_low = np.where(k == low, longest, layers_low)
        c0, c1, before = c1, BLOCKS * c, level
        c_low = np.where(k == low, c1, c_low)
    size = _shape(sides, levels[:, -1])
    tally.relu(c1, size)
    for kernel in (1, *[3] * len(RATES)):
        _unit(tally, c1, head, kernel, size)
    tally.global_pool(c1, size)
    _unit(tally, c1, head, 1, (1, 1))
    _unit(tally, (2 + len(RATES)) * head, head, 1, size)
    _unit(tally, c_low, LOW, 1, pyramid[0])
    _unit(tally, head + LOW, head, 3, pyramid[0])
    _unit(tally, head, head, 3, pyramid[0])
    tally.conv(head, outputs[0], 1, pyramid[0], bias=True)
    if len(outputs) == 1:
        tally.global_pool(outputs[0], pyramid[0])
    return tally.costs(np.maximum(np.maximum(layers1 + 2, layers_low + 1), 0) + 3, image[0])


def _shape(sides: NDArray[np.int64], level: NDArray[np.int64]) -> Shape:
    """Height and width at a level, of ``(4, 2)`` at all."""
    return sides[level, 0], sides[level, 1]


def _unit(tally: Tally, c_in: Count, c_out: Count, kernel: int, out: Shape) -> None:
    """Convolution, batch norm, ReLU."""
    tally.conv(c_in, c_out, kernel, out)
    tally.norm(c_out, out)
    tally.relu(c_out, out)


def _operations(
    tally: Tally,
    cells: NDArray[np.int64],
    c: NDArray[np.int64],
    given: Shape,
    out: Shape,
    halves: NDArray[np.bool_],
    alive: NDArray[np.bool_],
) -> None:
    """The operations of each cell that is there; where its layer halves the resolution, those on its inputs do."""
    halving = (cells[:, 0::2] < INPUTS) & halves[:, None]
    for op, name in enumerate(KIND.operations):
        here = cells[:, 1::2] == op
        times, halved_times = here.sum(axis=1) * alive, (here & halving).sum(axis=1) * alive
        kernel = 1 if name == "skip_connect" else int(name[-1]) if op != NONE else 0
        if "pool" in name:
            tally.pool(c, kernel, out, times=times)
        if name.startswith("sep_conv"):
            tally.relu(c, given, times=halved_times)
            tally.relu(c, out, times=2 * times - halved_times)
            tally.conv(c, c, kernel, out, groups=c, times=2 * times)
            tally.conv(c, c, 1, out, times=2 * times)
            tally.norm(c, out, times=2 * times)
        if name.startswith("dil_conv") or name == "skip_connect":
            times = halved_times if name == "skip_connect" else times
            tally.relu(c, given, times=halved_times)
            tally.relu(c, out, times=times - halved_times)
            tally.conv(c, c, kernel, out, times=times)
            tally.norm(c, out, times=times)


def _longest_path(
    cells: NDArray[np.int64], layers0: NDArray[np.int64], layers1: NDArray[np.int64], halves: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """``(n,)`` convolutions on the longest path to the output of a cell, given those to its two inputs."""
    steps = np.array([4 if "sep" in name else 1 if "dil" in name else 0 for name in KIND.operations])
    n = np.arange(len(cells))
    nodes = np.full((INPUTS + BLOCKS, len(cells)), NOWHERE)
    nodes[:INPUTS] = layers0, layers1
    for k in range(BLOCKS):
        for side in (0, 2):
            source, op = cells[:, 4 * k + side], cells[:, 4 * k + side + 1]
            projected = (KIND.operations.index("skip_connect") == op) & (source < INPUTS) & halves
            layers = np.where(op == NONE, NOWHERE, nodes[source, n] + steps[op] + projected)
            nodes[INPUTS + k] = np.maximum(nodes[INPUTS + k], layers)
    return np.asarray(nodes[INPUTS:].max(axis=0))
