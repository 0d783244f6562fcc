"""Mutants of parents."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.search.candidates import mutants


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101", "nasbench-graph"])
def test_mutants_are_valid_and_near(name) -> None:
    space, rng = archcast.get_space(name), np.random.default_rng(0)
    parents = space.sample(3, 0)
    before = parents.copy()
    rows = mutants(space, parents, 200, rng)
    space.validate(rows)
    np.testing.assert_array_equal(parents, before)
    distance = (rows[:, None] != parents[None]).sum(axis=2).min(axis=1)
    assert distance.max() <= len(space.cardinalities)
    assert 0.3 < (distance <= 1).mean() < 0.8


def test_one_change_if_asked_for() -> None:
    space, rng = archcast.get_space("nasbench201"), np.random.default_rng(0)
    parent = space.sample(1, 0)
    rows = mutants(space, parent, 500, rng, continues=0.0)
    assert ((rows != parent).sum(axis=1) == 1).all()
    assert len(np.unique(rows, axis=0)) == 24, "all neighbours, sooner or later"
