from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from archcast.predictors.targets import TargetScale, rank_normal

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
