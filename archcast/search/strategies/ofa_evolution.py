"""Once-for-All's evolutionary search: predictors of accuracy and of latency, and a limit on the latter."""

from __future__ import annotations

from archcast.search.base import register
from archcast.search.strategies._guided import Guided

__all__ = ["OFAEvolution"]


@register(
    "ofa-evolution",
    summary="evolution on a predictor of the score, under a limit on a predicted cost",
    paper="Cai et al. 2020, https://arxiv.org/abs/1908.09791",
    uses_predictor=True,
)
class OFAEvolution(Guided):
    """The search of Once-for-All (Cai et al. 2020, https://arxiv.org/abs/1908.09791), with any predictors.

    Every batch is a whole evolution of ``generations`` times ``population`` architectures that are only predicted. The best
    quarter of all so far are parents; half of their children are mutations, which redraw each decision with probability ``chance``,
    and half are uniform crossovers. An architecture above the limit is thrown away. The best new ones are asked for.

    The paper's predictors learn once, from 16,000 architectures of a supernet: give such predictors, initialised. A predictor that
    is not initialised learns from what is told, batch after batch. There are 30 generations instead of the paper's 500.

    Args:
        space: search space.
        predictor: of the score.
        cost: what is limited: ``"macs"``, ``"params"``, ``"activations"``, ``"told"`` (the second objective), or an initialised
            predictor of latency, say ``latency`` or ``latency-table``.
        limit: largest cost allowed; ``None`` for no limit.
        cost_predictor: learns the second objective, for ``cost="told"``.
        population: number of children in a generation.
        parents: number of rows that have children.
        mutants: number of children by mutation.
        generations: number of generations.
        chance: probability that a mutation redraws a decision.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> strategy = archcast.get_strategy("ofa-evolution", space, cost="params", limit=400_000, random_state=0)
        >>> archs = strategy.ask(10)
        >>> strategy.tell(archs, (archs == 3).sum(axis=1))
        >>> bool((space.costs(strategy.ask(5))["params"] <= 400_000).all())
        True
    """
