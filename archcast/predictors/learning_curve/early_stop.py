"""The last value of a partial learning curve: train every architecture a little and keep the best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import Prediction, register
from archcast.predictors.learning_curve.curves import CurvePredictor, Curves

__all__ = ["EarlyStop"]


@register(
    "early-stop",
    summary="validation accuracy (or loss) at the last epoch seen",
    paper="Elsken et al. 2018, https://arxiv.org/abs/1711.04528",
    family="learning-curve",
    needs="a partial curve",
    default=True,
)
class EarlyStop(CurvePredictor):
    """The value at the last epoch seen (Elsken et al. 2018, https://arxiv.org/abs/1711.04528).

    ``mean`` is the signal itself; a falling one (``val_loss``) is negated, so that higher is better. Nothing is learned. Rows
    of uneven length are compared as they are, which favours those that were trained longer.

    Args:
        space: any space.
        signal: name of the curve.
        epochs: fewest epochs that a row must have at query.
        total_epochs: epochs of a full training; it plays no part here.
        random_state: not used.

    Examples:
        >>> import archcast
        >>> predictor = archcast.get_predictor("early-stop", "nasbench201", epochs=2).init()
        >>> curves = {"val_accuracy": [[20.0, 60.0, float("nan")], [30.0, 40.0, 45.0]]}
        >>> predictor.query([[0] * 6, [3] * 6], archcast.Evidence(curves)).mean.tolist()
        [60.0, 45.0]
    """

    needs_total = False

    def _extrapolate(self, archs: NDArray[np.int64], curves: Curves) -> Prediction:
        return Prediction(curves.last)
