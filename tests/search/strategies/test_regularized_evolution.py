"""Regularized evolution: parents are alive, win their tournament, and change once."""

from __future__ import annotations

import numpy as np

import archcast

SPACE = archcast.get_space("nasbench201")


def test_children_are_mutations_of_the_best_alive() -> None:
    strategy = archcast.get_strategy(
        "regularized-evolution", SPACE, population=5, tournament=200, n_init=10, random_state=0
    )
    archs = strategy.ask(10)
    strategy.tell(archs, [9.0, 1, 2, 3, 4, 5, 6, 7.5, 7, 6])  # the best is among the dead
    children = strategy.ask(8)
    assert ((children != archs[7]).sum(axis=1) == 1).all(), "a tournament of all is won by the best alive"


def test_a_tournament_of_one_is_chance() -> None:
    strategy = archcast.get_strategy(
        "regularized-evolution", SPACE, population=10, tournament=1, n_init=10, random_state=0
    )
    archs = strategy.ask(10)
    strategy.tell(archs, np.arange(10.0))
    children = strategy.ask(30)
    parents = (children[:, None] != archs[None]).sum(axis=2).argmin(axis=1)
    assert len(set(parents.tolist())) > 5


def test_failures_are_not_alive() -> None:
    strategy = archcast.get_strategy("regularized-evolution", SPACE, population=3, n_init=3, random_state=0)
    archs = strategy.ask(3)
    strategy.tell(archs, [np.nan, 1.0, np.nan])
    assert ((strategy.ask(5) != archs[1]).sum(axis=1) == 1).all()
