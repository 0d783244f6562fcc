"""Learning-curve extrapolation with families that must rise: the variant that White et al. 2021 call LCE-m."""

from __future__ import annotations

from typing import Any

from archcast.predictors.base import register
from archcast.predictors.learning_curve.lce import LCE
from archcast.spaces.base import SearchSpace

__all__ = ["LCEM"]


@register(
    "lce-m",
    summary="parametric families that must rise, few of them, combined by MCMC",
    paper="Klein et al. 2017, https://openreview.net/forum?id=S11KBYclx",
    family="learning-curve",
    needs="a partial curve",
)
class LCEM(LCE):
    """LCE-m of White et al. 2021 (https://arxiv.org/abs/2104.01177), after Klein et al. 2017.

    As :class:`~archcast.predictors.learning_curve.lce.LCE`, but a family must not fall anywhere between the second and
    the last epoch, and only those families take part that a non-negative least-squares combination of all fits makes
    use of. That leaves about ten parameters instead of fifty, so the sampler converges sooner.

    Args:
        space: any space.
        signal: name of the curve.
        epochs: fewest epochs that a row must have at query, at least 2.
        total_epochs: epochs of a full training; ``None`` takes the longest curve seen at init.
        highest: highest value that an accuracy or error can have, 1 or 100; ``None`` takes 100 if any value exceeds 1. Tell it
            where no curve has reached 1 %.
        walkers: of the sampler; White et al. use 50.
        steps: of each walker; White et al. use 800.
        burn_in: first steps, thrown away; White et al. use 500.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> import numpy as np
        >>> curve = 90 - 60 * np.arange(1, 11.0) ** -0.7
        >>> predictor = archcast.get_predictor("lce-m", "nasbench201", total_epochs=50, steps=60, burn_in=30, random_state=0)
        >>> prediction = predictor.init().query([[3] * 6], archcast.Evidence({"val_accuracy": [curve]}))
        >>> bool(abs(prediction.mean[0] - (90 - 60 * 50**-0.7)) < 5)
        True
    """

    monotone = True

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        signal: str = "val_accuracy",
        epochs: int = 5,
        total_epochs: int | None = None,
        highest: float | None = None,
        walkers: int = 50,
        steps: int = 200,
        burn_in: int = 100,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            space,
            signal=signal,
            epochs=epochs,
            total_epochs=total_epochs,
            highest=highest,
            walkers=walkers,
            steps=steps,
            burn_in=burn_in,
            random_state=random_state,
        )
