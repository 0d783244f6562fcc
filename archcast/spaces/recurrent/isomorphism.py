"""Canonical order of the nodes of recurrent cells, for all rows at once.

Cells are ``ops (n, k)`` with 0 for none, ``sources (n, k, 3)`` with -1 for none, of which 0 to 3 are the input and the states
before and 4 + j is node j, and ``states (n, 3)``, the nodes that are the new states, with -1 for none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.spaces.functions import mix

__all__ = ["alive", "smallest"]

Ints = NDArray[np.int64]
FIRST = 4
"""Number of the first node among the sources."""
ROUNDS = 2
MOST = np.iinfo(np.uint64).max


def alive(ops: Ints, sources: Ints, states: Ints, *, output: bool = False) -> NDArray[np.bool_]:
    """``(n, k)``: a new state depends on the node; with ``output`` only what the first state depends on, in this step of time
    or in a later one, is alive."""
    n, nodes = ops.shape
    rows = np.arange(n)
    there = np.zeros((n, FIRST + nodes + 1), dtype=bool)  # the last place stands for none
    for i in range(1 if output else states.shape[1]):
        there[rows, FIRST + np.where(states[:, i] < 0, nodes, states[:, i])] = True
    for _ in range(states.shape[1] if output else 1):
        for k in reversed(range(nodes)):
            for i in range(3):
                source = np.where(sources[:, k, i] < 0, FIRST + nodes, sources[:, k, i])
                there[rows, source] |= there[:, FIRST + k]
        for i in range(states.shape[1] if output else 0):
            there[rows, FIRST + np.where(states[:, i] < 0, nodes, states[:, i])] |= there[:, 1 + i]
    return there[:, FIRST:-1] & (ops > 0)


def smallest(ops: Ints, sources: Ints, states: Ints, ordered: int) -> tuple[Ints, Ints, Ints]:
    """Cells without dead nodes, in canonical order of nodes, inputs, and second and third state.

    Args:
        ops, sources, states: of the cells.
        ordered: operation whose inputs have an order.
    """
    best = _ordered(ops, sources, states, ordered)
    swapped = _ordered(ops, _exchanged(sources), states[:, [0, 2, 1]], ordered)
    flat = [np.concatenate([part.reshape(len(ops), -1) for part in cell], axis=1) for cell in (best, swapped)]
    differ = flat[0] != flat[1]
    first = differ.argmax(axis=1)
    rows = np.arange(len(ops))
    other = differ.any(axis=1) & (flat[1][rows, first] < flat[0][rows, first]) & (states[:, 2] >= 0)
    a, b, c = (np.where(other.reshape(-1, *[1] * (x.ndim - 1)), y, x) for x, y in zip(best, swapped, strict=True))
    return a, b, c


def _exchanged(sources: Ints) -> Ints:
    """The second and the third state change places."""
    return np.where(sources == 2, 3, np.where(sources == 3, 2, sources))


def _ordered(ops: Ints, sources: Ints, states: Ints, ordered: int) -> tuple[Ints, Ints, Ints]:
    n, nodes = ops.shape
    rows = np.arange(n)
    there = alive(ops, sources, states)
    keys = _hashes(ops, sources, states, there, ordered)
    place = np.full(
        (n, FIRST + nodes + 1), FIRST + nodes, dtype=np.int64
    )  # of each source; the last for those not placed
    place[:, :FIRST] = np.arange(FIRST)
    none = np.where(sources < 0, -1, sources)
    order = np.full((n, nodes), -1)
    todo = there.copy()
    for k in range(nodes):
        placed = np.where(none < 0, -1, place[rows[:, None, None], none])
        placed = np.where((ops == ordered)[:, :, None], placed, np.sort(placed, axis=2))
        ready = todo & (placed < FIRST + nodes).all(axis=2)
        lowest = np.where(ready, keys, MOST).min(axis=1, keepdims=True)
        number = ((placed[:, :, 0] + 1) * 64 + placed[:, :, 1] + 1) * 64 + placed[:, :, 2] + 1
        number = np.where(ready & (keys == lowest), number, np.iinfo(np.int64).max)
        chosen = number.argmin(axis=1)
        some = ready.any(axis=1)
        order[some, k] = chosen[some]
        place[rows[some], FIRST + chosen[some]] = FIRST + k
        todo[rows[some], chosen[some]] = False
    ops_out = np.where(order < 0, 0, ops[rows[:, None], order])
    given = np.where((order < 0)[:, :, None], -1, sources[rows[:, None], order])
    moved = np.where(given < 0, FIRST + nodes, place[rows[:, None, None], given])
    moved = np.where((ops_out == ordered)[:, :, None], moved, np.sort(moved, axis=2))
    moved = np.where(moved == FIRST + nodes, -1, moved)
    new = np.where(states < 0, -1, place[rows[:, None], FIRST + states] - FIRST)
    return ops_out, moved, new


def _hashes(ops: Ints, sources: Ints, states: Ints, there: NDArray[np.bool_], ordered: int) -> NDArray[np.uint64]:
    """``(n, k)`` hashes of each node: of what it computes, and of what is made of it."""
    n, nodes = ops.shape
    rows = np.arange(n)
    label = np.zeros((n, FIRST + nodes + 1), dtype=np.uint64)
    label[:, :FIRST] = mix(np.arange(1, FIRST + 1, dtype=np.uint64), 0)
    label[:, FIRST:-1] = mix(ops.astype(np.uint64) + np.uint64(100), 0)
    for i in range(states.shape[1]):
        role = mix(np.full(n, 200 + i, dtype=np.uint64), 0)
        label[rows, FIRST + np.where(states[:, i] < 0, nodes, states[:, i])] += role
    slots = np.where(ops[:, :, None] == ordered, np.arange(1, 4), 1).astype(np.uint64)
    places = np.where(sources < 0, FIRST + nodes, sources)
    for _ in range(ROUNDS):
        up = label.copy()
        for k in range(nodes):
            total = np.zeros(n, dtype=np.uint64)
            for i in range(3):
                term = mix(up[rows, places[:, k, i]] + slots[:, k, i], 0)
                total += np.where(sources[:, k, i] < 0, np.uint64(0), term)
            up[:, FIRST + k] = mix(label[:, FIRST + k] ^ mix(total, 0), 0)
        down = np.zeros_like(label)
        for k in reversed(range(nodes)):
            below = mix(up[:, FIRST + k] ^ mix(down[:, FIRST + k], 1), 1)
            for i in range(3):
                term = np.where(there[:, k], mix(below + slots[:, k, i], 1), np.uint64(0))
                down[rows, places[:, k, i]] += term
        label[:, FIRST:-1] = mix(up[:, FIRST:-1] ^ mix(down[:, FIRST:-1], 1), 0)
    return label[:, FIRST:-1]
