"""The sandwich rule: the largest and the smallest network in every step, and some between (Yu & Huang 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._predictor import OneShotPredictor
from archcast.predictors.parameters import Whole
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotSandwich"]


@register(
    "one-shot-sandwich",
    summary="a supernet trained on its largest, its smallest and some random networks a batch, taught by the largest",
    paper="Yu & Huang 2019, https://arxiv.org/abs/1903.05134",
    family="one-shot",
)
class OneShotSandwich(OneShotPredictor):
    """The sandwich rule with in-place distillation (Yu & Huang 2019, https://arxiv.org/abs/1903.05134).

    Every step trains the largest row on the labels, and the smallest row and ``middle`` random ones on the predictions of the
    largest, which get no gradient from that. It is made for spaces of sizes, such as ``nats-size``; in a space of operations the
    largest row is the one of most parameters.

    Departures: the step follows the mean of the gradients, not their sum, which diverges at this learning rate.

    The parameters are those of :class:`~archcast.predictors.one_shot._predictor.OneShotPredictor`, and:

    Args:
        middle: random rows a batch.
    """

    usual = {"epochs": 50, "learning_rate": 0.2, "measure": "loss"}
    parameters = {"middle": Whole(1)}

    def __init__(self, space: str | SearchSpace, *, middle: int = 2, **params: Any) -> None:
        super().__init__(space, **params)
        self.middle = middle

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._sandwich import Sandwich

        return Sandwich(net, settings, seed, self.middle)
