"""DARTS: the gradient of the validation loss in a softmax over operations (Liu et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.one_shot._mixed_predictor import MixedPredictor
from archcast.predictors.parameters import Whole
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.supernets.loop import Regime, Settings

__all__ = ["OneShotDARTS"]


class _Order(Whole):
    """1 or 2."""

    def allows(self, value: Any) -> bool:
        return super().allows(value) and value <= 2

    @property
    def wants(self) -> str:
        return "1 or 2"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return 0, 3, "first", True


@register(
    "one-shot-darts",
    summary="bilevel gradient descent on a softmax over operations",
    paper="Liu et al. 2019, https://arxiv.org/abs/1806.09055",
    family="one-shot",
)
class OneShotDARTS(MixedPredictor):
    """DARTS (Liu et al. 2019, https://arxiv.org/abs/1806.09055).

    An edge is sum_o softmax(alpha)_o o(x). Alpha descends along grad_alpha L_val(w - xi grad_w L_train(w, alpha), alpha).
    First order takes xi = 0. Second order takes xi = the learning rate of w; by the chain rule, the gradient is

        grad_alpha L_val(w', alpha) - xi (grad_alpha L_train(w+, alpha) - grad_alpha L_train(w-, alpha)) / (2 eps),

    with w' the weights after the inner step, w+- = w +- eps grad_w' L_val(w', alpha) and eps = .01 / ||grad_w' L_val(w', alpha)||.

    Departures: the inner step is plain gradient descent, without momentum and decay; learning rates suit trainings of some
    hundred steps.

    The parameters are those of :class:`~archcast.predictors.one_shot._mixed_predictor.MixedPredictor`, and:

    Args:
        order: 1 or 2.
    """

    parameters = {"order": _Order(1)}

    def __init__(self, space: str | SearchSpace, *, order: int = 1, **params: Any) -> None:
        super().__init__(space, **params)
        self.order = order

    def _regime(self, net: Any, settings: Settings, seed: int) -> Regime:
        from archcast.predictors.one_shot._bilevel import Bilevel

        return Bilevel(net, settings, seed, self.alpha_rate, self.order)
