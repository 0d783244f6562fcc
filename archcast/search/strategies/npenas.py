"""NPENAS: evolution whose offspring a predictor chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archcast.predictors.base import Predictor
from archcast.search.base import register
from archcast.search.strategies.bayesian import Bayesian
from archcast.spaces.base import SearchSpace

__all__ = ["NPENAS"]


@register(
    "npenas",
    summary="evolution: a predictor chooses among many mutations of the best",
    paper="Wei et al. 2020, https://arxiv.org/abs/2003.12857",
    uses_predictor=True,
)
class NPENAS(Bayesian):
    """NPENAS-NP (Wei et al. 2020, https://arxiv.org/abs/2003.12857).

    The ``n_parents`` best architectures get ``n_candidates`` children, and a predictor, a graph network in the paper, takes those
    with the highest predicted scores. It needs no std. ``acquisition="its"`` is close to the paper's NPENAS-BO.

    Args:
        space: search space.
        predictor, acquisition, candidates, n_candidates, n_parents, batch, kappa: see ``bayesian``.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> archcast.get_strategy("npenas", "nasbench201", predictor="xgboost-rank", random_state=0).acquisition
        'mean'
    """

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        predictor: str | Predictor = "gcn",
        acquisition: str = "mean",
        candidates: str | Sequence[str] = "mutation",
        batch: str = "top",
        **common: Any,
    ) -> None:
        super().__init__(
            space, predictor=predictor, acquisition=acquisition, candidates=candidates, batch=batch, **common
        )
