"""The real thing as an objective: each architecture is trained when the search asks for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from archcast.errors import InvalidInputError
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

    Args:
        trainer: e.g. :class:`archcast.training.Trainer`.
        costs: further objectives: ``params``, ``flops`` or ``seconds``, negated, because higher is better.
        seed: of the trainings.

    Raises:
        InvalidInputError: for another cost.
    """

    def __init__(self, trainer: Trains, costs: Sequence[str] = (), *, seed: int = 0) -> None:
        for name in costs:
            if name not in COSTS:
                raise InvalidInputError(f"Unknown objective {name!r} of a training. Available: {', '.join(COSTS)}.")
        self.trainer, self.costs, self.seed = trainer, tuple(costs), seed
        self.space = get_space(trainer.space)
        self.names = ("val_accuracy", *(f"-{name}" for name in costs))

    def evaluate(self, arch: Arch, epochs: int = 0, trained: int = 0) -> Evaluation:
        failed = (math.nan,) * len(self.names)
        try:
            run = self.trainer.train(arch, self.seed)
        except Exception as error:  # whatever a training may raise is the reason why it has no score
            return Evaluation(failed, failure=f"{type(error).__name__}: {' '.join(str(error).split())}")
        curves: Mapping[str, Any] = {name: np.asarray(curve, dtype=float) for name, curve in run.curves.items()}
        if run.failure is not None:
            return Evaluation(failed, run.seconds, curves=curves, failure=run.failure)
        scores = (float(curves["val_accuracy"][-1]), *(-float(getattr(run, name)) for name in self.costs))
        return Evaluation(scores, run.seconds, curves=curves, test=float(run.test_accuracy))
