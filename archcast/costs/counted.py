"""The layers that a space counts, for a whole batch of networks at once.

A space that counts by formulas says in its :class:`~archcast.costs.tally.Tally` which layers its networks have. So a table of
the times of layers can be summed for any number of networks without building one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Counted, listing

__all__ = ["Layer", "distinct", "layers_each", "summed", "tallied"]

Layer = tuple[Any, ...]
"""Kind and numbers of one layer."""


def tallied(count: Callable[[NDArray[np.int64]], object], rows: NDArray[np.int64]) -> list[Counted] | None:
    """The layers of the networks of ``(n, d)`` rows.

    Args:
        count: counts the costs of rows.
        rows: distinct rows.

    Returns:
        ``None`` where networks are built to be counted, or several are counted as one.
    """
    found: list[Counted] = []
    for some in (rows[:1], rows):  # where a single network has to be built, no other is
        with listing() as tallies:
            count(some)
        if not tallies or any(len(tally.params) != len(some) for tally in tallies):
            return None
        found = [layer for tally in tallies for layer in tally.layers or ()]
    return found


def _grouped(counted: Counted, n: int) -> tuple[list[Layer], NDArray[np.int64], NDArray[np.float64]]:
    """The different layers, which of them each network has, and how often."""
    times = np.broadcast_to(np.asarray(counted.times, dtype=np.float64), (n,))
    varying = [np.broadcast_to(number, (n,)) for number in counted.numbers if np.ndim(number)]
    code = np.zeros(n, dtype=np.int64)
    for number in varying:
        _, place = np.unique(number, return_inverse=True)
        code = code * (place.max(initial=0) + 1) + place
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    layers = [
        (counted.kind, *(_plain(number[k] if np.ndim(number) else number) for number in counted.numbers))
        for k in first.tolist()
    ]
    return layers, place, times


def _plain(number: Any) -> int:
    return round(float(number))


def layers_each(layers: Iterable[Counted], n: int) -> list[Counter[Layer]]:
    """The layers of each of ``n`` networks, and how often it has them."""
    found: list[Counter[Layer]] = [Counter() for _ in range(n)]
    for counted in layers:
        kinds, place, times = _grouped(counted, n)
        for network, kind, many in zip(found, place.tolist(), times.tolist(), strict=True):
            if many:
                network[kinds[kind]] += round(many)
    return found


def distinct(layers: Iterable[Counted], n: int) -> list[Layer]:
    """The different layers of ``n`` networks."""
    found: set[Layer] = set()
    for counted in layers:
        kinds, place, times = _grouped(counted, n)
        had = np.bincount(place, weights=times, minlength=len(kinds)) > 0
        found.update(layer for layer, there in zip(kinds, had, strict=True) if there)
    return sorted(found)


def summed(layers: Iterable[Counted], n: int, time_of: Callable[[Layer], float]) -> NDArray[np.float64]:
    """``(n,)`` sums of the times of all layers."""
    total = np.zeros(n)
    for counted in layers:
        kinds, place, times = _grouped(counted, n)
        total += times * np.array([time_of(layer) for layer in kinds])[place]
    return total
