"""BANANAS: a deep ensemble, mutations of the best as candidates, independent Thompson sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archcast.predictors.base import Predictor
from archcast.search.base import register
from archcast.search.strategies.bayesian import Bayesian
from archcast.spaces.base import SearchSpace

__all__ = ["Bananas"]


@register(
    "bananas",
    summary="ensemble predictor, mutation candidates, independent Thompson sampling",
    paper="White et al. 2019, https://arxiv.org/abs/1910.11858",
    uses_predictor=True,
)
class Bananas(Bayesian):
    """BANANAS (White et al. 2019, https://arxiv.org/abs/1910.11858).

    ``bayesian`` with the choices of the paper: an ensemble of networks on the path encoding, independent Thompson sampling, and
    mutations of the best architectures as candidates. Scores enter as normal quantiles of their ranks, as everywhere here.

    Args:
        space: search space.
        predictor, acquisition, candidates, n_candidates, n_parents, batch, kappa: see ``bayesian``.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> archcast.get_strategy("bananas", "nasbench201", random_state=0).ask(2).shape
        (2, 6)
    """

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        predictor: str | Predictor = "bananas",
        acquisition: str = "its",
        candidates: str | Sequence[str] = "mutation",
        **common: Any,
    ) -> None:
        super().__init__(space, predictor=predictor, acquisition=acquisition, candidates=candidates, **common)
