"""Where candidates come from: mutations of the best, mixtures of two, random rows, or the whole space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.spaces.base import SearchSpace

__all__ = ["SOURCES", "crossover", "mutants"]

SOURCES: dict[str, str] = {
    "mutation": "mutations of the best architectures",
    "random": "random architectures",
    "all": "the whole space, or pool, if it can be enumerated",
}
"""Name -> meaning of the sources of candidates."""


def mutants(
    space: SearchSpace,
    parents: NDArray[np.int64],
    n: int,
    rng: np.random.Generator,
    *,
    continues: float = 0.5,
) -> NDArray[np.int64]:
    """``n`` mutations of ``(m, d)`` parents, each of a random one: one change and, with probability ``continues``, one more,
    and so on; at most as many as there are decisions."""
    rows = parents[rng.integers(len(parents), size=n)]
    changes = np.minimum(rng.geometric(1 - continues, size=n), len(space.cardinalities))
    for k in range(int(changes.max(initial=0))):
        some = changes > k
        rows[some] = space.mutate(rows[some], rng)
    return rows


def crossover(
    space: SearchSpace, first: NDArray[np.int64], second: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Children of ``(n, d)`` pairs: each decision comes from either parent with probability one half (uniform crossover).

    Decisions that are inactive in the child become 0. Where the mixture is no row of the space, the child is the first parent.
    """
    rows = np.where(rng.random(first.shape) < 0.5, first, second)
    rows = np.where(space.active(rows), rows, 0)
    return np.where(space.is_valid(rows)[:, None], rows, first)
