from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from archcast.predictors.targets import TargetScale, limits_of, rank_normal

scores = st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=30).map(np.array)


@given(scores)
def test_quantiles_are_those_of_the_ranks(values):
    expected = norm.ppf((rankdata(values) - 0.5) / len(values))
    np.testing.assert_allclose(rank_normal(values), expected, rtol=1e-9, atol=1e-12)


@given(scores)
def test_there_and_back(values):
    scale = TargetScale.of(values)
    np.testing.assert_allclose(scale.forward(values), rank_normal(values), atol=1e-9)
    np.testing.assert_allclose(scale.backward(rank_normal(values)), values, rtol=1e-9, atol=1e-6)


@given(scores, st.lists(st.floats(-6, 6).map(lambda x: round(x, 2)), min_size=2, max_size=20, unique=True))
def test_the_way_back_is_increasing(values, quantiles):
    assert (np.diff(TargetScale.of(values).backward(np.sort(quantiles))) > 0).all()


@given(scores, st.floats(-4, 4), st.floats(0, 3))
def test_std_is_never_negative(values, quantile, std):
    assert TargetScale.of(values).backward_std(np.array([quantile]), np.array([std]))[0] >= 0


def test_std_on_a_linear_scale_is_the_slope_times_std():
    scale = TargetScale(np.array([0.0, 10.0]), np.array([-1.0, 1.0]))
    np.testing.assert_allclose(scale.backward_std(np.array([0.3, 5.0]), np.array([0.2, 0.2])), [1.0, 1.0])


def test_beyond_the_knots_the_overall_slope_goes_on():
    scale = TargetScale(np.array([0.0, 1.0, 10.0]), np.array([-1.0, 0.0, 1.0]))
    np.testing.assert_allclose(scale.backward(np.array([-2.0, 2.0])), [-5.0, 15.0])


def test_one_score_and_none():
    scale = TargetScale.of(np.array([7.0, 7.0]))
    assert scale.backward(np.array([0.0]))[0] == pytest.approx(7)
    assert scale.backward(np.array([1.0]))[0] > scale.backward(np.array([0.0]))[0]
    assert rank_normal(np.zeros(0)).shape == (0,)


# -- scores whose range is known ---------------------------------------------------------------------------------------

shares = st.lists(st.floats(0, 1).map(lambda x: round(x, 3)), min_size=1, max_size=30).map(np.array)
far = np.array([-40.0, -9.0, -3.0, -1.0, 0.0, 1.0, 3.0, 9.0, 40.0])


@given(shares, st.sampled_from([1.0, 100.0, -1.0, -100.0]))
def test_what_comes_back_is_a_share_or_a_percentage(values, unit):
    scale = TargetScale.of_scores(values * unit)
    low, high = scale.limits
    answer = scale.prediction(far, np.full(len(far), 2.0))
    for back in (scale.backward(far), answer.mean):
        assert (low <= back).all()
        assert (back <= high).all()
    assert (np.diff(scale.backward(np.linspace(-3, 3, 50))) > 0).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.2, 1.0], (0, 1)),
        ([0.2, 1.1], (0, 100)),
        ([10, 94.6], (0, 100)),
        ([-0.1, 0], (-1, 0)),
        ([-7, -6], (-100, 0)),
        ([-1, 1], (-np.inf, np.inf)),
        ([50, 101], (-np.inf, np.inf)),
    ],
)
def test_the_range_of_scores(values, expected):
    assert limits_of(np.array(values, dtype=float)) == expected


def test_between_the_training_scores_nothing_is_bent(rng):
    values = rng.normal(70, 5, size=20)
    quantiles = np.linspace(-1.5, 1.5, 40)
    np.testing.assert_allclose(
        TargetScale.of_scores(values).backward(quantiles), TargetScale.of(values).backward(quantiles)
    )


def test_beyond_the_best_score_the_slope_is_that_of_good_scores():
    """One broken network does not make the forecast of the next best one soar."""
    values = np.array([10.0, *np.linspace(90, 94, 19)])
    top = rank_normal(values).max()
    ahead = TargetScale.of_scores(values).backward(np.array([top, top + 1]))
    assert ahead[0] == pytest.approx(94)
    assert 94.1 < ahead[1] < 96
    assert TargetScale.of(values).backward(np.array([top + 1]))[0] > 110


def test_mean_is_the_median_and_std_the_ninety_percent_interval(rng):
    scale = TargetScale.of_scores(rng.beta(5, 1, size=60) * 100)
    t, s = np.array([-1.5, 0.0, 1.8]), np.array([0.5, 1.2, 0.3])
    answer = scale.prediction(t, s)
    for i in range(3):
        draws = scale.backward(t[i] + s[i] * rng.normal(size=200_000))
        assert answer.mean[i] == pytest.approx(np.median(draws), abs=0.15)
        assert np.mean(np.abs(draws - answer.mean[i]) <= 1.645 * answer.std[i]) == pytest.approx(0.9, abs=0.02)


def test_a_normal_score_keeps_its_std():
    scale = TargetScale(np.array([-50.0, 50.0]), np.array([-5.0, 5.0]), (10.0, 10.0))
    answer = scale.prediction(np.array([0.5]), np.array([0.7]))
    assert answer.mean[0] == pytest.approx(5.0)
    assert answer.std[0] == pytest.approx(7.0, rel=0.03)
