"""SNAS: a relaxed sample of the architecture, trained together with the weights (Xie et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor
from archcast.predictors.parameters import Number
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotSNAS"]


@register(
    "one-shot-snas",
    summary="one descent on weights and a concrete distribution over operations",
    paper="Xie et al. 2019, https://arxiv.org/abs/1812.09926",
    family="one-shot",
)
class OneShotSNAS(MixedPredictor):
    """SNAS (Xie et al. 2019, https://arxiv.org/abs/1812.09926).

    Z = softmax((log softmax(alpha) + g) / T) with Gumbel noise g is a sample of the concrete distribution, and an edge is
    sum_o Z_o o(x). Weights and alpha descend together along the gradient of the training loss: there is one level, and no held-out
    image. T falls geometrically.

    Departures: no penalty on the resources of the architecture.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`, and:

    Args:
        first_temperature, last_temperature: T at the start and at the end.
    """

    usual = {"epochs": 30, "learning_rate": 0.2, "measure": "accuracy"}
    parameters = {"first_temperature": Number(0, above=True), "last_temperature": Number(0, above=True)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        first_temperature: float = 1.0,
        last_temperature: float = 0.03,
        **params: Any,
    ) -> None:
        super().__init__(space, **params)
        self.first_temperature = first_temperature
        self.last_temperature = last_temperature

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._gumbel import Concrete

        return Concrete(net, settings, seed, self.alpha_rate, self.first_temperature, self.last_temperature)
