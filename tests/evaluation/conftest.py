"""A small synthetic benchmark and predictors that behave, fail or answer nonsense."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

import archcast
from archcast.errors import MissingEvidenceError
from archcast.predictors import Prediction, Predictor, Requirements


class Counts(Predictor):
    """Least squares on the counts of operations; remembers what it was given."""

    has_std = True
    calls: ClassVar[list] = []

    def __init__(self, space, *, ridge=1.0, encoding="adjacency", random_state=None):
        super().__init__(space, random_state=random_state)
        self.ridge = ridge
        self.encoding = encoding

    def _features(self, archs):
        return np.column_stack([(archs == k).sum(axis=1) for k in range(5)] + [np.ones(len(archs))])

    def _init(self, known):
        x = self._features(known.archs)
        self.weights_ = np.linalg.solve(x.T @ x + self.ridge * np.eye(6), x.T @ known.scores)
        Counts.calls.append((known.archs, known.scores, known.evidence, known.pool, self.random_state))

    def _query(self, archs, evidence):
        Counts.calls[-1] += (archs, evidence)
        return Prediction(self._features(archs) @ self.weights_, np.ones(len(archs)))


class Fails(Counts):
    def _init(self, known):
        raise ValueError("no luck\n  today")


class FailsAtQuery(Counts):
    def _query(self, archs, evidence):
        raise MissingEvidenceError("needs more")


class Constant(Counts):
    def _query(self, archs, evidence):
        return Prediction(np.full(len(archs), 0.3))


class NotFinite(Counts):
    def _query(self, archs, evidence):
        return Prediction(np.where(np.arange(len(archs)) < 2, np.nan, 1.0))


class WrongShape(Counts):
    def _query(self, archs, evidence):
        return Prediction(np.arange(len(archs) - 1.0))


class Interrupts(Counts):
    """Raises KeyboardInterrupt at its third initialisation."""

    count = 0

    def _init(self, known):
        Interrupts.count += 1
        if Interrupts.count == 3:
            raise KeyboardInterrupt
        super()._init(known)


class Curves(Counts):
    """Needs two epochs of a curve and a proxy."""

    requires = Requirements(curve="train_loss", epochs=2, proxies=("snip",))


@pytest.fixture
def kinds():
    """The predictor classes of this file; what they recorded is forgotten."""
    Counts.calls = []
    Interrupts.count = 0
    return {c.__name__: c for c in (Counts, Fails, FailsAtQuery, Constant, NotFinite, WrongShape, Interrupts, Curves)}


@pytest.fixture(scope="session")
def tiny() -> archcast.Benchmark:
    """300 architectures with all that a benchmark can have; 20 have no score."""
    rng = np.random.default_rng(1)
    space = archcast.get_space("nasbench201")
    archs = space.enumerate()[rng.choice(15_625, 300, replace=False)]
    scores = (archs == 3).sum(axis=1) + 0.5 * (archs == 2).sum(axis=1) + rng.normal(0, 0.1, 300)
    return archcast.Benchmark(
        "tiny",
        space,
        archs,
        {"acc": np.where(np.arange(300) < 20, np.nan, scores), "other": -scores},
        "acc",
        curves={"train_loss": rng.random((300, 8)), "val_loss": rng.random((300, 8))},
        costs={"ms": rng.random(300)},
        proxies={"snip": scores + rng.normal(0, 1, 300), "grasp": rng.random(300)},
        train_seconds=np.full(300, 100.0) + np.arange(300),
    )
