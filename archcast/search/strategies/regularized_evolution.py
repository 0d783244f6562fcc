"""Regularized evolution: tournaments among the youngest architectures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import whole
from archcast.search.base import Strategy, register
from archcast.spaces.base import SearchSpace

__all__ = ["RegularizedEvolution"]


@register(
    "regularized-evolution",
    summary="aging evolution: mutate the winner of a tournament, the oldest die",
    paper="Real et al. 2018, https://arxiv.org/abs/1802.01548",
    default=True,
)
class RegularizedEvolution(Strategy):
    """Aging evolution (Real et al. 2018, https://arxiv.org/abs/1802.01548).

    The population is the ``population`` architectures told last. For each new one, ``tournament`` of them are drawn and the best
    is mutated once.

    Args:
        space: search space.
        population: architectures alive.
        tournament: architectures in a tournament.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("regularized-evolution", "nasbench201", random_state=0)
        >>> archs = strategy.ask(10)
        >>> strategy.tell(archs, (archs == 3).sum(axis=1))
        >>> len(strategy.ask(5))
        5
    """

    def __init__(self, space: str | SearchSpace, *, population: int = 30, tournament: int = 10, **common: Any) -> None:
        super().__init__(space, **common)
        self.population = whole("population", population, 1)
        self.tournament = whole("tournament", tournament, 1)

    def _propose(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        known = self.history[self.history.succeeded]
        alive, scores = known.archs[-self.population :], known.scores[-self.population :, 0]
        drawn = rng.integers(len(alive), size=(3 * n, self.tournament))
        winners = drawn[np.arange(3 * n), scores[drawn].argmax(axis=1)]
        return self.space.mutate(alive[winners], rng)
