"""Networks of layers, for all rows at once: what each layer does, how many units it has, and what it takes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archcast.graphs import ABSENT, CONVOLUTION, POOLING, CellGraphs, Operation

__all__ = ["DECLARED", "LABELS", "Layers", "channels_of", "graphs_of", "is_merge", "is_pool", "loose_ends"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DECLARED: Mapping[str, Operation] = {
    **{f"conv{k}": Operation(CONVOLUTION, weight=k * k, reach=k) for k in (3, 5, 7)},
    **{f"res{k}": Operation(CONVOLUTION, weight=2 * k * k, reach=2 * k - 1) for k in (3, 5, 7)},
    "max-pool": Operation(POOLING, reach=2),
    "avg-pool": Operation(POOLING, reach=2),
    "add": Operation(CONVOLUTION, weight=1),
    "concat": Operation(CONVOLUTION, weight=1),
    "fc": Operation(CONVOLUTION, weight=1),
}
"""What a layer does: one or two convolutions of that window, pooling of stride two, a skip connection, a linear layer."""
LABELS = tuple(DECLARED)
FC = LABELS.index("fc")


class Layers(NamedTuple):
    """The layers of ``n`` networks. Feature 0 is the image, feature ``k + 1`` the output of layer k.

    Attributes:
        labels: ``(n, k)`` numbers in :data:`LABELS`, or ``ABSENT``.
        units: ``(n, k)`` channels of convolutions; 0 where a layer keeps those that it is given.
        sources: ``(n, k, 2)`` features that a layer takes in, -1 for none.
        dense: ``(n, f)`` units of the linear layers after the last features, 0 for none.
    """

    labels: Ints
    units: Ints
    sources: Ints
    dense: Ints


def is_pool(labels: Ints) -> Bools:
    """The layers that halve the resolution."""
    return np.isin(labels, [LABELS.index("max-pool"), LABELS.index("avg-pool")])


def is_merge(labels: Ints) -> Bools:
    """The skip connections, which keep the channels of their first source."""
    return np.isin(labels, [LABELS.index("add"), LABELS.index("concat")])


def channels_of(layers: Layers, channels: int) -> Ints:
    """``(n, k + 1)`` channels of each feature; 0 of a layer that is not there."""
    n, k = layers.labels.shape
    each = np.arange(n)
    out = np.zeros((n, k + 2), dtype=np.int64)  # the last place stands for no feature
    out[:, 0] = channels
    for j in range(k):
        label, (first, second) = layers.labels[:, j], layers.sources[:, j].T
        given = out[each, first] + np.where(is_merge(label), 0, out[each, second])
        out[:, j + 1] = np.where(layers.units[:, j] > 0, layers.units[:, j], given) * (label != ABSENT)
    return out[:, :-1]


def loose_ends(layers: Layers) -> Bools:
    """``(n, k + 1)``: the feature is there, and no layer takes it in."""
    n, k = layers.labels.shape
    used = np.zeros((n, k + 2), dtype=bool)
    np.put_along_axis(used, layers.sources.reshape(n, 2 * k), True, axis=1)
    there = np.concatenate([np.ones((n, 1), dtype=bool), layers.labels != ABSENT], axis=1)
    return there & ~used[:, :-1]


def graphs_of(layers: Layers, names: tuple[str, ...], channels: int, classes: int) -> CellGraphs:
    """Image, layers, linear layers, output; the loose ends lead to the first linear layer, or to the output.

    Args:
        layers: of the networks.
        names: the labels that occur.
        channels, classes: units of the image and of the output.
    """
    n, k = layers.labels.shape
    v, each = 2 + k + layers.dense.shape[1], np.arange(n)
    adjacency = np.zeros((n, v, v), dtype=bool)
    for j in range(k):
        for side in (0, 1):
            some = layers.sources[:, j, side] >= 0
            adjacency[each[some], layers.sources[some, j, side], j + 1] = True
    ends = np.concatenate([loose_ends(layers), np.zeros((n, v - k - 1), dtype=bool)], axis=1)
    for j in range(k + 1, v):
        there = layers.dense[:, j - k - 1] > 0 if j < v - 1 else np.ones(n, dtype=bool)
        adjacency[:, :, j] = ends & there[:, None]
        ends[there] = np.arange(v) == j
    labels = np.concatenate([layers.labels, np.where(layers.dense > 0, FC, ABSENT)], axis=1)
    number = np.array([2 + names.index(name) if name in names else ABSENT for name in LABELS] + [ABSENT])
    ops = np.concatenate([np.zeros((n, 1), dtype=np.int64), number[labels], np.ones((n, 1), dtype=np.int64)], axis=1)
    units = np.concatenate(
        [channels_of(layers, channels), layers.dense, np.full((n, 1), classes, dtype=np.int64)], axis=1
    )
    declared = {name: DECLARED[name] for name in names}
    return CellGraphs(adjacency, ops, ("input", "output", *names), declared=declared, units=units)
