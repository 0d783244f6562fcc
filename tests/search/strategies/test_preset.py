"""The presets of ``bayesian``: what they choose, and what ``as_published=True`` makes of them."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError
from archcast.search.base import load_strategy

SPACE = archcast.get_space("nasbench201")
PRESETS = ("bananas", "bonas", "npenas")
LINEAR = archcast.get_predictor("bayesian-linear", SPACE, encoding="adjacency")


def run(strategy, rounds=3):
    for _ in range(rounds):
        archs = strategy.ask(6)
        strategy.tell(archs, (archs == 3).sum(axis=1) + 0.01 * archs[:, 0])
    return strategy.history.archs


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_bayesian_with_its_choices(name) -> None:
    """The same search as ``bayesian`` with the parameters that the preset says it has."""
    preset = archcast.get_strategy(name, SPACE, predictor=LINEAR, n_candidates=60, random_state=3)
    params = {key: value for key, value in preset.get_params().items() if key != "as_published"}
    plain = archcast.get_strategy("bayesian", SPACE, random_state=3, **params)
    np.testing.assert_array_equal(run(preset), run(plain))


@pytest.mark.parametrize("name", PRESETS)
def test_as_published_is_saved_and_loaded(name, tmp_path) -> None:
    cls = archcast.search.STRATEGIES[name]
    strategy = archcast.get_strategy(name, SPACE, as_published=True, random_state=0)
    strategy.save(tmp_path / "s.npz")
    again = load_strategy(tmp_path / "s.npz")
    assert again.get_params() == strategy.get_params()
    assert {key: again.get_params()[key] for key in cls.published} == dict(cls.published)


@pytest.mark.parametrize("name", PRESETS)
def test_as_published_refuses_what_contradicts_the_paper(name) -> None:
    with pytest.raises(InvalidInputError, match=r"as_published=True is targets='scores', got 'ranks'"):
        archcast.get_strategy(name, SPACE, as_published=True, targets="ranks")
    with pytest.raises(InvalidInputError, match="as_published must be True or False, got 1"):
        archcast.get_strategy(name, SPACE, as_published=1)


def test_published_candidates_are_one_change_away() -> None:
    strategy = archcast.get_strategy(
        "bayesian", SPACE, predictor=LINEAR, candidates="mutation", continues=0.0, n_parents=1, random_state=0
    )
    archs = strategy.ask(10)
    strategy.tell(archs, (archs == 3).sum(axis=1) + 0.01 * np.arange(10))
    best = strategy.best.arch
    assert ((strategy.ask(3) != best).sum(axis=1) == 1).all()


def test_scores_as_told_reach_the_predictor() -> None:
    seen = []

    class Spy(type(LINEAR)):
        def _init(self, known):
            seen.append(known.scores)
            super()._init(known)

    strategy = archcast.get_strategy("bayesian", SPACE, predictor=Spy(SPACE), targets="scores", random_state=0)
    archs = strategy.ask(10)
    scores = 90 + (archs == 3).sum(axis=1).astype(float)
    strategy.tell(archs, scores)
    strategy.ask(2)
    np.testing.assert_array_equal(seen[0], scores)


def test_thompson_of_one_draw_takes_its_highest() -> None:
    """``batch="top"`` makes one draw; ``"diverse"`` a new one for each pick, so they differ from the second pick on."""
    asked = {}
    for batch in ("top", "diverse"):
        strategy = archcast.get_strategy(
            "bayesian", SPACE, predictor=LINEAR, acquisition="its", batch=batch, candidates="all", random_state=0
        )
        archs = strategy.ask(10)
        strategy.tell(archs, (archs == 3).sum(axis=1) + 0.1 * archs[:, 1])
        asked[batch] = strategy.ask(5)
    np.testing.assert_array_equal(asked["top"][0], asked["diverse"][0])
    assert (asked["top"] != asked["diverse"]).any()
    assert len(np.unique(SPACE.canonical(asked["top"]), axis=0)) == 5


@pytest.mark.parametrize("value", [1.0, -0.1, "much", True, float("nan")])
def test_continues_out_of_range(value) -> None:
    with pytest.raises(InvalidInputError, match="continues must be a number of at least 0 and below 1, got"):
        archcast.get_strategy("bayesian", SPACE, continues=value)
