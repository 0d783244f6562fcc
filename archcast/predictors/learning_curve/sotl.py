"""The sum of training losses: how fast a network trains says how good it will be (Ru et al. 2021)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import Prediction, register
from archcast.predictors.learning_curve.curves import CurvePredictor, Curves
from archcast.spaces.base import SearchSpace

__all__ = ["Sotl"]


@register(
    "sotl",
    summary="sum of the training losses of all epochs seen",
    paper="Ru et al. 2021, https://arxiv.org/abs/2006.04492",
    family="learning-curve",
    needs="a partial curve",
)
class Sotl(CurvePredictor):
    """Sum of training losses, SoTL (Ru et al. 2021, https://arxiv.org/abs/2006.04492).

    With loss ``l_t`` of epoch ``t``, the mean over the mini-batches of that epoch while they were trained on, and ``s`` epochs
    seen, ``mean`` is ::

        -(l_1 + ... + l_s) / s

    The paper compares sums over equally many epochs. The division keeps that ranking and makes rows of uneven length
    comparable. Nothing is learned.

    Args:
        space: any space.
        signal: name of the curve.
        epochs: fewest epochs that a row must have at query.
        total_epochs: epochs of a full training; it plays no part here.
        random_state: not used.

    Examples:
        >>> import archcast
        >>> predictor = archcast.get_predictor("sotl", "nasbench201", epochs=3).init()
        >>> curves = {"train_loss": [[2.0, 1.0, 0.9], [3.0, 2.0, 0.4]]}
        >>> predictor.query([[3] * 6, [0] * 6], archcast.Evidence(curves)).mean.round(6).tolist()
        [-1.3, -1.8]
    """

    needs_total = False

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        signal: str = "train_loss",
        epochs: int = 5,
        total_epochs: int | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, signal=signal, epochs=epochs, total_epochs=total_epochs, random_state=random_state)

    def _extrapolate(self, archs: NDArray[np.int64], curves: Curves) -> Prediction:
        return Prediction(np.nansum(curves.values, axis=1) / curves.seen)
