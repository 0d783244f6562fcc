"""DrNAS: the mixture is a draw from a Dirichlet distribution that is learnt (Chen et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor
from archcast.predictors.parameters import Number
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotDrNAS"]


@register(
    "one-shot-drnas",
    summary="bilevel descent on a Dirichlet distribution of mixtures",
    paper="Chen et al. 2021, https://arxiv.org/abs/2006.10355",
    family="one-shot",
)
class OneShotDrNAS(MixedPredictor):
    """DrNAS (Chen et al. 2021, https://arxiv.org/abs/2006.10355).

    The mixture of an edge is drawn from Dir(beta) with beta = elu(alpha) + 1, in every pass anew. Alpha descends along the
    pathwise gradient of L_val + lambda KL(Dir(beta) || Dir(1)), the weights along that of L_train.

    Departures: the penalty is the KL divergence, for the paper's distance to the anchor 1; no progressive growth; Adam's
    first moment decays by .9 a step, not .5, which averages over more draws and ranks better.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`, and:

    Args:
        penalty: lambda.
    """

    usual = {"epochs": 30, "learning_rate": 0.2, "measure": "accuracy"}
    parameters = {"penalty": Number(0)}

    def __init__(self, space: str | SearchSpace, *, penalty: float = 1e-3, **params: Any) -> None:
        super().__init__(space, **params)
        self.penalty = penalty

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._dirichlet import DirichletMixed

        return DirichletMixed(net, settings, seed, self.alpha_rate, self.penalty)
