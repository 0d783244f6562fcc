"""Progressive early stopping: who goes on after a stage."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError

SPACE = archcast.get_space("nasbench201")


def make(**params):
    return archcast.get_strategy("progressive-stopping", SPACE, max_epochs=20, random_state=0, **params)


def first_stage(strategy, n=30):
    archs = strategy.ask(n)
    scores = np.arange(n, dtype=float) % 7
    strategy.tell(archs, scores)
    return archs, scores


def test_without_stopping_all_go_on() -> None:
    strategy = make(stop=0.0)
    archs, _ = first_stage(strategy)
    again = strategy.ask(30)
    np.testing.assert_array_equal(again, archs)
    assert (strategy.epochs(again) == 0).all()


def test_below_the_mean_of_those_before_it_stops() -> None:
    strategy = make(stop=1.0, momentum=0.0)  # the mean is the score before
    archs, scores = first_stage(strategy)
    goes_on = np.r_[True, scores[1:] >= scores[:-1]]
    np.testing.assert_array_equal(strategy.ask(int(goes_on.sum())), archs[goes_on])


def test_chance_decides_about_some() -> None:
    strategy = make(stop=0.5, momentum=0.0)
    _, scores = first_stage(strategy, 200)
    below = np.r_[False, scores[1:] < scores[:-1]].sum()
    stopped = 200 - len(strategy._going)
    assert 0.2 * below < stopped < 0.8 * below


def test_several_stages_one_after_the_other() -> None:
    strategy = make(stages=(0.1, 0.5), stop=0.0)
    archs = strategy.ask(2)
    for epochs in (2, 10, 0):
        np.testing.assert_array_equal(strategy.epochs(archs), [epochs] * 2)
        strategy.tell(archs, [0.3, 0.4])
        again = strategy.ask(2)
        if epochs:
            np.testing.assert_array_equal(again, archs)
    assert not (again == archs).all()


def test_a_training_that_failed_does_not_go_on() -> None:
    strategy = make(stages=(0.1, 0.5), stop=0.0)
    archs = strategy.ask(1)
    strategy.tell(archs, [0.3])
    strategy.tell(strategy.ask(1), [np.nan])
    assert not (strategy.ask(1) == archs).all()


@pytest.mark.parametrize("stages", [(0.5, 0.25), (1.0,), (0.01,), (0.25, 0.26)])
def test_wrong_stages(stages) -> None:
    with pytest.raises(InvalidInputError, match="stages must be"):
        make(stages=stages)
