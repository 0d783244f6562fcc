"""Bayesian optimisation in Hyperband: from which rung the predictor learns, and what it proposes."""

from __future__ import annotations

import numpy as np

import archcast

SPACE = archcast.get_space("nasbench201")
LINEAR = archcast.get_predictor("bayesian-linear", SPACE, encoding="adjacency")


def make(**params):
    params = {"predictor": LINEAR, "max_epochs": 9, "n_candidates": 200, "random_state": 0, **params}
    return archcast.get_strategy("bohb", SPACE, **params)


def step(strategy, n):
    archs = strategy.ask(n)
    epochs = strategy.epochs(archs)
    strategy.tell(archs, (archs == 3).sum(axis=1) + 0.01 * epochs)
    return archs, epochs


def test_the_predictor_learns_from_the_highest_rung_with_enough() -> None:
    strategy = make(least=8)
    for _ in range(12):
        step(strategy, 6)
        rows, scores = strategy._highest()
        reached = {1: set(), 3: set(), 9: set()}
        for row, epochs in zip(map(tuple, strategy.history.archs.tolist()), strategy.history.epochs.tolist()):
            reached[epochs or 9].add(row)
        enough = [rung for rung in (9, 3, 1) if len(reached[rung]) >= 8]
        assert {tuple(row) for row in rows.tolist()} == (reached[enough[0]] if enough else set())
        assert len(scores) == len(rows)
    assert enough[0] == 9, "the run was too short to see the last rung"


def test_what_begins_is_better_than_chance_unless_all_of_it_is_random() -> None:
    begun = {}
    for share in (0.0, 1.0):
        strategy = make(random_share=share, brackets=1)
        seen, rows = set(), []
        for _ in range(10):
            archs, _ = step(strategy, 6)
            rows += [row for row in map(tuple, archs.tolist()) if row not in seen]
            seen |= set(map(tuple, archs.tolist()))
        begun[share] = (np.array(rows[20:]) == 3).sum(axis=1).mean()
    assert begun[0.0] > 2.5 > 1.9 > begun[1.0]


def test_epochs_are_those_of_hyperband() -> None:
    other = archcast.get_strategy("hyperband", SPACE, max_epochs=9, random_state=0)
    strategy = make()
    assert strategy.rungs == other.rungs == [1, 3, 9]
    np.testing.assert_array_equal(strategy.epochs(strategy.ask(15)), other.epochs(other.ask(15)))
