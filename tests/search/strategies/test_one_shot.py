"""The one-shot search: what it asks for are the best paths of its supernet."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError
from archcast.predictors.base import get_predictor
from archcast.search.strategies.one_shot import OneShotSearch
from archcast.spaces.base import Task, get_space

SPACE = get_space("nasbench201")
SMALL = {"task": Task(width=4, depth=1, stages=1), "epochs": 1, "batch_size": 384, "images": 20, "paths": 1}


@pytest.fixture(scope="module")
def trained():
    """A predictor that is initialised, and answers with what is known: the number of 3x3 convolutions."""
    predictor = get_predictor("one-shot", SPACE, random_state=0, **SMALL).init()
    predictor._query = lambda archs, evidence: archcast.Prediction((archs == 3).sum(axis=1).astype(float))
    return predictor


def make(**params) -> OneShotSearch:
    return archcast.get_strategy("one-shot", SPACE, random_state=0, **params)


def test_a_supernet_is_trained_once_and_scores_what_is_asked() -> None:
    strategy = make(settings=SMALL, population=12, generations=2)
    assert strategy._trained is None, "nothing is trained before the first ask"
    rows = strategy.ask(5)
    supernet = strategy.supernet
    scores = supernet.query(rows).mean
    assert (np.diff(scores) <= 0).all(), "the best come first"
    assert scores[-1] >= np.sort(supernet.query(strategy._archive).mean)[-5]
    strategy.tell(rows, np.zeros(5))
    strategy.ask(30)
    assert strategy.supernet is supernet


def test_evolution_finds_better_paths_than_the_same_number_of_random_ones(trained) -> None:
    strategy = make(predictor=trained, population=20, generations=8, parents=4)
    assert strategy.supernet is trained, "a trained predictor is taken as it is"
    found = trained.query(strategy.ask(10)).mean
    scored = len(strategy._archive)
    assert 100 <= scored <= 160
    gains = []
    for seed in range(5):
        random = np.unique(SPACE.canonical(SPACE.sample(scored, seed)), axis=0)
        gains.append(found.mean() - np.sort(trained.query(random).mean)[-10:].mean())
    assert np.mean(gains) > 0.5


def test_children_are_crossovers_and_mutations_of_the_best(trained) -> None:
    strategy = make(predictor=trained, population=40, mutation=1e-9)
    best = np.array([[3, 3, 3, 3, 3, 3], [1, 3, 1, 3, 1, 3]])
    children = strategy._children(best, np.random.default_rng(0))
    distance = (children[:, None] != best[None]).sum(axis=2).min(axis=1)
    mixed = np.isin(children, (1, 3)).all(axis=1) & (children[:, [1, 3, 5]] == 3).all(axis=1)
    assert ((distance == 1) | mixed).all(), "one change of a parent, or a mixture of both"
    assert mixed.any()
    assert (~mixed).any()


def test_it_goes_on_when_the_best_are_used_up(trained) -> None:
    strategy = make(predictor=trained, population=10, generations=2)
    asked = np.concatenate([strategy.ask(12) for _ in range(4)])
    assert len(np.unique(SPACE.canonical(asked), axis=0)) == 48


def test_only_rows_of_the_pool_are_scored(trained) -> None:
    pool = SPACE.sample(80, 3)
    strategy = make(predictor=trained, pool=pool, population=10, generations=3)
    strategy.ask(5)
    allowed = {bytes(row) for row in pool}
    assert all(bytes(row) in allowed for row in strategy._archive)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"predictor": "gp"}, "shares no weights"),
        ({"predictor": get_predictor("one-shot", "nats-size")}, "is for space 'nats-size'"),
        ({"predictor": get_predictor("one-shot", SPACE), "settings": {}}, "made already"),
        ({"settings": {"epoch": 3}}, "epoch"),
        ({"mutation": 0}, "mutation must be above 0"),
        ({"population": 1}, "population must be"),
        ({"parents": 0}, "parents must be"),
    ],
)
def test_bad_input_is_one_line(params, words) -> None:
    with pytest.raises(InvalidInputError, match=words) as caught:
        make(**params)
    assert "\n" not in str(caught.value)


def test_a_space_without_a_supernet_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(InvalidInputError, match="no supernet"):
        archcast.get_strategy("one-shot", "nasbench-macro")
