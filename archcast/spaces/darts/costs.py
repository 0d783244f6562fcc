"""What DARTS' networks cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.spaces.darts.cell import INPUTS, NODES, OPERATIONS

__all__ = ["costs"]

SEPARABLE = {"sep_conv_3x3": 3, "sep_conv_5x5": 5}
DILATED = {"dil_conv_3x3": 3, "dil_conv_5x5": 5}
POOLINGS = ("max_pool_3x3", "avg_pool_3x3")
SKIP = OPERATIONS.index("skip_connect")
LAYERS = np.array([4 if op in SEPARABLE else 2 if op in DILATED else 0 for op in OPERATIONS])
"""Convolutions of each operation, one after the other."""


def costs(
    rows: NDArray[np.int64],
    shape: Shape,
    convention: str,
    *,
    channels: int,
    classes: int,
    width: int,
    depth: int,
) -> dict[str, NDArray[np.float64]]:
    """Costs of the networks of ``n`` rows.

    Args:
        rows: ``(n, 32)``.
        shape: height and width of an image.
        convention: of counting.
        channels, classes: of the task.
        width, depth: of the network.
    """
    tally = Tally(len(rows), convention)
    image, stem = shape, 3 * width
    tally.conv(channels, stem, 3, shape)
    tally.norm(stem, shape)
    c0 = c1 = stem
    shape0 = shape
    layers0 = layers1 = np.ones(len(rows), dtype=np.int64)
    halves = rows[:, : 4 * NODES], rows[:, 4 * NODES :]
    for k in range(depth):
        reduction = k in (depth // 3, 2 * depth // 3)
        cell = halves[reduction]
        width *= 1 + reduction
        _project(tally, c0, width, shape0, shape0 != shape)
        _project(tally, c1, width, shape, False)
        _operations(tally, cell, width, shape, reduction)
        layers0, layers1 = layers1, _longest_path(cell, layers0 + 1, layers1 + 1, reduction)
        c0, c1 = c1, NODES * width
        shape0, shape = shape, halved(shape) if reduction else shape
    tally.global_pool(c1, shape)
    tally.linear(c1, classes)
    return tally.costs(layers1 + 1, image[0])


def _project(tally: Tally, c_in: int, c_out: int, shape: Shape, halves: bool, *, times: Count = 1) -> None:
    """ReLU, 1x1 convolution, batch norm; with half the resolution two convolutions of half the channels each."""
    out = halved(shape) if halves else shape
    tally.relu(c_in, shape, times=times)
    tally.conv(c_in, c_out, 1, out, times=times)
    tally.norm(c_out, out, times=times)


def _operations(tally: Tally, cell: NDArray[np.int64], c: int, shape: Shape, reduction: bool) -> None:
    """The eight operations of each cell; in a reduction cell those on an input have stride two."""
    sources, ops = cell[:, 0::2], cell[:, 1::2]
    strided = (sources < INPUTS) & reduction
    for halves in (False, True) if reduction else (False,):
        out = halved(shape) if reduction else shape
        given = shape if halves or not reduction else out
        for op, name in enumerate(OPERATIONS):
            times = ((ops == op) & (strided == halves)).sum(axis=1)
            if name in POOLINGS:
                tally.pool(c, 3, out, times=times)
            elif op == SKIP and halves:
                _project(tally, c, c, given, True, times=times)
            elif name in DILATED:
                _depthwise(tally, c, DILATED[name], given, out, times)
            elif name in SEPARABLE:
                _depthwise(tally, c, SEPARABLE[name], given, out, times)
                _depthwise(tally, c, SEPARABLE[name], out, out, times)


def _depthwise(tally: Tally, c: int, kernel: int, given: Shape, out: Shape, times: NDArray[np.int64]) -> None:
    """ReLU, depthwise convolution, 1x1 convolution, batch norm."""
    tally.relu(c, given, times=times)
    tally.conv(c, c, kernel, out, groups=c, times=times)
    tally.conv(c, c, 1, out, times=times)
    tally.norm(c, out, times=times)


def _longest_path(
    cell: NDArray[np.int64], layers0: NDArray[np.int64], layers1: NDArray[np.int64], reduction: bool
) -> NDArray[np.int64]:
    """``(n,)`` convolutions on the longest path to the output of a cell, given those to its preprocessed inputs."""
    n = np.arange(len(cell))
    nodes = np.zeros((INPUTS + NODES, len(cell)), dtype=np.int64)
    nodes[:INPUTS] = layers0, layers1
    for k in range(NODES):
        for side in (0, 2):
            source, op = cell[:, 4 * k + side], cell[:, 4 * k + side + 1]
            steps = LAYERS[op] + ((op == SKIP) & (source < INPUTS) & reduction)
            nodes[INPUTS + k] = np.maximum(nodes[INPUTS + k], nodes[source, n] + steps)
    return np.asarray(nodes[INPUTS:].max(axis=0))
