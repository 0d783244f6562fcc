"""PC-DARTS: DARTS on a part of the channels, with weights for the edges (Xu et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor
from archcast.predictors.parameters import Number, Whole
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotPCDARTS"]


@register(
    "one-shot-pc-darts",
    summary="DARTS on one in four channels, with weights for the edges",
    paper="Xu et al. 2020, https://arxiv.org/abs/1907.05737",
    family="one-shot",
)
class OneShotPCDARTS(MixedPredictor):
    """PC-DARTS (Xu et al. 2020, https://arxiv.org/abs/1907.05737).

    The operations of an edge see the first of K equal groups of channels, the others pass by, and the groups are shuffled. A node j
    is sum_i softmax(beta_j)_i of its edges' mixtures (edge normalisation). Alpha and beta are trained by first-order DARTS, after a
    warm-up of the weights alone. Memory and time fall by nearly K.

    A row is scored by its path through the partial channels; its likelihood counts alpha alone.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`, and:

    Args:
        groups: K; the channels of the network must be a multiple.
        warmup: share of the training in which the weights are trained alone.
    """

    parameters = {"groups": Whole(1), "warmup": Number(0, 1)}

    def __init__(self, space: str | SearchSpace, *, groups: int = 4, warmup: float = 0.3, **params: Any) -> None:
        super().__init__(space, **params)
        self.groups = groups
        self.warmup = warmup

    def _network_settings(self) -> dict[str, Any]:
        return {"affine": False, "partial": self.groups}

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._partial import Partial

        return Partial(net, settings, seed, self.alpha_rate, self.warmup)
