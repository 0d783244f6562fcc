"""The cost-efficient hull against linear programming and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from archcast.errors import InvalidInputError
from archcast.search.hull import epsilon_hull, errors_of, lower_hull

POINTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=12)


def slow_hull(costs, errors, at):
    """The lowest error of any mixture of the points, and of the closing one, that costs ``at``."""
    x, y = [*costs, 2 * max(costs)], [*errors, min(errors)]
    answer = linprog(y, A_eq=[x, np.ones(len(x))], b_eq=[at, 1], bounds=(0, None))
    return answer.fun


@settings(max_examples=40, deadline=None)
@given(POINTS)
def test_the_hull_is_the_best_mixture(points) -> None:
    costs, errors = np.array(points, dtype=float).T
    corners = lower_hull(costs, errors)
    for at in np.unique(costs):
        assert np.interp(at, *corners) == pytest.approx(slow_hull(costs, errors, at), abs=1e-8)
    assert (np.diff(corners[1]) <= 0).all()


@settings(max_examples=40, deadline=None)
@given(POINTS, st.floats(0, 0.5))
def test_near_the_hull_is_within_epsilon_of_it(points, epsilon) -> None:
    costs, errors = np.array(points, dtype=float).T
    hull = np.array([slow_hull(costs, errors, at) for at in costs])
    clear = abs(errors - (1 + epsilon) * hull) > 1e-6
    np.testing.assert_array_equal(epsilon_hull(costs, errors, epsilon)[clear], (errors <= (1 + epsilon) * hull)[clear])


def test_a_point_of_the_front_that_a_mixture_beats_is_left_out() -> None:
    costs, errors = [1, 2, 3], [9, 8.5, 3]  # each is better than the next in one way
    assert epsilon_hull(costs, errors, 0.0).tolist() == [True, False, True]
    assert epsilon_hull(costs, errors, 0.5).tolist() == [True, True, True]


def test_scale_of_costs_does_not_matter(rng) -> None:
    costs, errors = rng.random((2, 30))
    np.testing.assert_array_equal(epsilon_hull(costs, errors), epsilon_hull(1e9 * costs, errors))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, -2], [1, 1]), r"costs must be finite and 0 or more, got -2 at \[1\]"),
        (([1, 2], [1, np.nan]), r"errors must be finite and 0 or more, got nan at \[1\]"),
        (([], []), r"shape \(n,\) with n of at least 1"),
        (([1, 2], [1]), r"got \(2,\), \(1,\)"),
        (([1], [1], -1), "epsilon must be a number of at least 0, got -1"),
    ],
)
def test_wrong_points(arguments, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        epsilon_hull(*arguments)


def test_errors_count_from_the_best_there_can_be() -> None:
    np.testing.assert_allclose(errors_of(np.array([0.5, 0.9])), [0.5, 0.1])
    np.testing.assert_allclose(errors_of(np.array([50.0, 94.0])), [50, 6])
    np.testing.assert_allclose(errors_of(np.array([-2.0, -50.0])), [2, 50])
    assert (errors_of(np.array([-300.0, 500.0, 20.0])) >= 0).all()
