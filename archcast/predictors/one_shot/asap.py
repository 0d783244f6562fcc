"""ASAP: anneal the softmax, and prune operations as soon as they fall behind (Noy et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor
from archcast.predictors.parameters import Number
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotASAP"]


@register(
    "one-shot-asap",
    summary="DARTS with an annealed softmax that prunes on the way",
    paper="Noy et al. 2020, https://arxiv.org/abs/1904.04123",
    family="one-shot",
)
class OneShotASAP(MixedPredictor):
    """ASAP (Noy et al. 2020, https://arxiv.org/abs/1904.04123).

    An edge is sum_o p_o o(x) with p = softmax(alpha / T) over the operations that are left. T falls geometrically. After each epoch
    operations with p below ``threshold`` / c leave for good, c being how many there were at first; the best stays.

    Departures: the threshold is constant; T falls by the share of the training that is over.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`, and:

    Args:
        threshold: share of an even probability under which an operation is pruned.
        first_temperature, last_temperature: T at the start and at the end.
    """

    parameters = {
        "threshold": Number(0, 1),
        "first_temperature": Number(0, above=True),
        "last_temperature": Number(0, above=True),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        threshold: float = 0.4,
        first_temperature: float = 1.0,
        last_temperature: float = 0.1,
        **params: Any,
    ) -> None:
        super().__init__(space, **params)
        self.threshold = threshold
        self.first_temperature = first_temperature
        self.last_temperature = last_temperature

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._pruned import Annealed

        return Annealed(
            net, settings, seed, self.alpha_rate, self.threshold, self.first_temperature, self.last_temperature
        )
