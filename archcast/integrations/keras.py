"""A Keras callback that stops a training that will not win."""

from __future__ import annotations

import warnings
from typing import Any

from archcast.errors import InvalidInputError, require
from archcast.forecasting.stopper import Stopper

try:
    from keras.callbacks import Callback
except ImportError:
    require("keras", extra="keras", feature="archcast.integrations.keras")
    raise

__all__ = ["StopHopeless"]


class StopHopeless(Callback):
    """Stops ``model.fit`` after an epoch from which the training will hardly beat the best.

    Epochs without a validation (``validation_freq``) are passed over. A training that goes on (``initial_epoch``) with the same
    callback keeps the curve of its earlier epochs.

    Args:
        metric: name in Keras' logs.
        epochs: epochs of a full training; ``None`` takes those of ``model.fit``.
        **rest: ``done``, ``best``, ``better``, ``patience``, ``chance`` of :class:`~archcast.forecasting.stopper.Stopper`.

    Attributes:
        stopper: what decides, made when a training begins.
        stopped_epoch: epochs that were run before it stopped the training; ``None`` if it did not.

    Example::

        model.fit(x, y, validation_data=val, epochs=50, callbacks=[StopHopeless("val_accuracy", best=0.93)])
    """

    stopper: Stopper

    def __init__(self, metric: str = "val_accuracy", *, epochs: int | None = None, **rest: Any) -> None:
        super().__init__()
        self.metric, self.epochs, self.rest = metric, epochs, rest
        self.stopped_epoch: int | None = None
        self._before: list[float] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin a curve; the first epoch tells how much of the one before it continues."""
        total: Any = self.epochs or (self.params or {}).get("epochs")
        self._before = self.stopper.curve if hasattr(self, "stopper") else []
        self.stopper = Stopper(total, metric=self.metric, **self.rest)
        self.stopped_epoch = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Decide."""
        logs = logs or {}
        if self._before is not None:
            self.stopper.curve, self._before = self._before[:epoch], None
        if self.metric not in logs:
            has = ", ".join(sorted(logs)) or "nothing"
            if not self.metric.startswith("val_") or any(name.startswith("val_") for name in logs):
                raise InvalidInputError(
                    f"StopHopeless: Keras logs no {self.metric!r}, only {has}. Choose metric from them."
                )
            if not self.stopper.curve:
                warnings.warn(
                    f"StopHopeless decides nothing before the first validation: Keras logs only {has} so far.",
                    stacklevel=2,
                )
        elif self.stopper.update(logs[self.metric], epoch=epoch + 1):
            self.stopped_epoch = epoch + 1
            self.model.stop_training = True
