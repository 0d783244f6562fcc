"""Which rows a supernet is trained on.

What decides how well shared weights rank is the distribution of the rows. Uniformly over *rows*, deep edges starve: many rows
have dead edges. Uniformly over *functions*, every distinct live cell is as likely as any other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace
from archcast.supernets.base import Supernet

__all__ = ["DRAWS", "fair_rows", "functions_of", "live_rows"]

DRAWS = 5_000
"""Rows that stand for a space that is too large to enumerate."""


def functions_of(net: Supernet, seed: int = 0) -> NDArray[np.int64]:
    """``(n, d)`` one row for each function of the space that has a path; of a large space, for the functions of a sample."""
    space: SearchSpace = net.space
    try:
        rows = space.enumerate()
    except InvalidInputError:
        rows = space.sample(DRAWS, seed)
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
