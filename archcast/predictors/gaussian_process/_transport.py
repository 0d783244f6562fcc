"""Partial optimal transport between the layers of many pairs of networks, exactly and all pairs at once.

Mass that is moved from layer i to layer j costs ``C[i, j]`` a unit, mass that stays on either side costs 1 a unit:

    min_Z  sum_ij C_ij Z_ij  +  sum_i (a_i - sum_j Z_ij)  +  sum_j (b_j - sum_i Z_ij)
    with   Z >= 0,  sum_j Z_ij <= a_i,  sum_i Z_ij <= b_j

So what moves saves ``2 - C``, and the largest saving is found by successive augmenting paths, those that save most first: their
savings fall from one to the next, and the first that saves nothing ends the search. With masses of 1 it is the assignment problem
in which the layers that are left over cost 1 each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["transport"]

SMALL = 1e-9
"""Savings and shares of the mass below this are taken for zero."""

ELEMENTS = 100_000
"""Most elements of the costs that are looked at together: as many as a processor holds close to itself."""

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


def transport(costs: Floats, a: Floats, b: Floats) -> Floats:
    """Least cost of each of ``p`` partial transports.

    Args:
        costs: ``(p, n, m)`` of a unit of mass, ``inf`` where nothing may be moved.
        a: ``(p, n)`` masses of the sources, 0 for none.
        b: ``(p, m)`` masses of the targets.

    Returns:
        ``(p,)`` costs.

    Examples:
        A layer of mass 2 and one of mass 1 against one of mass 1.5: 1.5 move at .2 a unit, 1.5 are left over.

        >>> transport(np.array([[[0.2], [0.4]]]), np.array([[2.0, 1.0]]), np.array([[1.5]]))
        array([1.8])
    """
    size = max(1, ELEMENTS // max(1, costs.shape[1] * costs.shape[2]))
    saved = [
        _savings(np.maximum(2 - costs[k : k + size], 0), a[k : k + size], b[k : k + size])
        for k in range(0, len(costs), size)
    ]
    return np.asarray(a.sum(axis=1) + b.sum(axis=1) - np.concatenate([*saved, np.zeros(0)]))


def _savings(gains: Floats, a: Floats, b: Floats) -> Floats:
    """``(p,)`` largest savings, of ``(p, n, m)`` of a unit of mass."""
    total = np.zeros(len(gains))
    unit = np.maximum(a.sum(axis=1), b.sum(axis=1))
    scale = np.where(unit > 0, unit, 1.0)[:, None]
    supply, demand, moved = a / scale, b / scale, np.zeros(gains.shape)
    todo = np.arange(len(gains))
    while len(todo):
        gain, target, source_of, target_of = _best_paths(gains, supply, demand, moved)
        going = np.flatnonzero(gain > SMALL)
        todo, gains, supply, demand, moved = todo[going], gains[going], supply[going], demand[going], moved[going]
        gain, target, source_of, target_of = gain[going], target[going], source_of[going], target_of[going]
        flow, path = _trace(supply, demand, moved, target, source_of, target_of)
        for k, (i, j, sign) in enumerate(path):
            on = np.flatnonzero(i >= 0)
            moved[on, i[on], j[on]] += sign * flow[on]
            if k % 2:
                left = moved[on, i[on], j[on]]
                moved[on, i[on], j[on]] = np.where(left < SMALL, 0.0, left)
        total[todo] += gain * flow * scale[todo, 0]
    return total


def _best_paths(gains: Floats, supply: Floats, demand: Floats, moved: Floats) -> tuple[NDArray[Any], ...]:
    """The path of the largest gain from a source with mass left to a target with room (Bellman and Ford).

    Returns:
        ``(p,)`` gains; ``(p,)`` targets where they end; ``(p, m)`` the source before each target; ``(p, n)`` the target
        before each source, -1 where the path starts.
    """
    p, n, m = gains.shape
    at_source = np.where(supply > SMALL, 0.0, -np.inf)
    at_target = np.full((p, m), -np.inf)
    source_of = np.zeros((p, m), dtype=np.int64)
    target_of = np.full((p, n), -1)
    back = np.where(moved > 0, -gains, -np.inf)
    live = np.arange(p)
    for _ in range(n + m):
        forward = at_source[live, :, None] + gains[live]
        first = forward.argmax(axis=1)
        value = np.take_along_axis(forward, first[:, None], axis=1)[:, 0]
        better = value > at_target[live] + SMALL
        at_target[live] = np.where(better, value, at_target[live])
        source_of[live] = np.where(better, first, source_of[live])
        backward = at_target[live, None, :] + back[live]
        last = backward.argmax(axis=2)
        value = np.take_along_axis(backward, last[:, :, None], axis=2)[:, :, 0]
        again = value > at_source[live] + SMALL
        at_source[live] = np.where(again, value, at_source[live])
        target_of[live] = np.where(again, last, target_of[live])
        live = live[again.any(axis=1)]
        if len(live) == 0:
            break
    ends = np.where(demand > SMALL, at_target, -np.inf)
    target = ends.argmax(axis=1)
    return ends[np.arange(p), target], target, source_of, target_of


def _trace(
    supply: Floats, demand: Floats, moved: Floats, target: Whole, source_of: Whole, target_of: Whole
) -> tuple[Floats, list[tuple[Whole, Whole, int]]]:
    """Walk back from the targets: how much each path carries, and its edges ``(source, target, sign)``, -1 past the start.

    Supplies and demands are updated.
    """
    each = np.arange(len(target))
    flow, j, path = demand[each, target].copy(), target.copy(), list[tuple[Whole, Whole, int]]()
    start = np.full(len(target), -1)
    while (start < 0).any():
        on = start < 0
        i = np.where(on, source_of[each, np.maximum(j, 0)], -1)
        path.append((i, np.where(on, j, 0), 1))
        before = np.where(on, target_of[each, np.maximum(i, 0)], -1)
        start = np.where(on & (before < 0), i, start)
        on = before >= 0
        path.append((np.where(on, i, -1), np.where(on, before, 0), -1))
        flow[on] = np.minimum(flow[on], moved[each[on], i[on], before[on]])
        j = before
    flow = np.minimum(flow, supply[each, start])
    supply[each, start] -= flow
    demand[each, target] -= flow
    return flow, path
