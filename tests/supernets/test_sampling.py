"""Distributions over rows."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.spaces.base import Task, get_space
from archcast.supernets.base import get_supernet
from archcast.supernets.sampling import fair_rows, functions_of, live_rows

SPACE = get_space("nasbench201")


@pytest.fixture(scope="module")
def net():
    return get_supernet(SPACE, Task((1, 8, 8), width=4, depth=1, stages=1))


def test_functions_are_distinct_canonical_and_alive(net):
    rows = functions_of(net)
    assert np.array_equal(SPACE.canonical(rows), rows)
    assert len(np.unique(rows, axis=0)) == len(rows) == 4659  # 4,660 functions, one of them without a path
    assert net.has_path(rows).all()


def test_live_rows_are_uniform_over_rows_with_a_path(net):
    rows = live_rows(net, 4000, np.random.default_rng(0))
    assert net.has_path(rows).all()
    alive = SPACE.enumerate()
    alive = alive[net.has_path(alive)]
    for column in range(6):
        expected = np.bincount(alive[:, column], minlength=5) / len(alive)
        np.testing.assert_allclose(np.bincount(rows[:, column], minlength=5) / 4000, expected, atol=0.03)


def test_fair_rows_hold_every_choice_once(net):
    for seed in range(5):
        rows = fair_rows(net, np.random.default_rng(seed))
        assert rows.shape == (5, 6)
        assert (np.sort(rows, axis=0) == np.arange(5)[:, None]).all()
