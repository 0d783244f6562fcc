"""Evolution on predictors, of OFA and of SPOS: limits, and which predictor is fitted to what."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError
from archcast.predictors.base import Prediction, Predictor, Requirements
from archcast.search.base import load_strategy

SPACE = archcast.get_space("nasbench201")
LINEAR = archcast.get_predictor("bayesian-linear", SPACE, encoding="adjacency")
SHORT = {"predictor": LINEAR, "population": 30, "parents": 8, "mutants": 15, "generations": 8}
BOTH = pytest.mark.parametrize("name", ["ofa-evolution", "spos-evolution"])


class Supernet(Predictor):
    """Scores by a count of convolutions, and learns nothing of scores."""

    requires = Requirements(labels=False)

    def _init(self, known):
        assert known.archs is None or len(known.archs) == 0
        self.ready_ = True

    def _query(self, archs, evidence):
        return Prediction((archs == 3).sum(axis=1).astype(float))


def convolutions(archs):
    return (archs == 3).sum(axis=1).astype(float)


@BOTH
def test_every_architecture_keeps_the_limit(name) -> None:
    strategy = archcast.get_strategy(name, SPACE, cost="params", limit=500_000, random_state=0, **SHORT)
    for _ in range(4):
        archs = strategy.ask(5)
        assert (SPACE.costs(archs)["params"] <= 500_000).all()
        strategy.tell(archs, convolutions(archs))


@BOTH
def test_a_predictor_without_labels_is_used_as_it_is(name) -> None:
    supernet = Supernet(SPACE).init()
    strategy = archcast.get_strategy(name, SPACE, n_init=4, random_state=0, **{**SHORT, "predictor": supernet})
    archs = strategy.ask(4)
    strategy.tell(archs, -convolutions(archs))  # it does not learn from these
    assert convolutions(strategy.ask(4)).mean() > 4.5, "the best of thousands by the supernet have five or six"


@BOTH
def test_a_predictor_that_knows_scores_is_used_as_it_is(name, tmp_path) -> None:
    """The paper's search: what is learnt before guides the first architectures already."""
    rows = SPACE.sample(80, 1)
    knowing = archcast.get_predictor("bayesian-linear", SPACE, encoding="adjacency").init(rows, convolutions(rows))
    strategy = archcast.get_strategy(name, SPACE, random_state=0, **{**SHORT, "predictor": knowing})
    strategy.save(tmp_path / "s.npz")
    archs = strategy.ask(4)
    assert convolutions(archs).mean() > 4.5
    np.testing.assert_array_equal(load_strategy(tmp_path / "s.npz").ask(4), archs)
    strategy.tell(archs, -convolutions(archs))  # it does not learn from these
    assert convolutions(strategy.ask(4)).mean() > 4


def test_the_second_objective_is_learnt_as_a_cost() -> None:
    strategy = archcast.get_strategy(
        "ofa-evolution", SPACE, cost="told", limit=2.2, cost_predictor=LINEAR, n_init=40, random_state=0, **SHORT
    )
    archs = strategy.ask(40)
    strategy.tell(archs, np.stack([convolutions(archs) + (archs == 2).sum(axis=1), -convolutions(archs)], axis=1))
    asked = strategy.ask(10)
    assert (convolutions(asked) <= 3).all(), "the predicted number is at most 2.2"
    assert (asked == 2).sum(axis=1).mean() > 2.5, "the other operation counts as much and costs nothing"


def test_a_predictor_of_the_cost() -> None:
    rows = SPACE.sample(60, 0)
    latency = archcast.get_predictor("bayesian-linear", SPACE, encoding="adjacency").init(rows, convolutions(rows))
    strategy = archcast.get_strategy("ofa-evolution", SPACE, cost=latency, limit=1.5, random_state=0, **SHORT)
    archs = strategy.ask(10)
    strategy.tell(archs, convolutions(archs))
    assert (convolutions(strategy.ask(10)) <= 2).all()


def test_a_predictor_of_the_cost_is_saved(tmp_path) -> None:
    rows = SPACE.sample(60, 0)
    latency = archcast.get_predictor("bayesian-linear", SPACE, encoding="adjacency").init(rows, convolutions(rows))
    strategy = archcast.get_strategy("ofa-evolution", SPACE, cost=latency, limit=1.5, random_state=0, **SHORT)
    archs = strategy.ask(10)
    strategy.tell(archs, convolutions(archs))
    strategy.save(tmp_path / "s.npz")
    np.testing.assert_array_equal(load_strategy(tmp_path / "s.npz").ask(6), strategy.ask(6))


def test_a_limit_below_everything() -> None:
    strategy = archcast.get_strategy("ofa-evolution", SPACE, limit=1.0, random_state=0, **SHORT)
    with pytest.raises(InvalidInputError, match="limit is 1, less than the cost of each of"):
        strategy.ask(5)


def test_a_cost_that_is_told_needs_a_second_objective() -> None:
    strategy = archcast.get_strategy("ofa-evolution", SPACE, cost="told", limit=1.0, random_state=0, **SHORT)
    archs = strategy.ask(10)
    strategy.tell(archs, convolutions(archs))
    with pytest.raises(InvalidInputError, match="cost='told' needs two objectives"):
        strategy.ask(5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cost": "watts"}, "Unknown cost 'watts'"),
        ({"mutants": 40}, "mutants is 40, more than population, 30"),
        ({"predictor": "sotl-e"}, "needs the curve"),
        ({"limit": "low"}, "limit must be a number"),
        ({"chance": 1.5}, "chance must be a number of at least 0 and at most 1"),
    ],
)
def test_wrong_parameters(arguments, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        archcast.get_strategy("ofa-evolution", SPACE, **{**SHORT, **arguments})
