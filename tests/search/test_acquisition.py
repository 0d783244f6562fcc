"""Acquisition functions against Monte Carlo and the slow way."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from archcast.search.acquisition import (
    diverse,
    expected_improvement,
    independent_thompson,
    probability_of_improvement,
    upper_confidence_bound,
)

MEAN = np.array([0.0, 1.0, -2.0, 0.5])
STD = np.array([1.0, 0.3, 2.0, 1e-3])
BEST = 0.8


def test_expected_improvement_is_an_expectation(rng) -> None:
    draws = MEAN + STD * rng.standard_normal((400_000, 4))
    truth = np.maximum(draws - BEST, 0).mean(axis=0)
    np.testing.assert_allclose(expected_improvement(MEAN, STD, BEST), truth, atol=3e-3)


def test_probability_of_improvement_is_a_log_probability(rng) -> None:
    draws = MEAN + STD * rng.standard_normal((400_000, 4))
    truth = (draws > BEST).mean(axis=0)
    np.testing.assert_allclose(np.exp(probability_of_improvement(MEAN, STD, BEST)), truth, atol=3e-3)


def test_probability_of_improvement_ranks_what_is_far_away() -> None:
    far = probability_of_improvement(np.array([-60.0, -50.0]), np.ones(2), 0.0)
    assert np.isfinite(far).all()
    assert far[0] < far[1]


def test_no_std_is_no_error() -> None:
    mean = np.array([0.0, 1.0])
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(expected_improvement(mean, np.zeros(2), 0.5), [0, 0.5], atol=1e-9)
        assert (
            probability_of_improvement(mean, np.zeros(2), 0.5)[0]
            < probability_of_improvement(mean, np.zeros(2), 0.5)[1]
        )


def test_upper_confidence_bound() -> None:
    np.testing.assert_allclose(upper_confidence_bound(MEAN, STD, 2.0), [2.0, 1.6, 2.0, 0.502])


def test_independent_thompson_has_the_moments_and_no_correlation(rng) -> None:
    draws = np.stack([independent_thompson(MEAN, STD, rng) for _ in range(20_000)])
    np.testing.assert_allclose(draws.mean(axis=0), MEAN, atol=0.06)
    np.testing.assert_allclose(draws.std(axis=0), STD, rtol=0.03)
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.03


def kernel(values, rows, n, length=1.0, weight=1.0):
    rank = np.argsort(np.argsort(-values, kind="stable"))
    quality = np.exp(-weight * rank / n)
    distance = (rows[:, None] != rows[None]).sum(axis=2)
    return quality[:, None] * np.exp(-distance / length) * quality


def test_diverse_is_greedy_in_the_determinant(rng) -> None:
    rows, values = rng.integers(0, 3, (30, 4)), rng.normal(size=30)
    picked = diverse(values, lambda i: (rows != rows[i]).sum(axis=1).astype(float), 5)
    matrix = kernel(values, rows, 5)
    chosen = [int(values.argmax())]
    for _ in range(4):
        gains = [
            np.linalg.det(matrix[np.ix_([*chosen, i], [*chosen, i])]) if i not in chosen else -1 for i in range(30)
        ]
        chosen.append(int(np.argmax(gains)))
    assert picked.tolist() == chosen


def test_diverse_differs_more_than_the_top() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 2, (60, 6))
    values = -(rows.sum(axis=1)).astype(float)  # the best are much alike
    picked = diverse(values, lambda i: (rows != rows[i]).sum(axis=1).astype(float), 4)
    top = np.argsort(-values, kind="stable")[:4]

    def spread(some):
        return np.mean([(rows[i] != rows[j]).sum() for i, j in combinations(some, 2)])

    assert spread(picked) > spread(top)


@pytest.mark.parametrize("n", [3, 5])
def test_diverse_with_few_rows_takes_all_best_first(n) -> None:
    values = np.array([0.1, 0.9, 0.5])
    assert diverse(values, lambda i: np.ones(3), n).tolist() == [1, 2, 0]


def test_diverse_with_equal_rows_still_gives_different_numbers() -> None:
    picked = diverse(np.arange(6.0), lambda i: np.zeros(6), 4)
    assert len(set(picked.tolist())) == 4
