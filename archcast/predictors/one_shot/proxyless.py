"""ProxylessNAS: binary gates, two paths at a time (Cai et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor
from archcast.predictors.parameters import Word
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotProxyless"]


@register(
    "one-shot-proxyless",
    summary="bilevel descent through binary gates",
    paper="Cai et al. 2019, https://arxiv.org/abs/1812.00332",
    family="one-shot",
)
class OneShotProxyless(MixedPredictor):
    """ProxylessNAS (Cai et al. 2019, https://arxiv.org/abs/1812.00332).

    The weights train one path, each edge's operation drawn from p = softmax(alpha). Alpha trains on held-out images:

    - ``gates``: two operations of each edge are drawn by p; softmax over these two alone says which of them is open. With g the
      gates, dL/dalpha_i = sum_j dL/dg_j p_j (1[i = j] - p_i) over the two, and after the step both logits are shifted by one
      number, so that the probabilities of the other operations stay as they were.
    - ``reinforce``: paths are drawn and alpha climbs (R - baseline) grad log p(path), with R minus the loss and the baseline a
      moving average.

    Departures: no latency term; R is minus the loss, where the paper's is an accuracy with latency; the step of alpha is plain
    descent times ``alpha_rate``, not Adam, whose normalisation would undo that rarely drawn operations get few steps.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`, and:

    Args:
        estimator: ``gates`` or ``reinforce``.
    """

    usual = {"epochs": 60, "learning_rate": 0.2, "measure": "loss"}
    parameters = {"estimator": Word("gates", "reinforce")}

    def __init__(
        self, space: str | SearchSpace, *, estimator: str = "gates", alpha_rate: float = 0.1, **params: Any
    ) -> None:
        super().__init__(space, alpha_rate=alpha_rate, **params)
        self.estimator = estimator

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._gates import Gates

        return Gates(net, settings, seed, self.alpha_rate, self.estimator)
