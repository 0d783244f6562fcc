"""Training as an objective, with a stand-in for the trainer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError
from archcast.search import TrainingObjective, run_search


class Trainer:
    """Trains nothing."""

    space = archcast.get_space("nasbench201")

    def train(self, arch, seed=0):
        if arch[0] == 4:
            raise MemoryError("too large")
        share = float((arch == 3).mean())
        return SimpleNamespace(
            curves={"val_accuracy": [share / 2, share], "val_loss": [1.0, math.nan]},
            test_accuracy=share - 0.01,
            seconds=3.0,
            params=int((arch == 3).sum()) * 100,
            failure="diverged" if arch[0] == 0 else None,
        )


def test_a_run_becomes_an_evaluation() -> None:
    objective = TrainingObjective(Trainer(), costs=["params"])
    assert objective.names == ("val_accuracy", "-params")
    found = objective.evaluate(np.array([3, 3, 3, 1, 1, 1]))
    assert (found.scores, found.seconds, found.test, found.failure) == ((0.5, -300.0), 3.0, 0.49, "")
    assert found.curves["val_accuracy"].tolist() == [0.25, 0.5]


def test_failures_are_kept() -> None:
    objective = TrainingObjective(Trainer())
    diverged = objective.evaluate(np.array([0, 3, 3, 1, 1, 1]))
    assert (diverged.failure, diverged.seconds, math.isnan(diverged.scores[0])) == ("diverged", 3.0, True)
    assert objective.evaluate(np.array([4, 3, 3, 1, 1, 1])).failure == "MemoryError: too large"
    with pytest.raises(InvalidInputError, match=r"Unknown cost .energy.. Available: params"):
        TrainingObjective(Trainer(), costs=["energy"])
    with pytest.raises(InvalidInputError, match=r"^trainer must have a space and a method train"):
        TrainingObjective("me")  # type: ignore[arg-type]


def test_a_search_reports_the_test_score_of_the_best() -> None:
    results = run_search("local-search", TrainingObjective(Trainer()), budget=12, batch=4)
    best = results.best_found()
    assert best["test"] == pytest.approx(best["scores"]["val_accuracy"] - 0.01)
    assert best["curves"]["val_accuracy"][-1] == best["scores"]["val_accuracy"]


@dataclass(frozen=True)
class Recipe:
    """So many epochs."""

    epochs: int = 9


@dataclass(frozen=True)
class Stops:
    """A trainer that can be told how long."""

    recipe: Recipe = Recipe()
    space: object = archcast.get_space("nasbench201")

    def train(self, arch, seed=0):
        curve = np.linspace(0, (arch == 3).mean(), self.recipe.epochs)
        return SimpleNamespace(curves={"val_accuracy": curve}, test_accuracy=0.5, seconds=1.0, failure=None)


def test_a_trainer_with_a_recipe_can_stop_early() -> None:
    objective = TrainingObjective(Stops())
    found = objective.evaluate(np.array([3] * 6), epochs=3, trained=1)
    assert (len(found.curves["val_accuracy"]), found.share) == (3, 1 / 3)
    assert (len(objective.evaluate(np.array([3] * 6)).curves["val_accuracy"]), objective.epochs) == (9, 9)
    (trace,) = run_search("hyperband", objective, budget=5, batch=5).traces
    assert set(trace.epochs.tolist()) == {1, 3, 0} or set(trace.epochs.tolist()) == {1, 3}
    assert objective.describe()["trainer"]["recipe"] == "Recipe(epochs=9)"
