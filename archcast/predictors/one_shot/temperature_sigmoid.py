"""Gates that are open or shut on their own: a sigmoid whose temperature falls (Savarese et al. 2020; Chu et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor
from archcast.predictors.parameters import Number
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotTemperatureSigmoid"]


@register(
    "one-shot-temperature-sigmoid",
    summary="bilevel descent on a sigmoid gate for each operation, whose temperature falls",
    paper="Savarese et al. 2020, https://arxiv.org/abs/1912.04427; Chu et al. 2020, https://arxiv.org/abs/1911.12126",
    family="one-shot",
)
class OneShotTemperatureSigmoid(MixedPredictor):
    """Sigmoid gates with a temperature (continuous sparsification, Savarese et al. 2020, https://arxiv.org/abs/1912.04427; each
    operation on its own, as in FairDARTS, Chu et al. 2020, https://arxiv.org/abs/1911.12126).

    An edge is sum_o sigmoid(alpha_o / T) o(x): operations do not compete, as in a softmax, so that none gains from the loss of
    another. T falls geometrically, and the gates tend to 0 and 1. Alpha descends along the gradient of L_val, the weights along
    that of L_train. Likelihoods are by the gates of an edge divided by their sum.

    Departures: no zero-one loss and no penalty on open gates; what pushes gates to their ends is the temperature.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`, and:

    Args:
        first_temperature, last_temperature: T at the start and at the end.
    """

    parameters = {"first_temperature": Number(0, above=True), "last_temperature": Number(0, above=True)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        first_temperature: float = 1.0,
        last_temperature: float = 0.1,
        **params: Any,
    ) -> None:
        super().__init__(space, **params)
        self.first_temperature = first_temperature
        self.last_temperature = last_temperature

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._sigmoid import SigmoidGates

        return SigmoidGates(net, settings, seed, self.alpha_rate, self.first_temperature, self.last_temperature)
