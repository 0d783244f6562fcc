"""Bayesian optimisation: what it takes is what the slow way takes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError, UnknownNameError
from archcast.predictors.base import Prediction, Predictor, Requirements
from archcast.predictors.targets import rank_normal
from archcast.search.acquisition import ACQUISITIONS, expected_improvement
from archcast.search.candidates import mutants
from archcast.search.strategies.bayesian import BATCHES, Bayesian

SPACE = archcast.get_space("nasbench201")
LINEAR = archcast.get_predictor("bayesian-linear", SPACE, encoding="adjacency")


def told(n=20, **params):
    strategy = archcast.get_strategy("bayesian", SPACE, random_state=0, **{"predictor": LINEAR, "n_init": n, **params})
    archs = strategy.ask(n)
    strategy.tell(archs, 10 + (archs == 3).sum(axis=1) + 0.1 * archs[:, 0])
    return strategy


def unseen(strategy):
    """All functions not told, the first row of each."""
    rows = SPACE.enumerate()
    keys = SPACE.canonical(rows)
    known = {row.tobytes() for row in SPACE.canonical(strategy.history.archs)}
    first = np.unique(keys, axis=0, return_index=True)[1]
    return rows[np.sort([i for i in first if keys[i].tobytes() not in known])]


def test_the_highest_of_the_whole_space_is_taken() -> None:
    strategy = told(candidates="all", batch="top")
    model = archcast.get_predictor("bayesian-linear", SPACE, encoding="adjacency")
    targets = rank_normal(strategy.history.scores[:, 0])
    rows = unseen(strategy)
    prediction = model.init(strategy.history.archs, targets).query(rows)
    values = expected_improvement(prediction.mean, prediction.std, targets.max())
    np.testing.assert_array_equal(strategy.ask(4), rows[np.argsort(-values, kind="stable")[:4]])


def test_the_scale_of_the_scores_does_not_matter() -> None:
    asked = []
    for change in (lambda y: y, lambda y: 1e-4 * y - 7, np.exp):
        strategy = archcast.get_strategy("bayesian", SPACE, predictor=LINEAR, n_init=15, random_state=0)
        archs = strategy.ask(15)
        strategy.tell(archs, change((archs == 3).sum(axis=1).astype(float)))
        asked.append(strategy.ask(5).tolist())
    assert asked[0] == asked[1] == asked[2]


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_every_way_gives_a_batch_better_than_chance(acquisition, batch) -> None:
    strategy = told(30, acquisition=acquisition, batch=batch)
    archs = strategy.ask(5)
    assert len(np.unique(SPACE.canonical(archs), axis=0)) == 5
    assert (archs == 3).sum(axis=1).mean() > 2.0, "chance gives 1.2"


def test_fantasies_are_told_to_the_predictor() -> None:
    class Spy(type(LINEAR)):
        seen: ClassVar[list] = []

        def _init(self, known):
            self.seen.append((known.archs, known.scores))
            super()._init(known)

    strategy = told(predictor=Spy(SPACE, encoding="adjacency"), batch="fantasies")
    archs = strategy.ask(3)
    fits = Spy.seen
    assert [len(rows) for rows, _ in fits] == [20, 21, 22]
    np.testing.assert_array_equal(fits[2][0][20:], archs[:2])
    mean = LINEAR.init(*fits[0]).query(archs[:1]).mean
    np.testing.assert_allclose(fits[1][1][20:], mean)
    fits.clear()
    strategy.ask(1)
    assert [len(rows) for rows, _ in fits] == [20, 23], "what is pending counts as trained"


def test_candidates_come_from_their_sources() -> None:
    strategy = told(40, candidates="mutation", n_parents=1, n_candidates=200)
    best = strategy.best.arch
    rng = np.random.default_rng(0)
    distance = (mutants(SPACE, best[None], 2000, rng) != best).sum(axis=1)
    assert abs((distance == 1).mean() - 0.5) < 0.12
    assert distance.max() > 2
    assert ((strategy.ask(20) != best).sum(axis=1) <= 4).mean() > 0.8


def test_candidates_stay_in_the_pool() -> None:
    pool = SPACE.sample(200, 9)
    strategy = archcast.get_strategy("bayesian", SPACE, predictor=LINEAR, pool=pool, candidates="all", random_state=0)
    archs = strategy.ask(10)
    strategy.tell(archs, (archs == 3).sum(axis=1))
    allowed = {row.tobytes() for row in pool}
    assert all(row.tobytes() in allowed for row in strategy.ask(20))


def test_a_predictor_that_needs_more_rows_waits_for_them() -> None:
    class Greedy(type(LINEAR)):
        requires = Requirements(min_archs=12)

    strategy = archcast.get_strategy("bayesian", SPACE, predictor=Greedy(SPACE), n_init=5, random_state=0)
    for _ in range(4):
        archs = strategy.ask(5)
        strategy.tell(archs, archs.sum(axis=1))
    assert len(strategy.history) == 20


class NoStd(Predictor):
    """Predicts zero."""

    def _init(self, known):
        self.done_ = True

    def _query(self, archs, evidence):
        return Prediction(np.zeros(len(archs)))


class NeedsCurve(NoStd):
    """Needs a curve."""

    requires = Requirements(curve="val_accuracy", epochs=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"predictor": NoStd(SPACE)}, "predictor 'NoStd' has no std, which this acquisition needs. Use one of: .*gp"),
        ({"predictor": "sotl-e"}, "predictor 'sotl-e' needs the curve"),
        (
            {"predictor": NeedsCurve(SPACE), "acquisition": "mean"},
            "'NeedsCurve' needs the curve 'val_accuracy' of every",
        ),
        ({"predictor": archcast.get_predictor("gp", "darts")}, "predictor 'gp' is for space 'darts', the search's is"),
        ({"predictor": 3}, "predictor must be a name or an archcast.Predictor, got int"),
        ({"candidates": ()}, "candidates must be 'all' or some of"),
        ({"candidates": ("all", "random")}, "candidates must be 'all' or some of"),
        ({"n_candidates": 0}, "n_candidates must be a whole number of at least 1, got 0"),
    ],
)
def test_wrong_parameters(arguments, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        archcast.get_strategy("bayesian", SPACE, **arguments)


@pytest.mark.parametrize("name", ["acquisition", "candidates", "batch", "predictor"])
def test_unknown_names(name) -> None:
    with pytest.raises(UnknownNameError if name == "predictor" else InvalidInputError, match=f"Unknown {name} 'eii'"):
        archcast.get_strategy("bayesian", SPACE, **{name: "eii"})


def test_no_std_is_needed_by_mean_and_thompson() -> None:
    for acquisition in ("mean", "thompson"):
        strategy = archcast.get_strategy(
            "bayesian", SPACE, predictor=NoStd(SPACE), acquisition=acquisition, random_state=0
        )
        archs = strategy.ask(10)
        strategy.tell(archs, archs.sum(axis=1))
        assert len(strategy.ask(3)) == 3


def test_a_space_too_large_to_enumerate() -> None:
    with pytest.raises(InvalidInputError, match="too large to enumerate"):
        archcast.get_strategy("bayesian", "darts", candidates="all")


@pytest.mark.parametrize("name", ["bananas", "bonas", "npenas"])
def test_relatives_run_with_their_own_predictor(name) -> None:
    strategy = archcast.get_strategy(name, SPACE, n_candidates=50, n_init=8, random_state=0)
    archs = strategy.ask(8)
    strategy.tell(archs, (archs == 3).sum(axis=1))
    assert len(strategy.ask(3)) == 3
    chosen = {"bananas": ("its", "diverse"), "bonas": ("ucb", "top"), "npenas": ("mean", "top")}[name]
    assert (strategy.acquisition, strategy.batch) == chosen


def test_an_ask_learns_from_a_bounded_number_of_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    space = archcast.get_space("nasbench201")
    rows = space.enumerate()[::31][:500]
    scores = np.random.default_rng(0).permutation(500).astype(float)
    strategy = archcast.get_strategy("bayesian", space, n_learnt=60, targets="scores", random_state=0)
    learnt: list[np.ndarray] = []
    fit = Bayesian._fit

    def note(self, archs, scores, rng):
        learnt.append(scores)
        return fit(self, archs, scores, rng)

    monkeypatch.setattr(Bayesian, "_fit", note)
    strategy.tell(rows[:60], scores[:60])
    strategy.ask(2)
    np.testing.assert_array_equal(learnt.pop(), scores[:60])  # all, in their order
    strategy.tell(rows[60:], scores[60:])
    strategy.ask(2)
    best, others = np.split(np.sort(learnt.pop())[::-1], [30])
    np.testing.assert_array_equal(best, np.arange(499, 469, -1))
    assert others[0] == 469, "the others are taken evenly down the ranking"
    assert others[-1] == 0
    assert np.ptp(np.diff(others)) <= 1
