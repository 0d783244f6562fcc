"""BONAS: Bayesian regression on the embedding of a graph network, upper confidence bound, evolved candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archcast.predictors.base import Predictor
from archcast.search.base import register
from archcast.search.strategies.bayesian import Bayesian
from archcast.spaces.base import SearchSpace

__all__ = ["Bonas"]


@register(
    "bonas",
    summary="graph network with Bayesian regression, upper confidence bound",
    paper="Shi et al. 2020, https://arxiv.org/abs/1911.09336",
    uses_predictor=True,
)
class Bonas(Bayesian):
    """BONAS (Shi et al. 2020, https://arxiv.org/abs/1911.09336).

    ``bayesian`` with the choices of the paper: the predictor of the same name, the upper confidence bound, and candidates from
    evolution: mutations of the best architectures. The batch is the candidates with the highest bounds.

    Args:
        space: search space.
        predictor, acquisition, candidates, n_candidates, n_parents, batch, kappa: see ``bayesian``.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> archcast.get_strategy("bonas", "nasbench201", random_state=0).acquisition
        'ucb'
    """

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        predictor: str | Predictor = "bonas",
        acquisition: str = "ucb",
        candidates: str | Sequence[str] = "mutation",
        batch: str = "top",
        **common: Any,
    ) -> None:
        super().__init__(
            space, predictor=predictor, acquisition=acquisition, candidates=candidates, batch=batch, **common
        )
