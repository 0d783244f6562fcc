"""Learning-curve extrapolation by a weighted sum of parametric families (Domhan et al. 2015): slow, and without training data."""

from __future__ import annotations

import zlib
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError
from archcast.predictors.base import Prediction, register
from archcast.predictors.learning_curve.curves import CurvePredictor, Curves
from archcast.predictors.parameters import Number, Whole
from archcast.spaces.base import SearchSpace

__all__ = ["LCE"]

UNKNOWN = 0.1
"""Standard deviation, as a share of the range, where no family is allowed."""


@register(
    "lce",
    summary="eleven parametric families of curves, combined by MCMC",
    paper="Domhan et al. 2015, https://www.ijcai.org/Proceedings/15/Papers/487.pdf",
    family="learning-curve",
    needs="a partial curve",
)
class LCE(CurvePredictor):
    """Learning-curve extrapolation (Domhan et al. 2015, https://www.ijcai.org/Proceedings/15/Papers/487.pdf).

    Each curve by itself is scaled to [0, 1]; eleven families with two to four parameters are fitted to it by least squares
    with a weak ridge; those whose value at the last epoch leaves [-.05, 1] or lies below the first epoch are dropped; and the
    posterior of all parameters, weights and the noise is sampled by the affine-invariant ensemble sampler (emcee). ``mean`` and
    ``std`` are those of the value at the last epoch of a full training, on the scale of the signal, higher is better. Where no
    family is left (a curve that falls, say), ``mean`` is the last value seen and ``std`` a tenth of the range. A complete curve is
    answered with its last value and a std of 0.

    Departures from the paper: normal priors as wide as parameters plausibly vary, in place of flat ones; walkers start from the
    normal approximations of the fits instead of next to their modes, so that 100 steps do what took thousands; weights are
    the softmax of normal variables; the fits of all curves run at once.

    Labels are not used. Curves given at init only tell how many epochs a training has and the range of the signal; without
    them pass ``total_epochs``.

    Args:
        space: any space.
        signal: name of the curve.
        epochs: fewest epochs that a row must have at query, at least 2.
        total_epochs: epochs of a full training; ``None`` takes the longest curve seen at init.
        highest: highest value that an accuracy or error can have, 1 or 100; ``None`` takes 100 if any value exceeds 1. Tell it
            where no curve has reached 1 %.
        walkers: of the sampler; it takes at least twice as many as there are parameters.
        steps: of each walker; a curve takes about 5 milliseconds a step.
        burn_in: first steps, thrown away.
        random_state: seed; each curve has its own stream, so its answer does not depend on the others.

    Examples:
        >>> import archcast
        >>> import numpy as np
        >>> curve = 90 - 60 * np.arange(1, 11.0) ** -0.7
        >>> predictor = archcast.get_predictor("lce", "nasbench201", total_epochs=50, steps=60, burn_in=30, random_state=0)
        >>> prediction = predictor.init().query([[3] * 6], archcast.Evidence({"val_accuracy": [curve]}))
        >>> bool(abs(prediction.mean[0] - (90 - 60 * 50**-0.7)) < 5)
        True
    """

    has_std = True
    fewest_epochs = 2
    monotone: ClassVar[bool] = False

    parameters = {
        "highest": Number(above=True, optional=True),
        "walkers": Whole(2),
        "steps": Whole(5),
        "burn_in": Whole(0),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        signal: str = "val_accuracy",
        epochs: int = 5,
        total_epochs: int | None = None,
        highest: float | None = None,
        walkers: int = 50,
        steps: int = 100,
        burn_in: int = 50,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, signal=signal, epochs=epochs, total_epochs=total_epochs, random_state=random_state)
        self.highest = highest
        self.walkers = walkers
        self.steps = steps
        self.burn_in = burn_in

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not 0 <= self.burn_in <= self.steps - 5:
            raise InvalidInputError(
                f"{self._title}: burn_in is {self.burn_in} and steps is {self.steps}: at least 5 steps must be left after burn_in."
            )

    def _learn(self, archs: NDArray[np.int64], scores: NDArray[np.float64], curves: Curves | None) -> None:
        self.seed_ = int(self._rng().integers(2**31))

    def _extrapolate(self, archs: NDArray[np.int64], curves: Curves) -> Prediction:
        from archcast.predictors.learning_curve._lce import posteriors, sample_final

        mean, std = curves.last.copy(), np.zeros(len(curves))
        rows = np.flatnonzero(~curves.complete)
        if len(rows) == 0:
            return Prediction(np.clip(mean, *curves.bounds), std)
        part = curves[rows]
        shares = part.shares[:, : part.seen.max()]
        for i, posterior in enumerate(posteriors(shares, part.seen, part.total, monotone=self.monotone)):
            row = slice(rows[i], rows[i] + 1)
            scale = curves.scale[row]
            if posterior is None:
                std[row] = scale.backward_std(np.array([UNKNOWN]))
                continue
            seen = np.ascontiguousarray(part.values[i, : part.seen[i]])
            value, error = sample_final(
                posterior,
                walkers=self.walkers,
                steps=self.steps,
                burn_in=self.burn_in,
                seed=[self.seed_, zlib.crc32(seen.tobytes())],
            )
            mean[row], std[row] = scale.backward(np.array([value])), scale.backward_std(np.array([error]))
        return Prediction(np.clip(mean, *curves.bounds), std)
