"""NASP: one operation an edge going forward, by a proximal step (Yao et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotNASP"]


@register(
    "one-shot-nasp",
    summary="proximal descent: discrete going forward, continuous when it is updated",
    paper="Yao et al. 2020, https://arxiv.org/abs/1905.13577",
    family="one-shot",
)
class OneShotNASP(MixedPredictor):
    """NASP (Yao et al. 2020, https://arxiv.org/abs/1905.13577).

    Each edge has numbers a in [0, 1]. Its discrete form a^ is a projected on the vectors with one entry that is not 0: the largest
    is kept. Then a <- clip(a - eps grad_a^ L_val(w, a^), 0, 1), and the weights train at a^ projected anew, one operation an edge.

    Departures: the entry that is kept counts as 1, so that weights see a plain path.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`.
    """

    usual = {"epochs": 60, "learning_rate": 0.2, "measure": "loss"}

    def __init__(self, space: Any, *, alpha_rate: float = 0.1, **params: Any) -> None:
        super().__init__(space, alpha_rate=alpha_rate, **params)

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._proximal import Proximal

        return Proximal(net, settings, seed, self.alpha_rate)
