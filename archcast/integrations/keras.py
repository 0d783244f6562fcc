"""A Keras callback that stops a training that will not win."""

from __future__ import annotations

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

    def __init__(self, metric: str = "val_accuracy", *, epochs: int | None = None, **rest: Any) -> None:
        super().__init__()
        self.metric, self.epochs, self.rest = metric, epochs, rest
        self.stopped_epoch: int | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the training before."""
        total: Any = self.epochs or (self.params or {}).get("epochs")
        self.stopper = Stopper(total, metric=self.metric, **self.rest)
        self.stopped_epoch = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Decide."""
        if self.metric not in (logs or {}):
            has = ", ".join(sorted(logs or {})) or "nothing"
            raise InvalidInputError(
                f"StopHopeless: Keras logs no {self.metric!r}, only {has}. Choose metric from them."
            )
        if self.stopper.update((logs or {})[self.metric]):
            self.stopped_epoch = epoch + 1
            self.model.stop_training = True
