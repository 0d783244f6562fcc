"""What the one-shot predictors share that learn a mixture by gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from archcast.predictors.one_shot._predictor import SCORES, OneShotPredictor
from archcast.predictors.parameters import Number, Rule, Word
from archcast.spaces.base import SearchSpace

__all__ = ["MixedPredictor"]


class MixedPredictor(OneShotPredictor):
    """Base of the differentiable methods: the parameters of
    :class:`~archcast.predictors.one_shot._predictor.OneShotPredictor`, and:

    Args:
        alpha_rate: learning rate of the mixture's logits; published values of 3e-4 are made for trainings that are a hundred
            times longer than on small images.
    """

    usual: ClassVar[Mapping[str, Any]] = {"epochs": 30, "learning_rate": 0.2, "measure": "accuracy"}
    parameters: ClassVar[Mapping[str, Rule]] = {
        "alpha_rate": Number(0, 10, above=True),
        "measure": Word(*SCORES, "likelihood", optional=True),
    }

    def __init__(self, space: str | SearchSpace, *, alpha_rate: float = 0.01, **params: Any) -> None:
        super().__init__(space, **params)
        self.alpha_rate = alpha_rate

    def _network_settings(self) -> dict[str, Any]:
        # a learnt scale could undo what alpha says
        return {"affine": False}
