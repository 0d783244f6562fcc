"""The sum of the training losses of the last epochs seen (Ru et al. 2021): the curve feature of OMNI."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError
from archcast.predictors.base import Prediction, register
from archcast.predictors.learning_curve.curves import CurvePredictor, Curves
from archcast.predictors.parameters import Whole
from archcast.spaces.base import SearchSpace

__all__ = ["SotlE"]


@register(
    "sotl-e",
    summary="sum of the training losses of the last E epochs seen",
    paper="Ru et al. 2021, https://arxiv.org/abs/2006.04492",
    family="learning-curve",
    needs="a partial curve",
    default=True,
)
class SotlE(CurvePredictor):
    """Sum of training losses of the last E epochs, SoTL-E (Ru et al. 2021, https://arxiv.org/abs/2006.04492).

    With loss ``l_t`` of epoch ``t`` and ``s`` epochs seen, ``mean`` is ``-(l_(s-E+1) + ... + l_s)``. It forgets the first epochs,
    in which networks differ for reasons that do not last. The paper recommends E = 1. Nothing is learned.

    Args:
        space: any space.
        window: E, at least 1 and at most ``epochs``.
        signal: name of the curve.
        epochs: fewest epochs that a row must have at query.
        total_epochs: epochs of a full training; it plays no part here.
        random_state: not used.

    Examples:
        >>> import archcast
        >>> predictor = archcast.get_predictor("sotl-e", "nasbench201", epochs=3, window=2).init()
        >>> curves = {"train_loss": [[2.0, 1.0, 0.9], [3.0, 2.0, 0.4]]}
        >>> predictor.query([[3] * 6, [0] * 6], archcast.Evidence(curves)).mean.round(6).tolist()
        [-1.9, -2.4]
    """

    parameters = {"window": Whole(1)}
    needs_total = False

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        window: int = 1,
        signal: str = "train_loss",
        epochs: int = 5,
        total_epochs: int | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, signal=signal, epochs=epochs, total_epochs=total_epochs, random_state=random_state)
        self.window = window

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not 1 <= self.window <= self.epochs:
            raise InvalidInputError(
                f"SotlE: window is {self.window!r}: it must be between 1 and epochs={self.epochs}, the epochs that are seen."
            )

    def _extrapolate(self, archs: NDArray[np.int64], curves: Curves) -> Prediction:
        columns = curves.seen[:, None] - np.arange(1, self.window + 1)
        return Prediction(np.take_along_axis(curves.values, columns, axis=1).sum(axis=1))
