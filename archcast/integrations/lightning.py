"""A Lightning callback that stops a training that will not win."""

from __future__ import annotations

import math
import warnings
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

    A validation counts as an epoch; the one before training, which only checks, does not. A checkpoint holds the curve, so that a
    resumed training goes on with it. In distributed training log the metric with ``sync_dist=True``: all processes then decide
    alike.

    Args:
        metric: name under which the module logs it.
        epochs: validations of a full training; ``None`` counts those that the trainer's ``max_epochs`` and ``max_steps`` leave
            room for.
        **rest: ``done``, ``best``, ``better``, ``patience``, ``chance`` of :class:`~archcast.forecasting.stopper.Stopper`.

    Attributes:
        stopper: what decides, made when a training begins.
        stopped_epoch: validations before it stopped the training; ``None`` if it did not.

    Example::

        trainer = Trainer(max_epochs=50, callbacks=[StopHopeless("val_acc", best=0.93)])
    """

    stopper: Stopper

    def __init__(self, metric: str = "val_acc", *, epochs: int | None = None, **rest: Any) -> None:
        super().__init__()
        self.metric, self.epochs, self.rest = metric, epochs, rest
        self.stopped_epoch: int | None = None
        self._before: list[float] = []

    def state_dict(self) -> dict[str, Any]:
        """The curve, for a checkpoint."""
        return {"curve": list(self.stopper.curve) if hasattr(self, "stopper") else []}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The curve of a checkpoint, for the training that resumes it."""
        self._before = list(state_dict["curve"])

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin a curve, or go on with that of the checkpoint."""
        self.stopper = Stopper(self.epochs or validations(trainer), metric=self.metric, **self.rest)
        self.stopper.curve, self._before = self._before, []
        self.stopped_epoch = None
        if not trainer.enable_validation:
            warnings.warn("StopHopeless decides nothing: this training has no validation.", stacklevel=2)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Decide."""
        if trainer.sanity_checking or trainer.state.fn != "fit":  # ``trainer.validate`` is no part of a training
            return
        if self.metric not in trainer.callback_metrics:
            has = ", ".join(sorted(trainer.callback_metrics)) or "nothing"
            raise InvalidInputError(
                f"StopHopeless: the module logs no {self.metric!r}, only {has}. Choose metric from them."
            )
        if self.stopper.update(float(trainer.callback_metrics[self.metric])):
            self.stopped_epoch = len(self.stopper.curve)
            trainer.should_stop = True


def validations(trainer: Any) -> int:
    """Validations of a full training: what ``max_epochs`` and ``max_steps``, ``check_val_every_n_epoch`` and ``val_check_interval``
    come to.

    Raises:
        InvalidInputError: the trainer has no end that could be counted, such as with ``max_time`` alone.
    """
    batches, interval, every = trainer.num_training_batches, trainer.val_check_batch, trainer.check_val_every_n_epoch
    epochs, rest = math.inf if trainer.max_epochs in (None, -1) else trainer.max_epochs, 0
    if trainer.max_steps != -1 and math.isfinite(batches):
        most = trainer.max_steps * trainer.accumulate_grad_batches
        if most < epochs * batches:  # the last epoch may end after a few batches
            epochs, rest = divmod(most, batches)
    if interval is None:  # by the clock
        total = math.inf
    elif every is None:
        total = (epochs * batches + rest) / interval
    else:
        total = epochs // every * (1 if math.isinf(interval) else max(batches // interval, 1))
        total += rest // interval if (epochs + 1) % every == 0 else 0
    if not math.isfinite(total):
        raise InvalidInputError(
            "StopHopeless: how many validations a full training has cannot be told from the trainer. Give epochs, their number."
        )
    return max(int(total), 1)
