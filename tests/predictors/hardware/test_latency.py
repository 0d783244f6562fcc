"""Latency: the Gaussian process against its definition, transfer between devices made up for the test, and the real ones."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal, spearmanr

import archcast
from archcast import Source
from archcast.errors import InvalidInputError
from archcast.predictors.hardware._features import Blocks
from archcast.predictors.hardware._kernel import CONSTANT, kernel, posterior, weights_for

SPACE = archcast.get_space("nasbench201")
ROWS = SPACE.sample(300, 0)
TABLE = Path(os.environ.get("ARCHCAST_DATA", "../shared/benchmarks")) / "nb201_hw_cifar10.csv.gz"


def device(seed, rows=ROWS):
    """Milliseconds of a made-up device: a time for each operation on each edge, and a little more where layers meet."""
    rng = np.random.default_rng(seed)
    each = np.abs(rng.normal([0, 0.1, 1, 2, 0.5], 0.3, size=(6, 5)))
    times = 1 + each[np.arange(6), rows].sum(axis=1)
    return times + 0.1 * ((rows == 3).sum(axis=1) > 2)


def test_the_posterior_is_that_of_a_joint_normal_distribution(rng) -> None:
    weights, known, asked = np.array([0.7, 0.2, 0.1]), [rng.random((5, 3)), rng.random((5, 2))], None
    asked = [rng.random((2, 3)), rng.random((2, 2))]
    y = rng.standard_normal(5)
    mean, variance = posterior(weights, known, y, asked)
    together = [np.concatenate(parts) for parts in zip(known, asked)]
    joint = CONSTANT + sum(w * a @ a.T for w, a in zip(weights, together)) + 0.1 * np.eye(7)
    inverse = np.linalg.inv(joint[:5, :5])
    np.testing.assert_allclose(mean, joint[5:, :5] @ inverse @ y, rtol=1e-5)
    np.testing.assert_allclose(variance, np.diag(joint[5:, 5:] - joint[5:, :5] @ inverse @ joint[:5, 5:]), rtol=1e-5)
    np.testing.assert_allclose(kernel(weights, known, known), joint[:5, :5] - 0.1 * np.eye(5))


def test_weights_are_where_the_tasks_are_most_likely(rng) -> None:
    """No weight that is changed by a tenth makes the tasks, with the prior, more likely."""
    tasks = []
    for _ in range(5):
        a, b = rng.standard_normal((20, 3)), rng.standard_normal((20, 2))
        y = a @ rng.standard_normal(3) + 0.1 * rng.standard_normal(20)
        tasks.append(([a, b], (y - y.mean()) / y.std()))
    found = weights_for(tasks, 2)

    def likelihood(weights):
        prior = -0.5 * ((np.log(weights) - np.log([0.3, 0.3, 0.05])) ** 2).sum() / 1.5**2
        return prior + sum(
            multivariate_normal(cov=kernel(weights, x, x) + weights[-1] * np.eye(20)).logpdf(y) for x, y in tasks
        )

    best = likelihood(found)
    for i in range(3):
        for factor in (0.9, 1.1):
            changed = found.copy()
            changed[i] *= factor
            assert likelihood(changed) < best + 1e-3
    assert found[0] > 10 * found[1], "only the first group of features matters"


def test_other_devices_help() -> None:
    true = device(9)
    others = (device(9) + 0.5 * device(1), device(2), device(4), 0.5 * device(9) + device(5))
    sources = [Source(SPACE, ROWS[:200], times[:200]) for times in others]
    errors = []
    for given in (None, sources):
        latency = archcast.get_predictor("latency", SPACE, random_state=0).init(ROWS[:10], true[:10], sources=given)
        errors.append(np.abs(latency.query(ROWS[10:]).mean / true[10:] - 1).mean())
    assert errors[1] < 0.6 * errors[0]
    assert errors[1] < 0.08


def test_intervals_hold_and_narrow() -> None:
    true = device(3)
    widths = []
    for n in (10, 100):
        latency = archcast.get_predictor("latency", SPACE, random_state=0).init(ROWS[:n], true[:n])
        prediction = latency.query(ROWS[100:])
        low, high = prediction.interval(0.9)
        assert ((low <= true[100:]) & (true[100:] <= high)).mean() > 0.6
        widths.append((high - low).mean())
    assert widths[1] < widths[0]


@pytest.mark.parametrize("name", ["ofa-mobilenetv3", "nasbench101", "nats-size", "nasbench-graph"])
def test_any_space(name) -> None:
    """Spaces with depths that vary, with cells of nodes, with channels; and one whose networks nobody counts."""
    space = archcast.get_space(name)
    rows = space.sample(150, 0)
    blocks = Blocks.of(space)
    features = np.concatenate(blocks(space, rows), axis=1)
    times = 5 + features @ np.random.default_rng(0).random(features.shape[1])
    latency = archcast.get_predictor("latency", space, random_state=0).init(rows[:100], times[:100])
    assert spearmanr(latency.query(rows[100:]).mean, times[100:])[0] > 0.8
    assert np.isfinite(features).all()


def test_predictions_of_positive_scores_are_positive_and_keep_their_order() -> None:
    true = np.where((ROWS == 3).sum(axis=1) > 0, 10.0 + 30 * (ROWS == 3).sum(axis=1), 0.01)
    latency = archcast.get_predictor("latency", SPACE, random_state=0).init(ROWS[:40], true[:40])
    mean = latency.query(SPACE.enumerate()).mean
    assert (mean > 0).all()
    assert len(np.unique(mean)) > 1000
    negated = archcast.get_predictor("latency", SPACE, random_state=0).init(ROWS[:40], -true[:40])
    assert spearmanr(negated.query(ROWS).mean, latency.query(ROWS).mean)[0] == pytest.approx(-1, abs=0.02)


def test_a_source_of_another_space() -> None:
    other = archcast.get_space("nats-size")
    source = Source(other, other.sample(20, 0), np.arange(20.0))
    with pytest.raises(InvalidInputError, match=r"sources\[0\] is of space 'nats-size', the task of 'nasbench201'"):
        archcast.get_predictor("latency", SPACE).init(ROWS[:10], device(0)[:10], sources=[source])


@pytest.mark.skipif(not TABLE.exists(), reason="the table of HW-NAS-Bench is not here")
def test_on_real_devices_it_beats_counts_and_the_nearest_device(monkeypatch) -> None:
    monkeypatch.setenv("ARCHCAST_DATA", str(TABLE.parent))
    benchmark = archcast.load_benchmark("nasbench201")
    names = ["cifar10_raspi4_latency", "cifar10_pixel3_latency", "cifar10_eyeriss_latency", "cifar10_fpga_latency"]
    rng, archs, found = np.random.default_rng(0), benchmark.archs, []
    for target in names:
        order = rng.permutation(len(archs))
        known, asked = order[:10], order[10:1000]
        true = benchmark.costs[target]
        sources = [Source(SPACE, archs[order[-500:]], benchmark.costs[n][order[-500:]]) for n in names if n != target]
        latency = archcast.get_predictor("latency", SPACE, random_state=0).init(
            archs[known], true[known], sources=sources
        )
        ranks = spearmanr(latency.query(archs[asked]).mean, true[asked])[0]
        counted = spearmanr(SPACE.costs(archs[asked])["macs"], true[asked])[0]
        found.append((ranks, counted))
    ranks, counted = np.mean(found, axis=0)
    assert ranks > counted + 0.08
    assert ranks > 0.9
