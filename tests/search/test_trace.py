"""A trace: who was best when, and what had been paid."""

from __future__ import annotations

import math

import numpy as np

import archcast
from archcast.search.history import History
from archcast.search.objectives import Evaluation, FunctionObjective, TableObjective
from archcast.search.trace import Trace

SPACE = archcast.get_space("nasbench201")
NAN = math.nan


def trace(scores, epochs, shares, tests=None, objective=None):
    n = len(scores)
    archs = SPACE.enumerate()[5000 : 5000 + n]
    scores = np.array(scores, dtype=float)[:, None]
    history = History.empty(6).add(archs, scores, np.array(epochs), [""] * n, archcast.Evidence())
    evaluations = [
        Evaluation((float(s),), 2.0, share, {"loss": np.array([k])}, NAN if tests is None else tests[k])
        for k, (s, share) in enumerate(zip(scores[:, 0], shares))
    ]
    return Trace.of("x", 0, history, evaluations, objective or FunctionObjective(len, SPACE), 1.5)


def test_the_best_so_far() -> None:
    one = trace([NAN, 2.0, 1.0, 5.0, NAN, 4.0], [0] * 6, [1.0] * 6, tests=[0, 0.2, 0.1, 0.5, 0, 0.4])
    assert one.best.tolist() == [-1, 1, 1, 3, 3, 3]
    np.testing.assert_array_equal(one.values, [NAN, 2, 2, 5, 5, 5])
    np.testing.assert_array_equal(one.tests, [NAN, 0.2, 0.2, 0.5, 0.5, 0.5])
    assert one.curves["loss"].tolist() == [3]


def test_the_longest_trained_comes_first() -> None:
    one = trace([9.0, 1.0, 2.0, 0.5], [1, 3, 3, 0], [0.1, 0.3, 0.3, 0.7])
    assert one.best.tolist() == [0, 1, 2, 3]


def test_what_a_short_training_would_come_to_is_looked_up(benchmark) -> None:
    objective = TableObjective(benchmark)
    one = trace([0.9, 0.1], [1, 3], [0.1, 0.3], objective=objective)
    finals = [objective.evaluate(arch) for arch in one.archs]
    np.testing.assert_allclose(one.values, [final.scores[0] for final in finals])
    np.testing.assert_allclose(one.tests, [final.test for final in finals])


def test_what_was_paid() -> None:
    one = trace([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 0], [0.1, 0.1, 0.8, 1.0])
    np.testing.assert_allclose(one.spent, [0.1, 0.2, 1.0, 2.0])
    assert [one.at(n) for n in (0.05, 0.1, 1, 1.5, 2, 9)] == [-1, 0, 2, 2, 3, 3]
