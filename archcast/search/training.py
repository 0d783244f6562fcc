"""The real thing as an objective: each architecture is trained when the search asks for it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from archcast.checks import listed, one_of, seed_of, whole
from archcast.errors import USER_ERRORS, InvalidInputError, short
from archcast.journal import fingerprint
from archcast.search.objectives import Arch, Evaluation, Objective
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["TrainingObjective", "Trains"]

COSTS = ("params", "flops", "seconds")


class Trains(Protocol):
    """What :class:`archcast.training.Trainer` is: it has a space and trains an architecture."""

    @property
    def space(self) -> SearchSpace:
        """Of the architectures."""

    def train(self, arch: Any, seed: int = 0) -> Any:
        """A record with ``curves``, ``test_accuracy``, ``seconds``, ``failure``, and the costs."""


class TrainingObjective(Objective):
    """Validation accuracy after a training.

    A trainer that is a dataclass with a ``recipe`` that says how many ``epochs`` can stop early: fewer epochs are a training of its
    own, with the whole schedule of the learning rate in them, and are paid for in full each time.

    Args:
        trainer: e.g. :class:`archcast.training.Trainer`.
        costs: further objectives: ``params``, ``flops`` or ``seconds``, negated, because higher is better.
        seed: of the trainings.

    Raises:
        InvalidInputError: ``trainer`` does not train, a cost has another name, or ``seed`` is none.
    """

    def __init__(self, trainer: Trains, costs: Sequence[str] = (), *, seed: int = 0) -> None:
        if not hasattr(trainer, "space") or not callable(getattr(trainer, "train", None)):
            raise InvalidInputError(
                f"trainer must have a space and a method train, as archcast.training.Trainer has, got {short(trainer)}."
            )
        costs = [one_of("cost", name, COSTS) for name in listed("costs", costs, "names")]
        self.trainer, self.costs, self.seed = trainer, tuple(costs), seed_of("seed", seed)
        self.space = get_space(trainer.space)
        self.names = ("val_accuracy", *(f"-{name}" for name in costs))
        recipe = getattr(trainer, "recipe", None)
        self.epochs = None if recipe is None else int(recipe.epochs)

    def _trainer(self, epochs: int) -> Trains:
        if self.epochs is None or epochs in (0, self.epochs):
            return self.trainer
        trainer: Any = self.trainer
        return dataclasses.replace(trainer, recipe=dataclasses.replace(trainer.recipe, epochs=epochs))

    def describe(self) -> dict[str, Any]:
        held = {k: v for k, v in vars(self.trainer).items() if k not in ("space", "dataset", "weights")}
        data = getattr(self.trainer, "dataset", None)
        return {
            **super().describe(),
            "dataset": getattr(data, "name", None),
            "trainer": {name: str(value) for name, value in held.items()},
            "contents": fingerprint(type(self.trainer), held, data),
            "train_seed": self.seed,
        }

    def evaluate(self, arch: Arch, epochs: int = 0, trained: int = 0) -> Evaluation:
        row = self.space.validate(arch, allow_empty=False, name="arch")[0]
        whole("epochs", epochs, 0)
        failed = (math.nan,) * len(self.names)
        share = (epochs or self.epochs) / self.epochs if self.epochs else 1.0
        try:
            run = self._trainer(epochs).train(row, self.seed)
        except USER_ERRORS as error:  # whatever a training may raise is the reason why it has no score
            return Evaluation(failed, share=share, failure=f"{type(error).__name__}: {' '.join(str(error).split())}")
        curves: Mapping[str, Any] = {name: np.asarray(curve, dtype=float) for name, curve in run.curves.items()}
        if run.failure is not None:
            return Evaluation(failed, run.seconds, share, curves, failure=run.failure)
        scores = (float(curves["val_accuracy"][-1]), *(-float(getattr(run, name)) for name in self.costs))
        return Evaluation(scores, run.seconds, share, curves, test=float(run.test_accuracy))
