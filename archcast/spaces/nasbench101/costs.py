"""What the networks of NAS-Bench-101 cost, for all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.errors import InvalidInputError
from archcast.spaces.nasbench101.cell import EDGES, NODES

__all__ = ["costs", "node_channels"]

CONV3, CONV1, POOL = range(3)
INTERIOR, LAST = range(1, NODES - 1), NODES - 1


def costs(
    edges: NDArray[np.bool_],
    ops: NDArray[np.int64],
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
        edges: ``(21, n)`` edges of the pruned cells.
        ops: ``(5, n)`` operations of the interior nodes.
        shape: height and width of an image.
        convention: of counting.
        channels, classes: of the task.
        width, depth, stages: of the network.

    Raises:
        InvalidInputError: the width is too small for the nodes to share it.
    """
    tally = Tally(edges.shape[1], convention)
    edge = dict(zip(EDGES, edges))
    live = {k: np.any([edge[k, j] for j in range(k + 1, NODES)], axis=0) for k in INTERIOR}
    image = shape
    _conv(tally, channels, width, 3, shape)
    for stage in range(stages):
        if stage:
            tally.pool(width, 2, halved(shape))
            shape = halved(shape)
            _cell(tally, edge, live, ops, width, 2 * width, shape, times=1)
            width *= 2
        _cell(tally, edge, live, ops, width, width, shape, times=depth - (stage > 0))
    tally.linear(width, classes)  # after a mean that published counts do not take for a pooling
    return tally.costs(1 + stages * depth * _longest_path(edge, ops) + 1, image[0])


def node_channels(
    edge: dict[tuple[int, int], NDArray[np.bool_]], live: dict[int, NDArray[np.bool_]], c_out: int
) -> dict[int, NDArray[np.int64]]:
    """Channels of every interior node; 0 for one that is not there.

    The nodes that feed the output share its channels, the first ones taking the remainder; any other has as many as the widest
    node that it feeds.
    """
    feeding = np.sum([edge[k, LAST] for k in INTERIOR], axis=0)
    share, more = np.divmod(c_out, np.maximum(feeding, 1))
    found: dict[int, NDArray[np.int64]] = {}
    place = feeding.copy()
    for k in reversed(INTERIOR):
        place = place - edge[k, LAST]
        widest = np.zeros_like(feeding)
        for j in range(k + 1, LAST):
            widest = np.maximum(widest, edge[k, j] * found[j])
        found[k] = np.where(edge[k, LAST], share + (place < more), widest)
        if (found[k][live[k]] < 1).any():
            raise InvalidInputError(
                f"task.width is too small: {c_out} channels cannot be shared by the {int(feeding.max())} nodes that feed the "
                "output. Use a width of at least 5."
            )
    return found


def _cell(
    tally: Tally,
    edge: dict[tuple[int, int], NDArray[np.bool_]],
    live: dict[int, NDArray[np.bool_]],
    ops: NDArray[np.int64],
    c_in: int,
    c_out: int,
    shape: Shape,
    *,
    times: int,
) -> None:
    """Projections of the input, operations of the nodes."""
    for k, c in node_channels(edge, live, c_out).items():
        _conv(tally, c_in, c, 1, shape, times=times * edge[0, k])
        for op, kernel in ((CONV3, 3), (CONV1, 1)):
            _conv(tally, c, c, kernel, shape, times=times * (live[k] & (ops[k - 1] == op)))
        tally.pool(c, 3, shape, times=times * (live[k] & (ops[k - 1] == POOL)))
    _conv(tally, c_in, c_out, 1, shape, times=times * edge[0, LAST])


def _conv(tally: Tally, c_in: Count, c_out: Count, kernel: int, shape: Shape, *, times: Count = 1) -> None:
    """Convolution, batch norm, ReLU."""
    tally.conv(c_in, c_out, kernel, shape, times=times)
    tally.norm(c_out, shape, times=times)
    tally.relu(c_out, shape, times=times)


def _longest_path(edge: dict[tuple[int, int], NDArray[np.bool_]], ops: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(n,)`` convolutions on the longest path through a cell, projections of its input included."""
    layers = {k: edge[0, k].astype(np.int64) for k in range(1, NODES)}
    for k in range(1, NODES):
        for i in range(1, k):
            layers[k] = np.maximum(layers[k], edge[i, k] * layers[i])
        if k < LAST:
            layers[k] += ops[k - 1] != POOL
    return layers[LAST]
