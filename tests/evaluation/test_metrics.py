"""Measures against brute force, scipy and random tie-breaking."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from archcast.evaluation.metrics import (
    METRICS,
    coverage,
    gaussian_nll,
    kendall_tau,
    pearson,
    regret,
    spearman,
    top_k_precision,
    top_tau,
)

tied = st.integers(2, 25).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(-4, 4).map(float), min_size=n, max_size=n).map(np.array)] * 2)
)


def tau_by_pairs(x, y):
    concordant = discordant = tied_x = tied_y = 0
    for i, j in combinations(range(len(x)), 2):
        a, b = np.sign(x[i] - x[j]), np.sign(y[i] - y[j])
        concordant += a * b > 0
        discordant += a * b < 0
        tied_x += a != 0
        tied_y += b != 0
    return (concordant - discordant) / math.sqrt(tied_x * tied_y) if tied_x * tied_y else math.nan


@given(tied)
@settings(max_examples=150)
def test_rank_correlations_with_ties(pair) -> None:
    x, y = pair
    assert kendall_tau(x, y) == pytest.approx(tau_by_pairs(x, y), abs=1e-12, nan_ok=True)
    if np.ptp(x) and np.ptp(y):
        assert spearman(x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-12)
        assert pearson(x, y) == pytest.approx(scipy.stats.pearsonr(x, y).statistic, abs=1e-12)
    else:
        assert math.isnan(spearman(x, y))
        assert math.isnan(pearson(x, y))


def test_correlations_of_monotone_functions(rng) -> None:
    x = rng.normal(size=50)
    assert kendall_tau(x, np.exp(x)) == pytest.approx(1)
    assert spearman(x, -(x**3)) == pytest.approx(-1)
    assert pearson(x, 1e-200 * x + 5e-200) == pytest.approx(1)
    assert pearson(1e200 * x, x) == pytest.approx(1)


@pytest.mark.parametrize("function", [kendall_tau, spearman, pearson])
def test_constant_or_single_is_undefined(function) -> None:
    x = np.arange(4.0)
    assert math.isnan(function(x, np.full(4, 0.1)))
    assert math.isnan(function(np.full(4, 0.1), x))
    assert math.isnan(function(x[:1], x[:1]))
    assert math.isnan(function(x[:0], x[:0]))


@pytest.mark.parametrize("k", [1, 3, 10])
def test_precision_and_regret_are_expectations_over_ties(rng, k) -> None:
    truth, mean = rng.integers(0, 5, 14).astype(float), rng.integers(0, 4, 14).astype(float)
    overlaps, regrets = [], []
    for _ in range(20_000):
        noise = rng.random((2, 14)) * 1e-6
        best, picked = np.argsort(truth + noise[0])[-k:], np.argsort(mean + noise[1])[-k:]
        overlaps.append(len(set(best) & set(picked)) / k)
        regrets.append(truth.max() - truth[np.argmax(mean + noise[1])])
    assert top_k_precision(truth, mean, k) == pytest.approx(np.mean(overlaps), abs=0.015)
    assert regret(truth, mean) == pytest.approx(np.mean(regrets), abs=0.03)


def test_precision_without_ties_and_too_few() -> None:
    truth = np.arange(30.0)
    assert top_k_precision(truth, truth) == 1
    assert top_k_precision(truth, -truth) == 0
    assert top_k_precision(truth, np.roll(truth, 5)) == 0.5
    assert math.isnan(top_k_precision(truth[:10], truth[:10]))
    assert regret(truth, truth) == 0
    assert regret(truth, -truth) == 29
    assert math.isnan(regret(truth[:0], truth[:0]))


@given(tied, st.sampled_from([2, 5, 0.1, 0.5]))
@settings(max_examples=100)
def test_tau_among_the_best_by_sorting(pair, k) -> None:
    truth, mean = pair
    many = math.floor(k * len(truth)) if k < 1 else k
    order = sorted(range(len(truth)), key=lambda i: -truth[i])
    best = [i for i in order if many and truth[i] >= truth[order[min(many, len(order)) - 1]]]
    want = tau_by_pairs(truth[best], mean[best]) if 2 <= many < len(truth) else math.nan
    assert top_tau(truth, mean, k) == pytest.approx(want, abs=1e-12, nan_ok=True)


def test_tau_among_the_best_sees_what_tau_does_not(rng) -> None:
    truth = np.arange(1000.0)
    mean = np.where(truth < 900, truth, 2000 - truth)  # the best tenth is upside down
    assert kendall_tau(truth, mean) > 0.97
    assert METRICS["tau_top10pct"](truth, mean, None) == METRICS["tau_top50"](truth, mean, None) == -1


def test_calibration_against_scipy(rng) -> None:
    mean, std = rng.normal(size=4000), rng.uniform(0.5, 2, 4000)
    truth = mean + std * rng.normal(size=4000)
    expected = -scipy.stats.norm(mean, std).logpdf(truth).mean()
    assert gaussian_nll(truth, mean, std) == pytest.approx(expected, rel=1e-12)
    low, high = scipy.stats.norm(mean, std).interval(0.9)
    assert coverage(truth, mean, std) == ((low <= truth) & (truth <= high)).mean()
    assert coverage(truth, mean, std) == pytest.approx(0.9, abs=0.02)
    assert coverage(truth, mean, std / 2) == pytest.approx(0.589, abs=0.03)


def test_calibration_is_undefined_for_impossible_stds() -> None:
    truth = np.zeros(3)
    assert math.isnan(gaussian_nll(truth, truth, np.array([1.0, 0.0, 1.0])))
    assert math.isnan(gaussian_nll(truth, truth, np.array([1.0, np.nan, 1.0])))
    assert coverage(truth, truth, np.zeros(3)) == 1
    assert math.isnan(coverage(truth, truth, np.array([1.0, -1.0, 1.0])))


def test_registry_calls_with_and_without_std(rng) -> None:
    truth = rng.normal(size=60)
    for name, metric in METRICS.items():
        with_std = metric(truth, truth, np.ones(60))
        assert math.isfinite(with_std), name
        assert math.isnan(metric(truth, truth, None)) == metric.needs_std, name
    assert METRICS["kendall_tau"](truth, truth, None) == pytest.approx(METRICS["kendall_tau"].best)
    assert list(METRICS)[:2] == ["kendall_tau", "spearman"]
