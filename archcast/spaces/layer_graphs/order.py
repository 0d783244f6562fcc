"""Canonical order of the layers of networks, for all rows at once.

Networks are ``codes (n, k)`` with 0 for no layer, and ``sources (n, k, 2)``, of which 0 is the image, k + 1 is layer k and -1
is none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.spaces.functions import mix

__all__ = ["in_order"]

Ints = NDArray[np.int64]
ROUNDS = 2
MOST = np.iinfo(np.uint64).max
LAST = np.iinfo(np.int64).max


def in_order(codes: Ints, sources: Ints) -> tuple[Ints, Ints]:
    """The order, and the sources of the layers in it.

    Of the layers whose sources are placed, the one with the lowest hash comes next, and among equals the one with the first
    sources. Networks that differ in the order of their layers alone become the same, unless layers that neither the graph above
    nor below tells apart after two rounds of hashing are different nevertheless.

    Returns:
        ``(n, k)`` numbers of layers, -1 at the end where there are fewer; ``(n, k, 2)`` sources, the larger first.

    Examples:
        Two layers read the first one; they are written in either order:

        >>> sources = np.array([[[0, -1], [1, -1], [1, -1]]] * 2)
        >>> codes = np.array([[7, 5, 6], [7, 6, 5]])
        >>> order, _ = in_order(codes, sources)
        >>> a, b = np.take_along_axis(codes, order, axis=1).tolist()
        >>> a == b
        True
    """
    n, k = codes.shape
    rows = np.arange(n)
    keys = _hashes(codes, sources)
    place = np.full((n, k + 2), k + 1)  # of each feature; the last stands for none, and for what is not placed
    place[:, 0] = 0
    order = np.full((n, k), -1)
    todo = codes > 0
    absent = sources < 0
    for j in range(k):
        placed = np.where(absent, -1, place[rows[:, None, None], sources])
        ready = todo & (placed <= k).all(axis=2)
        lowest = np.where(ready, keys, MOST).min(axis=1, keepdims=True)
        number = (placed.max(axis=2) + 1) * (k + 3) + placed.min(axis=2) + 1
        chosen = np.where(ready & (keys == lowest), number, LAST).argmin(axis=1)
        some = ready.any(axis=1)
        order[some, j] = chosen[some]
        place[rows[some], chosen[some] + 1] = j + 1
        todo[rows[some], chosen[some]] = False
    given = sources[rows[:, None], order]
    moved = np.where(given < 0, -1, place[rows[:, None, None], given])
    moved = np.where((order < 0)[:, :, None], -1, np.sort(moved, axis=2)[:, :, ::-1])
    return order, moved


def _hashes(codes: Ints, sources: Ints) -> NDArray[np.uint64]:
    """``(n, k)`` hashes of each layer: of what it is made of, and of what is made of it."""
    n, k = codes.shape
    rows = np.arange(n)
    label = np.zeros((n, k + 2), dtype=np.uint64)
    label[:, 1:-1] = mix(codes.astype(np.uint64) + np.uint64(1), 0)
    for _ in range(ROUNDS):
        up, down = label.copy(), np.zeros_like(label)
        for j in range(k):
            total = np.zeros(n, dtype=np.uint64)
            for source in sources[:, j].T:
                total += np.where(source < 0, np.uint64(0), mix(up[rows, source], 0))
            up[:, j + 1] = mix(label[:, j + 1] ^ mix(total, 0), 0)
        for j in reversed(range(k)):
            term = mix(up[:, j + 1] ^ mix(down[:, j + 1], 1), 1)
            for source in sources[:, j].T:
                down[rows, source] += np.where(source < 0, np.uint64(0), term)
        label[:, 1:-1] = mix(up[:, 1:-1] ^ mix(down[:, 1:-1], 1), 0)
    return label[:, 1:-1]
