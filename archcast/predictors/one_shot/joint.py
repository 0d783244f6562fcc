"""Plain training of the whole supernet at once: the baseline of weight sharing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._predictor import OneShotPredictor

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotJoint"]


@register(
    "one-shot-joint",
    summary="a supernet trained as one network, all operations at once",
    paper="Bender et al. 2018, https://proceedings.mlr.press/v80/bender18a.html",
    family="one-shot",
)
class OneShotJoint(OneShotPredictor):
    """SGD on the whole supernet: at every edge the mean of all operations. Weights adapt to each other's presence, so single
    architectures, which have none of the others, are badly served: what the other regimes mend.

    The parameters are those of :class:`~archcast.predictors.one_shot._predictor.OneShotPredictor`.
    """

    usual = {"epochs": 30, "learning_rate": 0.2, "measure": "accuracy"}

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._dropped import Dropped

        return Dropped(net, settings, seed, 0.0, False, 1)
