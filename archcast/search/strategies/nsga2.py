"""NSGA-II: evolution of a population that spreads along the Pareto front."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import whole
from archcast.search.base import Strategy, register
from archcast.search.candidates import crossover
from archcast.search.checks import number
from archcast.search.pareto import crowding, pareto_ranks
from archcast.spaces.base import SearchSpace

__all__ = ["NSGA2", "survivors"]


@register(
    "nsga2",
    summary="evolution of several objectives: fronts first, then the least crowded",
    paper="Deb et al. 2002, https://doi.org/10.1109/4235.996017",
)
class NSGA2(Strategy):
    """NSGA-II (Deb et al. 2002, https://doi.org/10.1109/4235.996017), for one objective or any number.

    Every ``population`` architectures told are a generation. They join the survivors of the generations before, and of all these
    the best ``population`` survive: lower fronts of non-dominated sorting first, and in the last front that has room the
    architectures with the largest crowding distance. Parents win a tournament of two by the same order. A child is a uniform
    crossover of two parents, or with probability ``1 - crossover`` a copy of one, and then one decision of it is changed.

    What differs from the paper: decisions are discrete, so crossover is uniform and a mutation redraws one decision; no function
    is asked for twice; a generation that is not complete counts as far as it was told, so that a batch can have any size.

    Args:
        space: search space.
        population: number of survivors, and of architectures in a generation.
        crossover: probability that a child has two parents.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("nsga2", "nasbench201", random_state=0)
        >>> archs = strategy.ask(20)
        >>> convolutions = (archs == 3).sum(axis=1)
        >>> strategy.tell(archs, np.stack([convolutions, -convolutions], axis=1))
        >>> strategy.ask(5).shape
        (5, 6)
    """

    multi_objective = True

    def __init__(
        self, space: str | SearchSpace, *, population: int = 20, crossover: float = 0.9, **common: Any
    ) -> None:
        super().__init__(space, **common)
        self.population = whole("population", population, 2)
        self.crossover = number("crossover", crossover, 0, 1)

    def _propose(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        known = self.history[self.history.succeeded]
        alive = known.archs[_evolved(known.scores, self.population)]
        many = 3 * n
        first, second = alive[rng.integers(len(alive), size=(2, many, 2)).min(axis=2)]  # the earlier one is the better
        alone = rng.random(many) >= self.crossover
        children = crossover(self.space, first, np.where(alone[:, None], first, second), rng)
        return self.space.mutate(children, rng)


def survivors(scores: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Numbers of the best ``n`` of ``(m, k)`` scores, best first: by front, within a front by crowding distance."""
    ranks = pareto_ranks(scores)
    distance = np.zeros(len(scores))
    for rank in np.unique(ranks):
        distance[ranks == rank] = crowding(scores[ranks == rank])
    return np.lexsort([-distance, ranks])[:n]


def _evolved(scores: NDArray[np.float64], population: int) -> NDArray[np.int64]:
    """Numbers of those that survived all generations, best first."""
    alive = np.arange(0)
    for start in range(0, len(scores), population):
        together = np.concatenate([alive, np.arange(start, min(start + population, len(scores)))])
        alive = together[survivors(scores[together], population)]
    return alive
