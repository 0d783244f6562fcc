"""What networks of NASNet's family cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.spaces.darts.cell import INPUTS, CellKind, living_cells, strides, units

__all__ = ["costs"]


def costs(
    rows: NDArray[np.int64],
    kind: CellKind,
    shape: Shape,
    convention: str,
    pruned: bool = False,
    *,
    channels: int,
    classes: int,
    width: Count,
    depth: int,
) -> dict[str, NDArray[np.float64]]:
    """Costs of the networks of ``n`` rows.

    Args:
        rows: ``(n, 2 * kind.columns)``, the normal cells and the reduction cells.
        kind: of the cells.
        shape: height and width of an image.
        convention: of counting.
        pruned: leave out inputs that no node takes in, and cells that no other cell takes in.
        channels, classes: of the task.
        width, depth: of the network; widths may be ``(n,)``.
    """
    tally = Tally(len(rows), convention)
    image, stem = shape, 3 * width
    tally.conv(channels, stem, 3, shape)
    tally.norm(stem, shape)
    c0 = c1 = stem
    shape0 = shape
    layers0 = layers1 = np.ones(len(rows), dtype=np.int64)
    halves = rows[:, : kind.columns], rows[:, kind.columns :]
    outputs = [kind.outputs(half) for half in halves]
    reductions = [k in (depth // 3, 2 * depth // 3) for k in range(depth)]
    used = [kind.used_inputs(half) | (not pruned) for half in halves]
    for reduction, alive in zip(reductions, living_cells([used[k] for k in reductions]), strict=True):
        cell, joined = halves[reduction], outputs[reduction]
        width = width * (1 + reduction)
        _project(tally, c0, width, shape0, shape0 != shape, times=alive & used[reduction][:, 0])
        _project(tally, c1, width, shape, False, times=alive & used[reduction][:, 1])
        _operations(tally, cell, kind, width, shape, reduction, alive)
        layers0, layers1 = layers1, _longest_path(cell, kind, joined, layers0 + 1, layers1 + 1, reduction)
        c0, c1 = c1, joined.sum(axis=1) * width
        shape0, shape = shape, halved(shape) if reduction else shape
    tally.global_pool(c1, shape)
    tally.linear(c1, classes)
    return tally.costs(layers1 + 1, image[0])


def _project(tally: Tally, c_in: Count, c_out: Count, shape: Shape, halves: bool, *, times: Count = 1) -> None:
    """ReLU, 1x1 convolution, batch norm; with half the resolution two convolutions of half the channels each."""
    out = halved(shape) if halves else shape
    tally.relu(c_in, shape, times=times)
    for part in (c_out // 2, c_out - c_out // 2) if halves else (c_out,):
        tally.conv(c_in, part, 1, out, times=times)
    tally.norm(c_out, out, times=times)


def _operations(
    tally: Tally,
    cell: NDArray[np.int64],
    kind: CellKind,
    c: Count,
    shape: Shape,
    reduction: bool,
    alive: NDArray[np.bool_],
) -> None:
    """The operations of each cell that is there; in a reduction cell those on an input have stride two."""
    sources, ops = cell[:, 0::2], cell[:, 1::2]
    strided = (sources < INPUTS) & reduction
    for halves in (False, True) if reduction else (False,):
        out = halved(shape) if reduction else shape
        given = shape if halves or not reduction else out
        for op, name in enumerate(kind.operations):
            times = ((ops == op) & (strided == halves)).sum(axis=1) * alive
            if "pool" in name:
                tally.pool(c, int(name[-1]), out, times=times)
            elif name == "skip_connect" and halves:
                _project(tally, c, c, given, True, times=times)
            size = given
            for unit in units(name):
                tally.relu(c, size, times=times)
                for window in unit.windows:
                    tall, wide = (step == 2 for step in strides(window, 2))
                    size = (out[0] if tall else size[0], out[1] if wide else size[1])
                    groups = c if unit.depthwise else 1
                    tally.conv(c, c, window, size, groups=groups, times=times)
                if unit.depthwise:
                    tally.conv(c, c, 1, out, times=times)
                tally.norm(c, out, times=times)


def _longest_path(
    cell: NDArray[np.int64],
    kind: CellKind,
    outputs: NDArray[np.bool_],
    layers0: NDArray[np.int64],
    layers1: NDArray[np.int64],
    reduction: bool,
) -> NDArray[np.int64]:
    """``(n,)`` convolutions on the longest path to the output of a cell, given those to its preprocessed inputs."""
    layers = np.array([sum(unit.layers for unit in units(name)) for name in kind.operations])
    skip = np.array([name == "skip_connect" for name in kind.operations])
    n = np.arange(len(cell))
    nodes = np.zeros((INPUTS + kind.nodes, len(cell)), dtype=np.int64)
    nodes[:INPUTS] = layers0, layers1
    for k in range(kind.nodes):
        for side in (0, 2):
            source, op = cell[:, 4 * k + side], cell[:, 4 * k + side + 1]
            steps = layers[op] + (skip[op] & (source < INPUTS) & reduction)
            before = np.where(kind.is_noise(op), 0, nodes[source, n])
            nodes[INPUTS + k] = np.maximum(nodes[INPUTS + k], before + steps)
    return np.asarray((nodes[INPUTS:] * outputs.T).max(axis=0))
