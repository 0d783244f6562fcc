"""The datasheet's figures are what they are called."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import kendalltau

import archcast


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("benchmarks/digits.py")


def test_the_ceiling_is_what_two_means_of_three_reach(script: ModuleType) -> None:
    """Scores that are normal only after a transform, and one outlier; the formula sees one half of six trainings."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=4000)
    values = np.exp(truth + 0.5 * rng.normal(size=(6, 4000)))
    values[:, 0] = 1e6
    space = archcast.get_space("nasbench201")
    metrics = {f"acc_s{k}": values[k] for k in range(3)} | {"acc": values[:3].mean(axis=0)}
    table = archcast.Benchmark("t", space, space.sample(4000, 0), metrics, "acc")
    medians = [np.log(part).mean(axis=0) for part in (values[:3], values[3:])]
    found = script.noise(table, "acc")
    assert found["ceiling"] == pytest.approx(kendalltau(*medians).statistic, abs=0.01)
    assert found["seed_tau"] == pytest.approx(kendalltau(values[3], values[4]).statistic, abs=0.01)


def test_agreement_counts_a_function_once(script: ModuleType) -> None:
    space = archcast.get_space("nasbench201")
    rows = np.array([[3, 0, 0, 0, 0, 0], [0, 3, 0, 0, 0, 0], [0, 0, 0, 3, 0, 0], [0, 0, 0, 2, 0, 0], [3] * 6])
    one = archcast.Benchmark("one", space, rows[:4], {"acc": [0.0, 1.0, 3.0, 2.0]}, "acc")
    two = archcast.Benchmark("two", space, rows[1:], {"acc": [0.1, 0.4, 0.2, 0.9]}, "acc")
    assert script.agreement(one, two) == (pytest.approx(1.0), 3)  # no path (.5 and .1), 1x1 (2 and .2), 3x3 (3 and .4)
