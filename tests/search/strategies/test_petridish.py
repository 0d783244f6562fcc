"""Petridish: parents near the hull, the most accurate first, each in its turn."""

from __future__ import annotations

import numpy as np

import archcast
from archcast.search.hull import epsilon_hull

SPACE = archcast.get_space("nasbench201")


def told(n=60, **params):
    strategy = archcast.get_strategy("petridish", SPACE, random_state=0, n_init=n, **params)
    archs = strategy.ask(n)
    cost = 1 + (archs == 3).sum(axis=1) + 0.1 * (archs == 2).sum(axis=1)
    error = 30 / cost + archs[:, 0]
    strategy.tell(archs, np.stack([100 - error, -cost], axis=1))
    return strategy, archs, cost, error


def test_children_are_one_change_away_from_the_hull() -> None:
    strategy, archs, cost, error = told()
    near = archs[epsilon_hull(cost, error)]
    assert 1 < len(near) < 30
    for child in strategy.ask(10):
        assert ((near != child).sum(axis=1) == 1).any()


def test_the_best_come_first_and_all_have_their_turn() -> None:
    strategy, archs, cost, error = told()
    strategy.ask(1)
    near = epsilon_hull(cost, error)
    best = archs[near][error[near].argmin()]
    assert strategy._taken[tuple(best.tolist())] >= 1
    for _ in range(15):
        strategy.ask(3)
    assert len(strategy._taken) == near.sum()


def test_without_costs_parents_are_the_best() -> None:
    strategy = archcast.get_strategy("petridish", SPACE, random_state=0)
    archs = strategy.ask(10)
    strategy.tell(archs, 50 + 5 * np.arange(10.0))
    assert ((strategy.ask(3) != archs[9]).sum(axis=1) == 1).all()
