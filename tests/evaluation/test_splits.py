"""Train and test sets never share a function, and are the same for every train size of a trial."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archcast
from archcast.evaluation.splits import around_the_best, functions, split


@given(
    st.lists(st.integers(0, 12), min_size=12, max_size=60),
    st.integers(1, 8),
    st.sampled_from([2, 4, "rest"]),
    st.integers(0, 99),
)
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


def test_mutations_are_near_the_best_and_new() -> None:
    """By brute force: each test row is, as a function, at most three decisions from one of the five best."""
    space = archcast.get_space("nasbench201")
    archs = space.enumerate()
    scores = (archs == 3).sum(axis=1) + 0.01 * np.arange(len(archs)) / len(archs)
    groups = functions(space, archs)
    train = np.random.default_rng(1).choice(len(archs), 40, replace=False)
    best = archs[sorted(train, key=lambda i: -scores[i])[:5]]
    near = archs[((archs[:, None] != best[None]).sum(axis=2) <= 3).any(axis=1)]
    reachable = {key.tobytes() for key in space.canonical(near)}

    def draw(size, seed):
        return around_the_best(space, archs, scores, groups, train, size, np.random.default_rng(seed))

    test = draw(100, 0)
    assert len(test) == 100 == len(set(groups[test].tolist()))
    assert not set(groups[test].tolist()) & set(groups[train].tolist())
    assert {key.tobytes() for key in space.canonical(archs[test])} <= reachable
    assert scores[test].mean() > scores.mean() + 0.5
    assert (draw(100, 0) == test).all()
    assert set(draw(100, 1).tolist()) != set(test.tolist())
    everything = draw(5000, 0)  # more than there are: no row is missed for long, none is outside
    assert len(everything) <= len(reachable)
    assert len(everything) > 0.9 * (len(reachable) - 40)


def test_mutations_that_a_benchmark_lacks_are_left_out() -> None:
    space = archcast.get_space("nasbench201")
    archs = space.sample(300, 0)
    train = np.arange(20)
    test = around_the_best(
        space, archs, np.arange(300.0), functions(space, archs), train, 300, np.random.default_rng(0)
    )
    assert 0 < len(test) < 280
