"""One search, from the first architecture to the last: what ``history.csv`` holds a row for each of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from archcast.search.history import FULL, History
from archcast.search.objectives import Evaluation, Objective

__all__ = ["Trace"]


@dataclass(frozen=True, eq=False)
class Trace:
    """A finished search.

    Attributes:
        strategy: its label.
        trial: its number.
        archs: ``(n, d)`` rows in the order told.
        scores: ``(n, k)`` NaN where the evaluation failed.
        epochs: ``(n,)`` trained, 0 for a full training.
        shares: ``(n,)`` of a full training paid for.
        seconds: ``(n,)`` of training, NaN if unknown.
        failures: ``n`` reasons, empty for those that did not fail.
        best: ``(n,)`` number of the best architecture so far, -1 before there is one.
        values: ``(n,)`` the first score of that one, fully trained where that can be looked up; NaN before there is one.
        tests: ``(n,)`` its test score, NaN if unknown.
        overhead: seconds that the strategy took to choose.
        curves: of the best architecture in the end, name -> ``(epochs,)``.
    """

    strategy: str
    trial: int
    archs: NDArray[np.int64]
    scores: NDArray[np.float64]
    epochs: NDArray[np.int64]
    shares: NDArray[np.float64]
    seconds: NDArray[np.float64]
    failures: tuple[str, ...]
    best: NDArray[np.int64]
    values: NDArray[np.float64]
    tests: NDArray[np.float64]
    overhead: float
    curves: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        strategy: str,
        trial: int,
        history: History,
        evaluations: Sequence[Evaluation],
        objective: Objective,
        overhead: float,
    ) -> Trace:
        """The trace of a history and of the evaluations that gave it, in the same order.

        The best so far is that with the highest first score among those trained longest, whatever the test scores are. If it was
        not fully trained, its final and its test score are looked up where that costs nothing.
        """
        n = len(history)
        best = _incumbents(history)
        values, tests = np.full(n, math.nan), np.full(n, math.nan)
        for i in np.unique(best[best >= 0]).tolist():
            final = evaluations[i]
            if objective.simulated and history.epochs[i] != FULL:
                final = objective.evaluate(history.archs[i])
            values[best == i], tests[best == i] = final.scores[0], final.test
        return cls(
            strategy,
            trial,
            history.archs,
            history.scores,
            history.epochs,
            np.array([e.share for e in evaluations], dtype=float),
            np.array([e.seconds for e in evaluations], dtype=float),
            history.failures,
            best,
            values,
            tests,
            overhead,
            dict(evaluations[best[-1]].curves) if n and best[-1] >= 0 else {},
        )

    def __len__(self) -> int:
        return len(self.archs)

    @property
    def spent(self) -> NDArray[np.float64]:
        """``(n,)`` full trainings paid for so far."""
        return np.cumsum(self.shares)

    def at(self, evaluations: float) -> int:
        """Number of the last observation within so many full trainings, -1 if there is none."""
        return int(np.searchsorted(self.spent, evaluations + 1e-9, side="right")) - 1


def _incumbents(history: History) -> NDArray[np.int64]:
    """``(n,)`` number of the best observation so far: the longest trained first, then the highest score."""
    out = np.full(len(history), -1)
    top = (-1.0, -math.inf)
    current = -1
    for i, ok in enumerate(history.succeeded.tolist()):
        length = math.inf if history.epochs[i] == FULL else float(history.epochs[i])
        if ok and (length, history.scores[i, 0]) > top:
            top, current = (length, float(history.scores[i, 0])), i
        out[i] = current
    return out
