"""REBAR and RELAX: unbiased gradients of little variance through a discrete sample (Tucker et al. 2017; Grathwohl et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor
from archcast.predictors.parameters import Number, Word
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotRelax"]


@register(
    "one-shot-relax",
    summary="bilevel descent through a discrete path by an unbiased estimator with a relaxed control variate (REBAR, RELAX)",
    paper="Tucker et al. 2017, https://arxiv.org/abs/1703.07370; Grathwohl et al. 2018, https://arxiv.org/abs/1711.00123",
    family="one-shot",
)
class OneShotRelax(MixedPredictor):
    """REBAR (Tucker et al. 2017, https://arxiv.org/abs/1703.07370) and RELAX (Grathwohl et al. 2018,
    https://arxiv.org/abs/1711.00123) for the distribution over paths.

    With z = log p + Gumbel noise, p = softmax(alpha), the path is b = one-hot(argmax z), and z~ is a draw from z given b. For a
    control variate c, the gradient of E[L_val(b)] in alpha is the mean of

        (L_val(b) - c(z~)) grad log p(b) + grad c(z) - grad c(z~).

    REBAR takes c(z) = eta L_val(softmax(z / T)), the loss of the relaxed path. RELAX adds a small network of z. Eta and the
    network descend along the gradient of the squared estimate, which is that of its variance, as its mean does not depend on
    them. The weights train the path of another draw.

    Departures: T stays as it is; the loss of the relaxed path gets no gradient of the variance in the weights of the supernet.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`, and:

    Args:
        estimator: ``rebar`` or ``relax``.
        temperature: T.
        control_rate: learning rate of eta and of the network.
    """

    usual = {"epochs": 60, "learning_rate": 0.2, "measure": "loss"}
    parameters = {
        "estimator": Word("rebar", "relax"),
        "temperature": Number(0, above=True),
        "control_rate": Number(0, 10),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        estimator: str = "rebar",
        temperature: float = 0.5,
        control_rate: float = 0.01,
        **params: Any,
    ) -> None:
        super().__init__(space, **params)
        self.estimator = estimator
        self.temperature = temperature
        self.control_rate = control_rate

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._controlled_variate import ControlledVariate

        return ControlledVariate(
            net, settings, seed, self.alpha_rate, self.estimator, self.temperature, self.control_rate
        )
