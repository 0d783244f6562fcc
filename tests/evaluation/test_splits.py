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
    assert len(train) == train_size
    untouched = [i for i in range(len(groups)) if groups[i] not in groups[train]]
    if test_size == "rest":
        assert sorted(test.tolist()) == untouched
    else:
        assert set(test.tolist()) <= set(untouched)
        assert len(test) == min(test_size, len(untouched))


def test_larger_train_sets_hold_smaller_ones_and_tests_stay() -> None:
    groups = np.arange(300) // 2
    draws = [split(groups, n, 50, np.random.default_rng(7)) for n in (5, 20, 100)]
    for (small, before), (large, after) in pairwise(draws):
        assert (large[: len(small)] == small).all()
        kept = before[~np.isin(groups[before], groups[large])]
        assert (after[: len(kept)] == kept).all()


def test_training_rows_are_a_plain_random_sample() -> None:
    groups = np.array([0] * 10 + list(range(1, 11)))
    counts = np.zeros(20)
    for seed in range(4000):
        counts[split(groups, 5, 3, np.random.default_rng(seed))[0]] += 1
    assert counts / 4000 == pytest.approx(np.full(20, 0.25), abs=0.03)


def test_functions_are_canonical_forms() -> None:
    space = archcast.get_space("nasbench201")
    archs = space.sample(200, 0)
    groups = functions(space, archs)
    forms = [tuple(row) for row in space.canonical(archs)]
    for i, j in zip(range(100), range(100, 200)):
        assert (groups[i] == groups[j]) == (forms[i] == forms[j])
    assert len(set(groups.tolist())) == len(set(forms))
