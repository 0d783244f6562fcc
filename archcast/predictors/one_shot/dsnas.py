"""DSNAS: discrete samples with a credit for each edge, one level (Hu et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotDSNAS"]


@register(
    "one-shot-dsnas",
    summary="one descent on weights and a distribution, through discrete samples",
    paper="Hu et al. 2020, https://arxiv.org/abs/2002.09128",
    family="one-shot",
)
class OneShotDSNAS(MixedPredictor):
    """DSNAS (Hu et al. 2020, https://arxiv.org/abs/2002.09128).

    Each edge takes one operation, drawn from p = softmax(alpha), times a gate that is 1. One backward pass of the training loss
    gives the gradient of the weights, and dL/dgate of each edge, which is the cost of its choice: alpha descends along
    sum_edges (dL/dgate) grad_alpha log p(choice). It is the limit of SNAS's gradient for a temperature of 0.

    Departures: no early stop of decided edges.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`.
    """

    usual = {"epochs": 60, "learning_rate": 0.2, "measure": "loss"}

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._gumbel import LocalCredit

        return LocalCredit(net, settings, seed, self.alpha_rate)
