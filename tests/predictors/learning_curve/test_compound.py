"""Distributions made of others, against draws, scipy and their definitions; what all have in common is in test_distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from archcast.predictors.learning_curve.compound import STRIP, Clipped, Exponentiated, Mixture, Stepped, Widened
from archcast.predictors.learning_curve.distributions import Bars, StudentT


def test_mixture_weighs_its_parts():
    a, b = StudentT(np.zeros(1), np.ones(1), np.full(1, 5.0)), StudentT(np.full(1, 4.0), np.ones(1), np.full(1, 5.0))
    one = Mixture([a, b], [0.25, 0.75])
    assert one.mean[0] == pytest.approx(3)
    assert one.cdf(2.0)[0] == pytest.approx(0.25 * a.cdf(2.0)[0] + 0.75 * b.cdf(2.0)[0])


def test_std_is_that_of_a_normal_distribution_and_ignores_tails():
    centre, scale = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    np.testing.assert_allclose(StudentT(centre, scale, np.full(2, 1e7)).std, scale, rtol=1e-5)
    tails = Mixture(
        [StudentT(centre, scale, np.full(2, 1e7)), StudentT(centre, 100 * scale, np.full(2, 1e7))], [0.98, 0.02]
    )
    assert (tails.std < 1.2 * scale).all()


def test_what_is_beyond_a_bound_is_near_the_bound():
    """Against draws that are moved, those beyond a bound evenly into the strip before it; a bound that is infinite is none."""
    low, high, seen = np.array([0.0, -np.inf]), np.array([1.0, 1.0]), np.array([0.8, 0.1])
    part = StudentT(np.array([0.95, 0.1]), np.array([0.1, 0.6]), np.full(2, 1e7))
    one = Clipped(part, low, high, seen)
    for i in range(2):
        free = stats.norm(part.location[i], part.scale[i])
        draws = free.ppf((np.arange(20_000) + 0.5) / 20_000)
        beyond = draws > high[i]
        draws[beyond] = 1 - STRIP * (1 - seen[i]) * np.linspace(0, 1, beyond.sum())
        for x in (-0.5, 0.0, 0.7, 0.95, 0.99, 0.9999, 1.0, 1.2):
            assert one.cdf(x)[i] == pytest.approx((draws <= x).mean(), abs=2e-4)
        assert one.mean[i] == pytest.approx(draws.mean(), abs=1e-4)
        counted = np.where((draws > 0.2) & (draws <= 0.99), draws, 0.0)
        assert one.moment(0.2, 0.99)[i] == pytest.approx(counted.mean(), abs=2e-4)
        np.testing.assert_allclose(one.quantile([0.1, 0.5, 0.95])[i], np.quantile(draws, [0.1, 0.5, 0.95]), atol=1e-3)
    x = np.linspace(-3, 1.1, 40_001)[None].repeat(2, axis=0)
    np.testing.assert_allclose(np.trapezoid(one.density(x), x, axis=1), 1, atol=2e-3)
    assert (one.above(1.0) == 0).all()
    assert one.interval(0.9)[1].tolist() == [1.0, 1.0]
    assert one.interval(0.5)[0][1] == pytest.approx(part.interval(0.5)[0][1], abs=1e-9)


def test_a_logarithm_is_taken_back():
    """A loss whose logarithm is normal is scipy's log-normal, negated."""
    one = Exponentiated(StudentT(np.array([1.0, -0.5]), np.array([0.3, 0.8]), np.full(2, 1e7)))
    for i, (centre, scale) in enumerate([(1.0, 0.3), (-0.5, 0.8)]):
        reference = stats.lognorm(scale, scale=np.exp(-centre))
        for loss in (0.2, 0.4, 1.5):
            assert one.above(-loss)[i] == pytest.approx(reference.cdf(loss), abs=1e-6)
            assert one.density(-loss)[i] == pytest.approx(reference.pdf(loss), rel=1e-4)
        assert one.mean[i] == pytest.approx(-reference.mean(), rel=2e-3)
        assert one.quantile(0.05)[i] == pytest.approx(-reference.ppf(0.95), rel=1e-5)
    assert (one.cdf(0.0) == 1).all()
    assert (one.density(0.1) == 0).all()


def test_widened_is_the_mean_of_stretched_histograms():
    rng = np.random.default_rng(5)
    shared = Bars(np.cumsum(rng.uniform(0.05, 1, 8)), rng.dirichlet(np.ones(7), 3), rng.normal(size=3), np.ones(3))
    one = Widened(shared, rng.uniform(0.2, 2, (3, 4)))
    middle, x = one.part.quantile(0.5), np.random.default_rng(0).normal(1, 2, (3, 30))
    rows = [
        Bars(middle[:, None] + w[:, None] * (one.part._from(one.part.edges) - middle[:, None]), one.part.probabilities)
        for w in one.widths.T
    ]
    slow = Mixture(rows, [1 / 4] * 4)
    np.testing.assert_allclose(one.cdf(x), slow.cdf(x), atol=1e-12)
    np.testing.assert_allclose(one.density(x), slow.density(x), rtol=1e-9)
    np.testing.assert_allclose(one.moment(x[:, 0], x[:, 0] + 1), slow.moment(x[:, 0], x[:, 0] + 1), atol=1e-12)
    np.testing.assert_allclose(one.quantile(0.5), middle, atol=1e-9)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_steps_are_those_of_rounded_draws(seed):
    """Probabilities of rounded values are counted, and intervals hold the steps that they name."""
    rng = np.random.default_rng(seed)
    part = StudentT(rng.normal(size=3), rng.uniform(0.2, 2, 3), rng.uniform(3, 9, 3))
    origin, step = np.array([0.3, -1.0, 0.0]), np.array([0.25, 0.5, 0.0])
    one = Stepped(part, origin, step)
    draws = part.quantile(((np.arange(400) + 0.5) / 400).tolist()).T
    safe = np.where(step > 0, step, 1)
    rounded = np.where(step > 0, origin + safe * np.rint((draws - origin) / safe), draws)
    for x in (origin, origin + 3 * step, origin - 0.4 * step):
        np.testing.assert_allclose(one.cdf(x), (rounded <= x + 1e-9).mean(axis=0), atol=0.005)
    low, high = one.interval(0.9)
    assert (((low <= rounded) & (rounded <= high)).mean(axis=0) >= 0.895).all()
    within = one.quantile(0.5)[:2] - origin[:2]
    np.testing.assert_allclose(within / step[:2], np.rint(within / step[:2]), atol=1e-9)
    np.testing.assert_array_equal(low[2], part.interval(0.9)[0][2])
    np.testing.assert_array_equal(one.mean, part.mean)


def test_a_value_that_stands_at_its_bound_is_in_the_interval():
    part = Bars(np.array([0.0, 0.001, 1.0]), np.array([[0.9, 0.1]]))
    assert part.interval(0.9)[0][0] > 0
    assert Stepped(part, np.zeros(1), np.full(1, 0.002)).interval(0.9)[0][0] == 0
