"""What the networks of TransNAS-Bench-101 cost, for all rows at once.

TensorWatch, whose rule the published tables follow, sees a network of the jigsaw task on one of its nine tiles; by the other
conventions all nine count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.spaces.nasbench201.costs import longest_path
from archcast.spaces.task import Task
from archcast.spaces.transnasbench101.layers import DOUBLES, HALVES, SKELETON, STEM_HALVES, Layer, decoder_of

__all__ = ["macro_costs", "micro_costs"]

NONE, SKIP, CONV1, CONV3 = range(4)
INPUT_EDGES, INNER_EDGES = [0, 1, 3], [2, 4, 5]
Costs = dict[str, NDArray[np.float64]]


def micro_costs(
    built: NDArray[np.int64], live: NDArray[np.bool_], task: Task, convention: str, *, width: int, depth: int
) -> Costs:
    """Costs of the networks of ``n`` cells.

    Args:
        built: ``(n, 6)`` operation of each edge that is built, 0 for the others.
        live: ``(n, 6)`` the edges on a path from input to output.
        task: what they are built for.
        convention: of counting.
        width, depth: of the network.
    """
    tally = Tally(len(built), convention)
    shape = _stem(tally, task, width)
    layers = np.full(len(built), STEM_HALVES)
    learned = live & (built >= CONV1)
    projected = learned | (live & np.isin(range(6), INPUT_EDGES) & (built == SKIP))
    for module in SKELETON:
        for k in range(depth):
            c_in, given, first = width, shape, k == 0
            if first:
                width, shape = _after(module, width, shape)
            strided = first and module in HALVES
            for edges, c, before in ((INPUT_EDGES, c_in, given), (INNER_EDGES, width, shape)):
                for op, kernel in ((CONV1, 1), (CONV3, 3)):
                    _relu_conv_bn(tally, c, width, kernel, before, shape, times=(built[:, edges] == op).sum(axis=1))
                if strided and edges is INPUT_EDGES:
                    _halved_skip(tally, c, width, before, shape, times=(built[:, edges] == SKIP).sum(axis=1))
            layers = layers + longest_path(projected if strided else learned, live)
    return _finish(tally, task, layers, np.full(len(built), width), shape)


def macro_costs(rows: NDArray[np.int64], task: Task, convention: str, *, width: int, depth: int) -> Costs:
    """Costs of the networks of ``n`` rows ``(n, 6)``; arguments as in :func:`micro_costs`."""
    tally = Tally(len(rows), convention)
    side = _stem(tally, task, width)
    c: Count = np.full(len(rows), width)
    shape: Shape = (np.full(len(rows), side[0]), np.full(len(rows), side[1]))
    for module in rows.T:
        wider = np.where(np.isin(module, DOUBLES), 2 * c, c)
        strided = np.isin(module, HALVES)
        half = halved(shape)
        out = np.where(strided, half[0], shape[0]), np.where(strided, half[1], shape[1])
        there = module > 0
        _relu_conv_bn(tally, c, wider, 3, shape, out, times=there)
        _relu_conv_bn(tally, wider, wider, 3, out, out, times=there)
        shortcut = there & (strided | (wider != c))
        tally.conv(c, wider, 1, out, times=shortcut)
        tally.norm(wider, out, times=shortcut)
        c, shape = wider, out
        _relu_conv_bn(tally, c, c, 3, shape, shape, times=2 * (depth - 1) * there)
    layers = STEM_HALVES + 2 * depth * (rows > 0).sum(axis=1)
    return _finish(tally, task, layers, c, shape)


def _stem(tally: Tally, task: Task, width: int) -> Shape:
    """Two convolutions of stride two; the shape of their output."""
    channels, *size = task.shapes[0][-3:]
    first = halved((size[0], size[1]))
    second = halved(first)
    half = max(width // 2, 1)
    tally.conv(channels, half, 3, first)
    tally.norm(half, first)
    tally.relu(half, first)
    tally.conv(half, width, 3, second)
    tally.norm(width, second)
    return second


def _after(module: int, width: int, shape: Shape) -> tuple[int, Shape]:
    return (2 * width if module in DOUBLES else width), (halved(shape) if module in HALVES else shape)


def _relu_conv_bn(
    tally: Tally, c_in: Count, c_out: Count, kernel: int, given: Shape, out: Shape, *, times: Count
) -> None:
    tally.relu(c_in, given, times=times)
    tally.conv(c_in, c_out, kernel, out, times=times)
    tally.norm(c_out, out, times=times)


def _halved_skip(tally: Tally, c_in: int, c_out: int, given: Shape, out: Shape, *, times: Count) -> None:
    """A skip at half the resolution: two 1x1 convolutions of half the channels each."""
    tally.relu(c_in, given, times=times)
    for part in (c_out // 2, c_out - c_out // 2):
        tally.conv(c_in, part, 1, out, times=times)
    tally.norm(c_out, out, times=times)


def _finish(tally: Tally, task: Task, layers: NDArray[np.int64], c: NDArray[np.int64], shape: Shape) -> Costs:
    """Tiles and head."""
    image = task.shapes[0]
    tiles = image[0] if len(image) == 4 else 1
    if tally.convention.name != "tensorwatch":
        tally.macs *= tiles
        tally.activations *= tiles
    decoder = decoder_of(task)
    if decoder is None:
        tally.global_pool(tiles * c, shape)
        tally.linear(tiles * c, task.outputs[0])
        return tally.costs(layers + 1, image[-2])
    halvings = np.broadcast_to(np.round(np.log2(image[-2] / np.asarray(shape[0]))).astype(np.int64), c.shape)
    for number in np.unique(halvings).tolist():
        here = halvings == number
        scale = 2**number
        decoded = decoder(number, task.outputs[0])
        _decode(tally, decoded, c, (image[-2] // scale, image[-1] // scale), here)
        layers = layers + len(decoded) * here
    return tally.costs(layers, image[-2])


def _decode(tally: Tally, layers: list[Layer], c: Count, shape: Shape, times: NDArray[np.bool_]) -> None:
    """The decoder of those networks whose ``times`` is true."""
    for layer in layers:
        if layer.doubles:
            given, shape = shape, (2 * shape[0], 2 * shape[1])
            tally.transposed(c, layer.channels, 3, given, shape, times=times)
        else:
            tally.conv(c, layer.channels, 3, shape, bias=True, times=times)
        c = layer.channels
        if not layer.plain:
            tally.norm(c, shape, times=times)
            tally.relu(c, shape, times=times)
