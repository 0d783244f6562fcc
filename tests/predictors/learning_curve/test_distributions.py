"""Distributions against numerical integration, random draws and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from archcast.errors import InvalidInputError
from archcast.predictors.learning_curve.compound import Exponentiated, Mixture, Widened
from archcast.predictors.learning_curve.distributions import Bars, Distribution, StudentT


def bars(seed: int, n: int = 3, k: int = 7) -> Bars:
    rng = np.random.default_rng(seed)
    edges = rng.normal(size=(n, 1)) + np.cumsum(rng.uniform(0.05, 1, (n, k + 1)), axis=1)
    return Bars(edges, rng.dirichlet(np.ones(k), n))


def students(seed: int, n: int = 3) -> StudentT:
    rng = np.random.default_rng(seed)
    return StudentT(rng.normal(size=n), rng.uniform(0.2, 2, n), rng.uniform(3, 9, n))


def mixture(seed: int) -> Mixture:
    return Mixture([bars(seed), students(seed)], [0.3, 0.7])


def moved(seed: int, n: int = 3, k: int = 7) -> Bars:
    """Histograms that share their edges, each stretched and moved."""
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.uniform(0.05, 1, k + 1))
    return Bars(edges, rng.dirichlet(np.ones(k), n), rng.normal(size=n), rng.uniform(0.3, 2, n))


def widened(seed: int) -> Widened:
    return Widened(moved(seed), np.random.default_rng(seed).uniform(0.2, 2, (3, 4)))


def exponentiated(seed: int) -> Exponentiated:
    return Exponentiated(moved(seed))


KINDS = [bars, students, mixture, moved, widened, exponentiated]


@pytest.mark.parametrize("make", KINDS)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=5)
def test_density_is_the_slope_of_the_cdf_and_integrates_to_one(make, seed):
    one: Distribution = make(seed)
    low, high = one.support()
    centre, reach = one.mean, np.minimum(high - low, 60 * one.std)
    x = centre[:, None] + np.linspace(-1, 1, 40_001) * reach[:, None]
    total = np.trapezoid(one.density(x), x, axis=1)
    np.testing.assert_allclose(total, 1, atol=0.01)
    inner = x[:, 8_001:32_000:800]
    slope = (one.cdf(inner + 1e-6) - one.cdf(inner - 1e-6)) / 2e-6
    np.testing.assert_allclose(np.median(np.abs(slope - one.density(inner))), 0, atol=1e-5)
    np.testing.assert_allclose(one.cdf(low), 0, atol=1e-8)
    np.testing.assert_allclose(one.cdf(high), 1, atol=1e-8)


@pytest.mark.parametrize("make", KINDS)
def test_moments_and_quantiles_are_those_of_random_draws(make):
    one: Distribution = make(3)
    uniform = (np.arange(200) + 0.5) / 200
    draws = np.array([one.quantile(u) for u in uniform])  # inverse transform on an even grid
    np.testing.assert_allclose(draws.mean(axis=0), one.mean, atol=0.02)
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    np.testing.assert_allclose(one.std, (high - low) / (2 * stats.norm.ppf(0.95)), rtol=0.03)
    np.testing.assert_allclose(one.quantile([0.3, 0.7]), np.stack([one.quantile(0.3), one.quantile(0.7)], axis=1))
    low, high = one.interval(0.8)
    np.testing.assert_allclose(((draws > low) & (draws < high)).mean(axis=0), 0.8, atol=0.011)
    np.testing.assert_allclose(one.above(0.3), (draws > 0.3).mean(axis=0), atol=0.006)


def test_student_is_scipys():
    one = students(1)
    x = np.linspace(-4, 4, 9)
    for i in range(3):
        reference = stats.t(one.df[i], one.location[i], one.scale[i])
        many = np.broadcast_to(x, (3, 9))
        np.testing.assert_allclose(one.log_density(many)[i], reference.logpdf(x), rtol=1e-10)
        np.testing.assert_allclose(one.cdf(many)[i], reference.cdf(x), rtol=1e-10)
        np.testing.assert_allclose(one.mean[i], reference.mean())
        inside = reference.expect(lambda x: x, lb=-0.4, ub=1.1)
        np.testing.assert_allclose(one.moment(-0.4, 1.1)[i], inside, rtol=1e-6)
        np.testing.assert_allclose(one.quantile(0.95)[i], reference.ppf(0.95), rtol=1e-8)


def test_bars_are_numpys_histogram():
    rng = np.random.default_rng(0)
    values = rng.beta(2, 5, 500)
    counts, edges = np.histogram(values, bins=12)
    one = Bars(edges[None], counts[None] / 500)
    reference = stats.rv_histogram((counts, edges), density=False)
    x = np.linspace(-0.2, 1.2, 57)
    np.testing.assert_allclose(one.cdf(x[None])[0], reference.cdf(x), atol=1e-12)
    np.testing.assert_allclose(one.density(x[None])[0], reference.pdf(x), atol=1e-12)
    np.testing.assert_allclose(one.mean[0], reference.mean())
    np.testing.assert_allclose(one.quantile(0.3)[0], reference.ppf(0.3))
    assert one.log_density(5.0)[0] == -np.inf


@pytest.mark.parametrize("level", [0, 1, -0.1, 1.5, float("nan")])
def test_a_level_must_be_a_share(level):
    with pytest.raises(InvalidInputError, match=r"level is .*between 0 and 1"):
        students(0).quantile(level)


@pytest.mark.parametrize("x", [np.zeros(2), np.zeros((2, 3)), np.zeros((3, 3, 3))])
@pytest.mark.parametrize("make", [bars, students])
def test_values_must_be_aligned(make, x):
    with pytest.raises(InvalidInputError, match=r"x must be a number or have shape \(3,\)"):
        make(0).cdf(x)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_shared_edges_are_edges_of_each_row(seed):
    one = moved(seed)
    same = Bars(one.location[:, None] + one.scale[:, None] * one.edges, one.probabilities)
    x = np.random.default_rng(seed).normal(1, 3, (3, 40))
    np.testing.assert_allclose(one.cdf(x), same.cdf(x), atol=1e-12)
    np.testing.assert_allclose(one.density(x), same.density(x), rtol=1e-9)
    np.testing.assert_allclose(one.moment(x[:, 0], np.inf), same.moment(x[:, 0], np.inf), atol=1e-12)
    np.testing.assert_allclose(one.quantile([0.1, 0.6]), same.quantile([0.1, 0.6]), atol=1e-12)
    np.testing.assert_allclose(np.stack(one.support()), np.stack(same.support()))


@pytest.mark.parametrize("make", KINDS)
@given(seed=st.integers(0, 10**6), level=st.floats(1e-4, 1 - 1e-4))
@settings(max_examples=10)
def test_quantiles_are_where_the_cdf_is_the_level(make, seed, level):
    one: Distribution = make(seed)
    np.testing.assert_allclose(one.cdf(one.quantile(level)), level, atol=1e-7)
