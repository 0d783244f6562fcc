"""Hyperband: rungs, who goes on, and what a curve predictor changes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError
from archcast.predictors.base import Prediction, Predictor, Requirements

SPACE = archcast.get_space("nasbench201")


def make(**params):
    return archcast.get_strategy(
        "hyperband", SPACE, random_state=0, **{"max_epochs": 9, "eta": 3, "brackets": 1, **params}
    )


@pytest.mark.parametrize(
    ("params", "rungs"),
    [
        ({"max_epochs": 81, "eta": 3}, [1, 3, 9, 27, 81]),
        ({"max_epochs": 200, "eta": 4, "min_epochs": 10}, [12, 50, 200]),
        ({"max_epochs": 12, "eta": 2, "min_epochs": 3}, [3, 6, 12]),
        ({"max_epochs": 5, "eta": 3, "min_epochs": 5}, [5]),
    ],
)
def test_rungs(params, rungs) -> None:
    assert make(**params).rungs == rungs


def test_the_best_third_goes_on() -> None:
    strategy = make()
    archs = strategy.ask(9)
    assert strategy.epochs(archs).tolist() == [1] * 9
    scores = np.array([3.0, 9, 1, 4, 8, 2, 7, 5, 6])
    strategy.tell(archs, scores)
    again = strategy.ask(3)
    assert {row.tobytes() for row in again} == {archs[i].tobytes() for i in (1, 4, 6)}
    assert strategy.epochs(again).tolist() == [3] * 3
    strategy.tell(again, [0.5, 0.9, 0.7])
    last = strategy.ask(1)
    np.testing.assert_array_equal(last[0], again[1])
    assert strategy.epochs(last).tolist() == [0]
    strategy.tell(last, [0.1])
    assert strategy.best.score == 0.1, "the longest trained counts, not the highest"
    assert strategy.history.epochs.tolist() == [1] * 9 + [3] * 3 + [0]


def test_nobody_goes_on_twice_and_failures_do_not() -> None:
    strategy = make()
    archs = strategy.ask(9)
    strategy.tell(archs, np.arange(9.0))
    again = strategy.ask(3)
    strategy.tell(again, [np.nan, 1.0, 1.0])
    later = strategy.ask(6)
    assert strategy.epochs(later).tolist() == [1] * 6, "two of three are left at the second rung: too few to go on"
    assert not {row.tobytes() for row in later} & {row.tobytes() for row in archs}


def test_brackets_take_turns() -> None:
    strategy = make(brackets=None)
    archs = strategy.ask(17)  # 9 + ceil(3 * 3 / 2) + 3 and the round begins again
    assert Counter(strategy.epochs(archs).tolist()) == {1: 9, 3: 5, 0: 3}
    assert strategy.epochs(strategy.ask(1)).tolist() == [1]


class Last(Predictor):
    """Predicts the negative of the last value of the curve it is shown."""

    requires = Requirements(labels=False, curve="val_accuracy", epochs=1)
    lengths: tuple[int, ...] = ()

    def _init(self, known):
        self.done_ = True

    def _query(self, archs, evidence):
        curve = evidence.curves["val_accuracy"]
        type(self).lengths += (curve.shape[1],)
        return Prediction(-curve[:, -1])


def test_a_curve_predictor_says_who_goes_on() -> None:
    strategy = make(predictor=Last(SPACE))
    archs = strategy.ask(9)
    scores = np.arange(9.0)
    strategy.tell(archs, scores, archcast.Evidence(curves={"val_accuracy": scores[:, None]}))
    again = strategy.ask(3)
    assert {row.tobytes() for row in again} == {archs[i].tobytes() for i in (0, 1, 2)}
    curves = np.stack([np.arange(3.0)] * 3) + np.array([[0.0], [5.0], [3.0]])
    strategy.tell(again, curves[:, -1], archcast.Evidence(curves={"val_accuracy": curves}))
    np.testing.assert_array_equal(strategy.ask(1)[0], again[0])
    assert set(Last.lengths) == {1, 3}, "it sees no more epochs than the rung has"


def test_a_predictor_that_learns_waits_for_full_trainings() -> None:
    strategy = make(predictor="bayesian-linear", max_epochs=4, eta=2)
    for _ in range(12):
        archs = strategy.ask(6)
        epochs = strategy.epochs(archs)
        final = (archs == 3).sum(axis=1) / 6
        curves = np.full((6, 4), np.nan)
        for i, e in enumerate(epochs):
            curves[i, : e or 4] = np.linspace(0, final[i], 4)[: e or 4]
        scores = np.array([row[np.isfinite(row)][-1] for row in curves])
        strategy.tell(archs, scores, archcast.Evidence(curves={"val_accuracy": curves}))
    full = strategy.history.epochs == 0
    assert full.sum() >= 6
    assert strategy.history.scores[full, 0].mean() > 0.28, "chance gives 0.2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"eta": 1}, "eta must be a whole number of at least 2, got 1"),
        ({"min_epochs": 10}, "min_epochs is 10, more than max_epochs, 9"),
        ({"brackets": 4}, r"brackets is 4, but there are 3 rungs: \[1, 3, 9\]"),
        ({"predictor": "evidence"}, "needs proxies"),
    ],
)
def test_wrong_parameters(arguments, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        make(**arguments)
