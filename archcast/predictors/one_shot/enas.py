"""ENAS: a recurrent controller draws the paths that share weights (Pham et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from archcast.predictors.base import register
from archcast.predictors.one_shot._predictor import SCORES, OneShotPredictor
from archcast.predictors.parameters import Number, Rule, Whole, Word
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotENAS"]


@register(
    "one-shot-enas",
    summary="a supernet whose paths an LSTM controller draws, trained by REINFORCE",
    paper="Pham et al. 2018, https://arxiv.org/abs/1802.03268",
    family="one-shot",
)
class OneShotENAS(OneShotPredictor):
    """ENAS (Pham et al. 2018, https://arxiv.org/abs/1802.03268).

    An LSTM draws one decision after the other, each told the one before: p(a) = prod_j softmax(2.5 tanh(l_j / 5))_a_j. Each
    batch trains the weights of one drawn path. Then paths are drawn and the controller climbs (R + lambda H - baseline) grad
    log p(a): R is the accuracy on a held-out batch, H the entropy of the draw, the baseline a moving average.

    Departures: the controller learns after each batch, not after each epoch; paths without an output are drawn again.

    The parameters are those of :class:`~archcast.predictors.one_shot._predictor.OneShotPredictor`, and:

    Args:
        hidden: width of the LSTM.
        alpha_rate: learning rate of the controller (Adam).
        samples: paths that a step of the controller draws.
        entropy: lambda.
    """

    usual: ClassVar[Mapping[str, Any]] = {"epochs": 60, "learning_rate": 0.05, "measure": "loss"}
    parameters: ClassVar[Mapping[str, Rule]] = {
        "hidden": Whole(1),
        "alpha_rate": Number(0, 10, above=True),
        "samples": Whole(1),
        "entropy": Number(0),
        "measure": Word(*SCORES, "likelihood", optional=True),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        hidden: int = 32,
        alpha_rate: float = 0.003,
        samples: int = 2,
        entropy: float = 1e-3,
        **params: Any,
    ) -> None:
        super().__init__(space, **params)
        self.hidden = hidden
        self.alpha_rate = alpha_rate
        self.samples = samples
        self.entropy = entropy

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._controller import Controlled

        return Controlled(net, settings, seed, self.hidden, self.alpha_rate, self.samples, self.entropy)
