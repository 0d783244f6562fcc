"""NSGA-II: who survives, and whether the front grows."""

from __future__ import annotations

import numpy as np

import archcast
from archcast.search.pareto import hypervolume, pareto_front
from archcast.search.strategies.nsga2 import survivors

SPACE = archcast.get_space("nasbench201")


def two(archs):
    """Convolutions and pools: no architecture has six of both."""
    return np.stack([(archs == 3).sum(axis=1), (archs == 4).sum(axis=1)], axis=1).astype(float)


def test_the_front_survives_before_all_others(rng) -> None:
    scores = rng.random((40, 3))
    alive = survivors(scores, 25)
    front = np.flatnonzero(pareto_front(scores))
    assert len(front) <= 25
    assert set(front) == set(alive[: len(front)])


def test_of_a_front_the_ends_and_the_lonely_survive() -> None:
    x = np.array([0.0, 0.1, 0.2, 0.9, 1.0])
    scores = np.stack([x, 1 - x], axis=1)
    assert set(survivors(scores, 3)) == {0, 4, 2} or set(survivors(scores, 3)) == {0, 4, 3}
    distances = {1: 0.2 + 0.2, 2: 0.8 + 0.8, 3: 0.8 + 0.8}
    assert max(distances, key=distances.get) in survivors(scores, 4)


def test_it_dominates_more_than_chance() -> None:
    volumes = {}
    for name in ("nsga2", "random"):
        strategy = archcast.get_strategy(name, SPACE, random_state=0)
        for _ in range(10):
            archs = strategy.ask(10)
            strategy.tell(archs, two(archs))
        volumes[name] = hypervolume(strategy.history.scores, [-0.5, -0.5])
    assert volumes["nsga2"] > volumes["random"] + 3


def test_with_one_objective_the_best_survive() -> None:
    scores = np.arange(10.0)[::-1, None]
    assert survivors(scores, 4).tolist() == [0, 1, 2, 3]
