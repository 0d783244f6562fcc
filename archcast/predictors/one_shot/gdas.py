"""GDAS: one sampled path, hard going forward and soft going backward (Dong & Yang 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor
from archcast.predictors.parameters import Number
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotGDAS"]


@register(
    "one-shot-gdas",
    summary="bilevel descent through one path sampled with Gumbel noise",
    paper="Dong & Yang 2019, https://arxiv.org/abs/1910.04465",
    family="one-shot",
)
class OneShotGDAS(MixedPredictor):
    """GDAS (Dong & Yang 2019, https://arxiv.org/abs/1910.04465).

    With Gumbel noise g, h~ = softmax((log softmax(alpha) + g) / T), and an edge is the operation of largest h~: its weight is
    1 going forward, and the derivative of h~ going backward (straight-through). T falls over the training. One operation an edge is
    computed; the derivative is taken of its weight alone, as in the authors' program.

    Departures: T falls geometrically, not linearly.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`, and:

    Args:
        first_temperature, last_temperature: T at the start and at the end.
    """

    usual = {"epochs": 60, "learning_rate": 0.2, "measure": "loss"}
    parameters = {"first_temperature": Number(0, above=True), "last_temperature": Number(0, above=True)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        first_temperature: float = 10.0,
        last_temperature: float = 0.1,
        **params: Any,
    ) -> None:
        super().__init__(space, **params)
        self.first_temperature = first_temperature
        self.last_temperature = last_temperature

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._gumbel import HardPath

        return HardPath(net, settings, seed, self.alpha_rate, self.first_temperature, self.last_temperature)
