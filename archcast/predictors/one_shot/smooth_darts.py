"""SmoothDARTS: weights that stay good when the mixture is perturbed (Chen & Hsieh 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor
from archcast.predictors.parameters import Number, Whole, Word
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotSmoothDARTS"]


@register(
    "one-shot-smooth-darts",
    summary="DARTS whose weights are trained under perturbed mixtures",
    paper="Chen & Hsieh 2020, https://arxiv.org/abs/2002.05283",
    family="one-shot",
)
class OneShotSmoothDARTS(MixedPredictor):
    """SmoothDARTS (Chen & Hsieh 2020, https://arxiv.org/abs/2002.05283).

    The weights descend along grad_w L_train(w, softmax(alpha) + delta). ``random``: delta is uniform in the box of radius eps.
    ``adversarial``: delta is the maximum of L_train in that box, by projected ascent along the sign of the gradient. Alpha
    descends as in first-order DARTS. The radius eps rises linearly from a tenth of its last value.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`, and:

    Args:
        perturbation: ``random`` or ``adversarial``.
        radius: eps at the end.
        ascents: steps of the adversary.
    """

    parameters = {
        "perturbation": Word("random", "adversarial"),
        "radius": Number(0, 1),
        "ascents": Whole(1),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        perturbation: str = "random",
        radius: float = 0.3,
        ascents: int = 3,
        **params: Any,
    ) -> None:
        super().__init__(space, **params)
        self.perturbation = perturbation
        self.radius = radius
        self.ascents = ascents

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._smooth import Smooth

        adversarial = self.perturbation == "adversarial"
        return Smooth(net, settings, seed, self.alpha_rate, self.radius, self.ascents if adversarial else 0)
