"""Stop a training that will not win, while it runs."""

from __future__ import annotations

import math
from typing import Any

from archcast.checks import numbers, real, whole
from archcast.errors import InvalidInputError, short
from archcast.forecasting.forecast import Forecast, forecast
from archcast.forecasting.metrics import Metric

__all__ = ["Stopper"]

CHANCE = 0.05
"""A training is stopped if it beats the best with a smaller probability: half of what a forecast advises, because this one looks
after every epoch, and once is enough."""


class Stopper:
    """Told a value after each epoch, it says whether to stop: if the training beats the best with a probability below ``chance``.

    One for each training loop; :mod:`archcast.integrations.keras` and :mod:`archcast.integrations.lightning` have the same as
    callbacks.

    Args:
        epochs: epochs of a full training.
        done: curves of finished trainings of the same kind, in any form that :func:`archcast.forecast` takes; they teach it, and
            the best of them is to be beaten.
        best: value to beat, if it is not the best of ``done``.
        metric: name of what is measured; it tells which way is better.
        better: ``"higher"`` or ``"lower"``, where the name does not tell.
        patience: epochs before the first decision.
        chance: stop below this probability.

    Attributes:
        curve: the values so far, one for each epoch from the first on; NaN where none was told.
        forecast: the last forecast, ``None`` before the first decision.

    Examples:
        >>> stopper = Stopper(epochs=30, best=0.9, metric="val_accuracy")
        >>> for epoch in range(30):
        ...     value = 0.5 * (1 - 0.7 ** (epoch + 1))  # train for an epoch, then evaluate
        ...     if stopper.update(value):
        ...         break
        >>> epoch < 15
        True

    Raises:
        InvalidInputError: a parameter is out of range, or there is nothing to beat.
    """

    def __init__(
        self,
        epochs: int,
        *,
        done: Any = None,
        best: float | None = None,
        metric: str = "val_accuracy",
        better: str | None = None,
        patience: int = 3,
        chance: float = CHANCE,
    ) -> None:
        self.epochs = whole("epochs", epochs, 1)
        self.patience = whole("patience", patience, 1)
        chance = real("chance", chance, 0, 1, inside=True)
        best = None if best is None else real("best", best)
        if done is None and best is None:
            raise InvalidInputError("there is nothing to beat: give best, or done with curves of finished trainings.")
        if Metric.of(metric, better) is None:
            raise InvalidInputError(
                f"metric {short(metric)} does not tell which way is better. Say better='higher' or 'lower'."
            )
        self.chance, self.best, self.metric, self.better = chance, best, metric, better
        known = None if done is None else forecast(done, epochs=epochs, metric=metric, better=better)
        self.done: list[list[float]] = [] if known is None else known.curves[known.finished].tolist()
        if best is None and not self.done:
            raise InvalidInputError(
                f"none of the curves in done has {epochs} epochs, so there is nothing to beat. Give best."
            )
        self.curve: list[float] = []
        self.forecast: Forecast | None = None

    def update(self, value: float, *, epoch: int | None = None) -> bool:
        """Whether to stop after an epoch with this value. NaN and infinite values stop at once: a divergence.

        Args:
            value: a number, or a tensor of one.
            epoch: number of the epoch, from 1 on; ``None`` is the next one. Epochs may be left out: those within are filled by
                straight lines, and where the first ones are not known, as in a training that was resumed, only what follows is
                compared.
        """
        number = numbers("value", value.detach().cpu() if hasattr(value, "detach") else value)
        if number.size != 1:
            raise InvalidInputError(f"value must be one number, got {short(value)}.")
        seen = len(self.curve)
        place = seen + 1 if epoch is None else whole("epoch", epoch, 1)
        if place <= seen:
            raise InvalidInputError(f"epoch must be above {seen}, the last epoch that was told, got {place}.")
        self.curve += [math.nan] * (place - 1 - seen) + [float(number.reshape(()))]
        if not math.isfinite(self.curve[-1]):
            return True
        known = [i for i, one in enumerate(self.curve) if math.isfinite(one)]
        if len(known) < self.patience or place >= self.epochs:
            return False
        curves = [curve[known[0] :] for curve in (*self.done, self.curve)]
        self.forecast = forecast(
            curves, epochs=self.epochs - known[0], metric=self.metric, better=self.better, best=self.best
        )
        return bool(self.forecast.chance_above_best[-1] < self.chance)

    def reset(self) -> None:
        """Forget the curve, for the next training."""
        self.curve, self.forecast = [], None

    @property
    def reason(self) -> str:
        """Why, in a phrase."""
        if self.curve and not math.isfinite(self.curve[-1]):
            return f"it diverged in epoch {len(self.curve)}"
        return "no decision yet" if self.forecast is None else self.forecast.reasons[-1]
