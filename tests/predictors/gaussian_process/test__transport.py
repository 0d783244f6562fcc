"""Partial optimal transport against linear programming, and against the best of all assignments."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from archcast.predictors.gaussian_process._transport import transport


def by_linear_programming(costs, a, b):
    n, m = costs.shape
    limits = np.zeros((n + m, n * m))
    for i in range(n):
        limits[i, i * m : (i + 1) * m] = 1
    for j in range(m):
        limits[n + j, j::m] = 1
    bounds = [(0, None if np.isfinite(cost) else 0) for cost in costs.ravel()]
    prices = np.where(np.isfinite(costs), costs, 0).ravel() - 2
    return a.sum() + b.sum() + linprog(prices, limits, np.concatenate([a, b]), bounds=bounds).fun


def problems(seed, n, m, whole):
    rng = np.random.default_rng(seed)
    costs = rng.uniform(0, 2.5, (4, n, m))
    costs = np.round(costs * 4) / 4 if whole else costs
    costs[rng.random(costs.shape) < 0.3] = np.inf
    a, b = rng.uniform(0, 3, (4, n)), rng.uniform(0, 3, (4, m))
    return costs, np.round(a) if whole else a, np.round(b) if whole else b


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 6), m=st.integers(1, 6), whole=st.booleans())
def test_it_is_the_linear_programme(seed, n, m, whole):
    costs, a, b = problems(seed, n, m, whole)
    expected = [by_linear_programming(*problem) for problem in zip(costs, a, b, strict=True)]
    np.testing.assert_allclose(transport(costs, a, b), expected, atol=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_masses_of_one_are_the_best_of_all_assignments(seed):
    rng = np.random.default_rng(seed)
    costs = rng.uniform(0, 1, (3, 5))
    best = min(sum(costs[i, j] for i, j in enumerate(order[:3])) for order in permutations(range(5)))
    assert transport(costs[None], np.ones((1, 3)), np.ones((1, 5)))[0] == pytest.approx(best + 2)


def test_one_problem_does_not_depend_on_the_others_nor_on_its_unit():
    costs, a, b = problems(0, 5, 4, False)
    whole = transport(costs, a, b)
    np.testing.assert_allclose(transport(costs[1:2], a[1:2], b[1:2]), whole[1:2])
    np.testing.assert_allclose(transport(costs, 1e6 * a, 1e6 * b), 1e6 * whole)
    np.testing.assert_allclose(transport(costs.transpose(0, 2, 1), b, a), whole)


def test_nothing_to_move():
    assert transport(np.full((1, 2, 2), np.inf), np.ones((1, 2)), np.ones((1, 2))) == pytest.approx(4)
    assert transport(np.zeros((1, 2, 2)), np.zeros((1, 2)), np.ones((1, 2))) == pytest.approx(2)
    assert transport(np.zeros((0, 2, 2)), np.zeros((0, 2)), np.zeros((0, 2))).shape == (0,)
