"""The evolution over the paths of a supernet, of SPOS and DetNAS, with any predictor in the supernet's place."""

from __future__ import annotations

from typing import Any

from archcast.predictors.base import Predictor
from archcast.search.base import register
from archcast.search.strategies._guided import Guided
from archcast.spaces.base import SearchSpace

__all__ = ["SPOSEvolution"]


@register(
    "spos-evolution",
    summary="evolution over paths that a supernet, or any predictor, scores",
    paper="Guo et al. 2019, https://arxiv.org/abs/1904.00420; Chen et al. 2019 (DetNAS), https://arxiv.org/abs/1903.10979",
    uses_predictor=True,
)
class SPOSEvolution(Guided):
    """The search of Single Path One-Shot (Guo et al. 2019, https://arxiv.org/abs/1904.00420) and DetNAS (Chen et al. 2019,
    https://arxiv.org/abs/1903.10979).

    Every batch is a whole evolution: generations of 50 paths; the ten best of all so far have 25 children by mutation, which
    redraws each decision with probability .1, and 25 by uniform crossover; paths above the limit on the cost are thrown away.
    The best new ones are asked for.

    The papers score a path by the weights of a supernet that was trained before: give such a predictor, initialised
    (``get_predictor("one-shot-random-sampling", space).init()``). A predictor that is not initialised learns from what is told
    instead.

    Args:
        space: search space.
        predictor: of the score.
        cost, limit, cost_predictor: as for ``ofa-evolution``.
        population: number of children in a generation.
        parents: number of paths that have children.
        mutants: number of children by mutation.
        generations: number of generations.
        chance: probability that a mutation redraws a decision.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("spos-evolution", "nasbench201", predictor="bayesian-linear", random_state=0)
        >>> archs = strategy.ask(10)
        >>> strategy.tell(archs, (archs == 3).sum(axis=1))
        >>> strategy.ask(5).shape
        (5, 6)
    """

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        predictor: str | Predictor = "gp",
        population: int = 50,
        parents: int = 10,
        mutants: int = 25,
        generations: int = 20,
        **common: Any,
    ) -> None:
        super().__init__(
            space,
            predictor=predictor,
            population=population,
            parents=parents,
            mutants=mutants,
            generations=generations,
            **common,
        )
