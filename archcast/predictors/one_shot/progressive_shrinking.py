"""Progressive shrinking: the largest network first, then smaller and smaller ones (Cai et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._predictor import OneShotPredictor
from archcast.predictors.parameters import Number, Whole
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotProgressiveShrinking"]


@register(
    "one-shot-progressive-shrinking",
    summary="a supernet whose largest network is trained first, and in which smaller choices join one after the other",
    paper="Cai et al. 2020, https://arxiv.org/abs/1908.09791",
    family="one-shot",
)
class OneShotProgressiveShrinking(OneShotPredictor):
    """Once-for-All's progressive shrinking (Cai et al. 2020, https://arxiv.org/abs/1908.09791).

    The largest row is trained alone. Then one decision after the other becomes elastic, from its largest choice to its
    smallest: kernels, then depths, then widths where the space has these, all columns at once elsewhere. Random rows of the choices
    that are open learn from the predictions of the largest, which goes on learning the labels.

    Departures: the teacher is the largest row as it is now, not a copy from before the shrinking; the phases follow each
    other within one schedule of the learning rate.

    The parameters are those of :class:`~archcast.predictors.one_shot._predictor.OneShotPredictor`, and:

    Args:
        middle: random rows a batch.
        first: share of the training that the largest row has alone.
    """

    usual = {"epochs": 50, "learning_rate": 0.2, "measure": "loss"}
    parameters = {"middle": Whole(1), "first": Number(0, 1)}

    def __init__(self, space: str | SearchSpace, *, middle: int = 3, first: float = 0.2, **params: Any) -> None:
        super().__init__(space, **params)
        self.middle = middle
        self.first = first

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._sandwich import Shrinking

        return Shrinking(net, settings, seed, self.middle, self.first)
