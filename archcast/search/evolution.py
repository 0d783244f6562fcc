"""Evolution inside a model: many generations of rows that are only scored by a function, none of them trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.search.candidates import crossover
from archcast.spaces.base import SearchSpace

__all__ = ["evolve"]

TRIES = 20
"""Most times that children which are not allowed are replaced by others."""

Rows = NDArray[np.int64]


def evolve(
    space: SearchSpace,
    start: Rows,
    score: Callable[[Rows], NDArray[np.float64]],
    allowed: Callable[[Rows], NDArray[np.bool_]],
    rng: np.random.Generator,
    *,
    population: int,
    parents: int,
    mutants: int,
    generations: int,
    chance: float,
) -> Rows:
    """Every row that the evolution scored, the best first; no row twice.

    In each generation the ``parents`` best rows so far get ``mutants`` children by mutation and ``population - mutants`` by uniform
    crossover of two of them. A child that is not allowed is replaced by another one.

    Args:
        space: of the rows.
        start: ``(m, d)`` the first generation, all allowed.
        score: ``(n, d)`` rows -> ``(n,)``, higher is better.
        allowed: ``(n, d)`` rows -> ``(n,)`` bool.
        rng: random generator.
        population: number of children in a generation.
        parents: number of rows that have children.
        mutants: number of children by mutation.
        generations: number of generations after the first.
        chance: probability that a mutation redraws a decision; one at least is redrawn.
    """
    rows = np.unique(start, axis=0)
    values = score(rows)
    for _ in range(generations):
        best = rows[np.argsort(-values, kind="stable")[:parents]]
        mutated = _children(lambda n: _mutated(space, best, n, chance, rng), mutants, allowed)  # noqa: B023
        crossed = _children(lambda n: _crossed(space, best, n, rng), population - mutants, allowed)  # noqa: B023
        known = {row.tobytes() for row in rows}
        children = np.unique(np.concatenate([mutated, crossed]), axis=0)
        children = children[[row.tobytes() not in known for row in children]]
        if len(children):
            rows, values = np.concatenate([rows, children]), np.concatenate([values, score(children)])
    return rows[np.argsort(-values, kind="stable")]


def _children(make: Callable[[int], Rows], n: int, allowed: Callable[[Rows], Any]) -> Rows:
    """``n`` allowed children, fewer if they are hard to find."""
    found = make(0)
    for _ in range(TRIES):
        if len(found) >= n:
            break
        more = make(n - len(found))
        found = np.concatenate([found, more[allowed(more)]])
    return found


def _mutated(space: SearchSpace, parents: Rows, n: int, chance: float, rng: np.random.Generator) -> Rows:
    rows = parents[rng.integers(len(parents), size=n)]
    changes = np.maximum(rng.binomial(rows.shape[1], chance, size=n), 1)
    for k in range(int(changes.max(initial=0))):
        some = changes > k
        rows[some] = space.mutate(rows[some], rng)
    return rows


def _crossed(space: SearchSpace, parents: Rows, n: int, rng: np.random.Generator) -> Rows:
    first, second = rng.integers(len(parents), size=(2, n))
    return crossover(space, parents[first], parents[second], rng)
