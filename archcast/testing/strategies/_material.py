"""What the checks of strategies are made of: new strategies, scores, rounds of asking and telling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.search.base import Strategy

Rows = NDArray[np.int64]


def fresh(strategy: Strategy, seed: int = 0, **changes: object) -> Strategy:
    """A new strategy of the same class and parameters, but for the changes."""
    params = {**strategy.get_params(), **changes}
    return type(strategy)(strategy.space, random_state=seed, **params)


def scores_of(strategy: Strategy, archs: Rows) -> NDArray[np.float64]:
    """A smooth function of the rows with one maximum, the largest value of each decision; of functions, not of notations."""
    rows = strategy.space.canonical(archs)
    return np.asarray((rows / np.maximum(np.asarray(strategy.space.cardinalities) - 1, 1)).mean(axis=1))


def step(strategy: Strategy, n: int = 5) -> Rows:
    """Ask and tell once."""
    archs = strategy.ask(n)
    strategy.tell(archs, scores_of(strategy, archs))
    return archs


def run_for(strategy: Strategy, rounds: int = 6, n: int = 5) -> Strategy:
    """The strategy after so many rounds of ``n`` evaluations."""
    for _ in range(rounds):
        step(strategy, n)
    return strategy


def keys_of(strategy: Strategy, archs: Rows, epochs: NDArray[np.int64]) -> list[tuple[bytes, int]]:
    """Equal for evaluations that would be the same."""
    return [(row.tobytes(), int(e)) for row, e in zip(strategy.space.canonical(archs), epochs)]
