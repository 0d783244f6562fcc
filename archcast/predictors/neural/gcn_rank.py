"""The graph convolutional predictor with a ranking loss (Ning et al. 2020)."""

from __future__ import annotations

from typing import Any

from archcast.predictors.base import register
from archcast.predictors.neural.gcn import GCN
from archcast.spaces.base import SearchSpace

__all__ = ["RankGCN"]


@register(
    "gcn-rank",
    summary="ensemble of graph convolutional networks with a pairwise ranking loss",
    paper="Wen et al. 2020, https://arxiv.org/abs/1912.00848; Ning et al. 2020, https://arxiv.org/abs/2004.01899",
    family="neural",
    default=True,
)
class RankGCN(GCN):
    """``gcn`` with the hinge loss of Ning et al. 2020: the mean of ``max(0, .1 - f_i + f_j)`` over pairs with ``t_i > t_j``.

    It is ``gcn`` with ``loss="hinge"``, and its parameters are those of :class:`~archcast.predictors.neural.gcn.GCN`.
    """

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        n_members: int = 5,
        hidden: int = 48,
        layers: int = 3,
        epochs: int = 100,
        learning_rate: float = 1e-2,
        weight_decay: float = 1e-2,
        loss: str = "hinge",
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        super().__init__(
            space,
            n_members=n_members,
            hidden=hidden,
            layers=layers,
            epochs=epochs,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            loss=loss,
            device=device,
            random_state=random_state,
        )
