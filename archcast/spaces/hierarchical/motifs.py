"""Motifs and graphs of motifs: which edges count, how often each part is used, how deep it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.graphs import CONVOLUTION, IDENTITY, POOLING, Operation

__all__ = ["DECLARED", "INNER", "MOTIFS", "OUTER", "Parts", "live", "parts_of"]

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOTIFS = 6
INNER = tuple((i, j) for j in range(1, 4) for i in range(j))
"""Edges of a motif of four nodes."""
OUTER = tuple((i, j) for j in range(1, 5) for i in range(j))
"""Edges of the graph of five nodes."""
DECLARED = {
    "conv_1x1": Operation(CONVOLUTION, weight=1),
    "depthwise_3x3": Operation(CONVOLUTION, weight=0.2, reach=3),
    "separable_3x3": Operation(CONVOLUTION, weight=1.2, reach=3),
    "max_pool_3x3": Operation(POOLING, reach=3),
    "avg_pool_3x3": Operation(POOLING, reach=3),
    "identity": Operation(IDENTITY),
}
LAYERS = np.array([0, 1, 1, 2, 0, 0, 0])
"""Convolutions in a row of no operation and of each of the six."""


@dataclass(frozen=True)
class Parts:
    """What ``n`` cells are made of, dead parts left out.

    Attributes:
        motifs: ``(n, 6, 6)`` operation of each edge of each motif, 0 for none, 1 to 6.
        graph: ``(n, 10)`` motif of each edge of the graph, 0 for none, 1 to 6.
    """

    motifs: Rows
    graph: Rows


def live(there: Mask, edges: tuple[tuple[int, int], ...]) -> Mask:
    """``(..., e)`` whether each edge lies on a path from the first to the last node."""
    last = edges[-1][1]
    forward, backward = np.zeros((2, last + 1, *there.shape[:-1]), dtype=bool)
    forward[0] = backward[last] = True
    for e, (i, j) in enumerate(edges):
        forward[j] |= forward[i] & there[..., e]
    for e, (i, j) in reversed(list(enumerate(edges))):
        backward[i] |= backward[j] & there[..., e]
    ends = [forward[i] & backward[j] for i, j in edges]
    return there & np.stack(ends, axis=-1)


def parts_of(rows: Rows) -> Parts:
    """The parts of ``(n, 46)`` rows: an edge off every path is none, and so is a motif without a path."""
    motifs = rows[:, : MOTIFS * len(INNER)].reshape(-1, MOTIFS, len(INNER))
    motifs = np.where(live(motifs > 0, INNER), motifs, 0)
    passes = np.concatenate([np.zeros((len(rows), 1), dtype=bool), motifs.any(axis=2)], axis=1)
    graph = rows[:, MOTIFS * len(INNER) :]
    there = np.take_along_axis(passes, graph, axis=1)
    return Parts(motifs, np.where(live(there, OUTER), graph, 0))


def merges(there: Mask, edges: tuple[tuple[int, int], ...]) -> Rows:
    """``(..., nodes)`` number of edges into each node, the first excepted."""
    last = edges[-1][1]
    return np.stack(
        [there[..., [e for e, (_, j) in enumerate(edges) if j == k]].sum(axis=-1) for k in range(1, last + 1)], -1
    )


def longest(layers: Rows, there: Mask, edges: tuple[tuple[int, int], ...]) -> Rows:
    """``(...)`` convolutions on the longest path; a node where several edges end has one more."""
    many = merges(there, edges)
    nodes = np.zeros((edges[-1][1] + 1, *there.shape[:-1]), dtype=np.int64)
    for k in range(1, len(nodes)):
        for e, (i, j) in enumerate(edges):
            if j == k:
                nodes[k] = np.maximum(nodes[k], np.where(there[..., e], nodes[i] + layers[..., e], 0))
        nodes[k] += many[..., k - 1] > 1
    return np.asarray(nodes[-1])
