"""Train and test sets never share a function, and are the same for every train size of a trial."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archcast
from archcast.evaluation.splits import functions, split


@given(
    st.lists(st.integers(0, 12), min_size=12, max_size=60),
    st.integers(1, 8),
    st.sampled_from([2, 4, "rest"]),
    st.integers(0, 99),
)
@settings(deadline=None)
def test_sets_are_disjoint_in_functions(labels, train_size, test_size, seed) -> None:
    groups = np.array(labels)
    train, test = split(groups, train_size, test_size, np.random.default_rng(seed))
    assert len(set(train.tolist())) == len(train) <= train_size
    assert len(set(test.tolist())) == len(test)
    assert not set(groups[train].tolist()) & set(groups[test].tolist())
    if test_size == "rest":
        untouched = [i for i in range(len(groups)) if groups[i] not in groups[train]]
        assert sorted(test.tolist()) == untouched
        assert len(train) == train_size
    else:
        assert len(test) == test_size
        allowed = (~np.isin(groups, groups[test])).sum()
        assert len(train) == min(train_size, allowed)


def test_larger_train_sets_hold_smaller_ones() -> None:
    groups = np.arange(300) // 2
    draws = [split(groups, n, 50, np.random.default_rng(7)) for n in (5, 20, 100)]
    for (small, test), (large, same) in pairwise(draws):
        assert (large[: len(small)] == small).all()
        assert (test == same).all()


def test_every_row_is_equally_likely_to_be_tested() -> None:
    groups = np.array([0] * 10 + list(range(1, 11)))
    counts = np.zeros(20)
    for seed in range(4000):
        counts[split(groups, 3, 5, np.random.default_rng(seed))[1]] += 1
    assert counts / 4000 == pytest.approx(np.full(20, 0.25), abs=0.03)


def test_functions_are_canonical_forms() -> None:
    space = archcast.get_space("nasbench201")
    archs = space.sample(200, 0)
    groups = functions(space, archs)
    forms = [tuple(row) for row in space.canonical(archs)]
    for i, j in zip(range(100), range(100, 200)):
        assert (groups[i] == groups[j]) == (forms[i] == forms[j])
    assert len(set(groups.tolist())) == len(set(forms))
