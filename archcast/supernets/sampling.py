"""Which rows a supernet is trained on.

What decides how well shared weights rank is the distribution of the rows. Uniformly over *rows*, deep edges starve: many rows
have dead edges. Uniformly over *functions*, every distinct live cell is as likely as any other.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from archcast.spaces.base import SearchSpace
from archcast.supernets.base import Supernet

__all__ = ["DRAWS", "extremes", "fair_rows", "functions_of", "live_rows", "size_order"]

DRAWS = 5_000
"""Rows that stand for a large space."""
LISTED = 100_000
"""Largest product of cardinalities of a space whose functions are all listed."""
EXAMPLES = 32
"""Rows in which a column is changed to see what its choices cost."""


def functions_of(net: Supernet, seed: int = 0) -> NDArray[np.int64]:
    """``(n, d)`` one row for each function of the space that has a path; of a large space, for the functions of a sample."""
    space: SearchSpace = net.space
    rows = space.enumerate() if math.prod(space.cardinalities) <= LISTED else space.sample(DRAWS, seed)
    rows = np.unique(space.canonical(rows), axis=0)
    return rows[net.has_path(rows)]


def live_rows(net: Supernet, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """``n`` rows that have a path, uniform over those of the space."""
    found = net.space.sample(n, rng)
    while not (alive := net.has_path(found)).all():
        found[~alive] = net.space.sample(int((~alive).sum()), rng)
    return found


def fair_rows(net: Supernet, rng: np.random.Generator) -> NDArray[np.int64]:
    """``(c, d)`` rows in which every choice of every decision stands once: one permutation of the choices a decision (FairNAS).

    With decisions of different size, shorter ones start again from a new permutation.
    """
    most = max(net.cardinalities)
    columns = []
    for c in net.cardinalities:
        turns = [rng.permutation(c) for _ in range(-(-most // c))]
        columns.append(np.concatenate(turns)[:most])
    return np.stack(columns, axis=1)


def size_order(net: Supernet, seed: int = 0) -> list[NDArray[np.int64]]:
    """For each column the choices from the smallest to the largest: by the mean number of parameters, then of operations, of
    some rows in which the column alone is changed."""
    space = net.space
    rows = space.sample(EXAMPLES, seed)
    settle = getattr(space, "settle", lambda changed: changed)
    orders = []
    for column, many in enumerate(space.cardinalities):
        means = []
        for choice in range(many):
            changed = rows.copy()
            changed[:, column] = choice
            changed = settle(changed)
            changed = changed[space.is_valid(changed)]
            costs = space.costs(changed) if len(changed) else {}
            means.append([float(costs[name].mean()) if name in costs else 0.0 for name in ("params", "flops")])
        orders.append(np.lexsort(np.array(means).T[::-1]))
    return orders


def extremes(net: Supernet, seed: int = 0) -> NDArray[np.int64]:
    """``(2, d)`` the smallest and the largest row: the smallest or largest choice of every column where that is a row with a
    path, else the row of fewest or most parameters among the functions of the space or of a sample."""
    orders = size_order(net, seed)
    found = np.array([[order[end] for order in orders] for end in (0, -1)])
    settle = getattr(net.space, "settle", lambda rows: rows)
    found = settle(found)
    good = net.space.is_valid(found)
    good[good] = net.has_path(found[good])
    if not good.all():
        functions = functions_of(net, seed)
        order = np.argsort(net.space.costs(functions)["params"], kind="stable")
        ends = functions[order[[0, -1]]]
        found[~good] = ends[~good]
    return np.asarray(found)
