"""A Lightning callback that stops a training that will not win."""

from __future__ import annotations

from typing import Any

from archcast.errors import InvalidInputError, require
from archcast.forecasting.stopper import Stopper

try:
    from lightning.pytorch import Callback
except ImportError:
    try:
        from pytorch_lightning import Callback
    except ImportError:
        require("lightning", extra="lightning", feature="archcast.integrations.lightning")
        raise

__all__ = ["StopHopeless"]


class StopHopeless(Callback):
    """Stops ``trainer.fit`` after a validation from which the training will hardly beat the best.

    A validation counts as an epoch; the one before training, which only checks, does not. In distributed training log the
    metric with ``sync_dist=True``: all processes then decide alike.

    Args:
        metric: name under which the module logs it.
        epochs: validations of a full training; ``None`` takes ``trainer.max_epochs``.
        **rest: ``done``, ``best``, ``better``, ``patience``, ``chance`` of :class:`~archcast.forecasting.stopper.Stopper`.

    Attributes:
        stopper: what decides, made when a training begins.
        stopped_epoch: validations before it stopped the training; ``None`` if it did not.

    Example::

        trainer = Trainer(max_epochs=50, callbacks=[StopHopeless("val_acc", best=0.93)])
    """

    def __init__(self, metric: str = "val_acc", *, epochs: int | None = None, **rest: Any) -> None:
        super().__init__()
        self.metric, self.epochs, self.rest = metric, epochs, rest
        self.stopped_epoch: int | None = None

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Forget the training before."""
        self.stopper = Stopper(self.epochs or trainer.max_epochs, metric=self.metric, **self.rest)
        self.stopped_epoch = None

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Decide."""
        if trainer.sanity_checking:
            return
        if self.metric not in trainer.callback_metrics:
            has = ", ".join(sorted(trainer.callback_metrics)) or "nothing"
            raise InvalidInputError(
                f"StopHopeless: the module logs no {self.metric!r}, only {has}. Choose metric from them."
            )
        if self.stopper.update(float(trainer.callback_metrics[self.metric])):
            self.stopped_epoch = len(self.stopper.curve)
            trainer.should_stop = True
