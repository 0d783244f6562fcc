"""SMASH: a hypernetwork writes the weights of each architecture (Brock et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._predictor import OneShotPredictor
from archcast.predictors.parameters import Whole, Word
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotSMASH"]


@register(
    "one-shot-smash",
    summary="a hypernetwork that writes the weights of each architecture",
    paper="Brock et al. 2018, https://arxiv.org/abs/1708.05344",
    family="one-shot",
)
class OneShotSMASH(OneShotPredictor):
    """SMASH (Brock et al. 2018, https://arxiv.org/abs/1708.05344).

    A hypernetwork maps the one-hot row to the kernels of the cell's convolutions; stem, norms and classifier are shared as they
    are. Each batch draws a random architecture, and the gradient of its loss trains the hypernetwork.

    Departures: the hypernetwork is a perceptron of one hidden layer whose output is added to a shared kernel, not a
    convolutional one over a memory-bank encoding. It takes no prefix that architectures share, so queries are slower.

    The parameters are those of :class:`~archcast.predictors.one_shot._predictor.OneShotPredictor`, and:

    Args:
        hidden: width of the hypernetwork.
        sampling: ``functions`` or ``rows``.
    """

    usual = {"epochs": 50, "learning_rate": 0.05, "measure": "loss"}
    parameters = {"hidden": Whole(1), "sampling": Word("functions", "rows")}

    def __init__(
        self, space: str | SearchSpace, *, hidden: int = 16, sampling: str = "functions", **params: Any
    ) -> None:
        super().__init__(space, **params)
        self.hidden = hidden
        self.sampling = sampling

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._hypernetwork import Written

        return Written(net, settings, seed, self.sampling, self.hidden)
