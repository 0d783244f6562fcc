"""Readers of published tables, on small tables made here and against independent code on the real ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

import archcast
from archcast.data import load_benchmark
from archcast.data.published._published import clean, connected, digits, fill_twins
from archcast.errors import InvalidFileError

NB201 = archcast.get_space("nasbench201")
PROXIES = ("epe_nas", "fisher", "flops", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "params", "plain", "snip",
           "synflow", "zen")  # fmt: skip


# -- helpers -----------------------------------------------------------------------------------------------------------


def test_digits_name_the_bad_line(tmp_path) -> None:
    assert digits(["012", "340"], 3, tmp_path).tolist() == [[0, 1, 2], [3, 4, 0]]
    for bad in ("12", "1a2", float("nan"), "²12"):
        with pytest.raises(InvalidFileError, match=r"line 3: ops .* is not 3 digits"):
            digits(["012", bad], 3, tmp_path)


def test_clean_keeps_what_was_computed() -> None:
    values = np.array([1.5, -3e7, -1e8, np.inf, -np.inf, np.nan])
    assert np.isnan(clean(values)).tolist() == [False, False, True, True, True, True]


def test_fill_twins_against_a_loop(rng) -> None:
    archs = NB201.sample(400, rng)
    values = np.where(rng.random(400) < 0.4, rng.normal(size=400), np.nan)
    canonical = [tuple(row) for row in NB201.canonical(archs)]
    dead = tuple(NB201.canonical(np.zeros((1, 6), int))[0])
    expected = []
    for key, value in zip(canonical, values):
        twins = [v for k, v in zip(canonical, values) if k == key and not np.isnan(v)]
        filled = value if not np.isnan(value) else np.median(twins) if twins else np.nan
        expected.append(np.nan if key == dead else filled)
    np.testing.assert_allclose(fill_twins(values, NB201, archs), expected, rtol=1e-15)
    assert (np.isfinite(expected) & np.isnan(values)).sum() > 20, "the sample must have twins to fill"


def test_connected_is_reachability() -> None:
    assert connected(NB201, np.array([[0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0], [3, 0, 3, 0, 0, 2]])).tolist() == [
        True,
        False,
        True,
    ]


# -- AnalogNAS-Bench ---------------------------------------------------------------------------------------------------


def test_analog_covers_the_space_and_was_trained_apart(shared) -> None:
    benchmark = load_benchmark("analog-nasbench")
    assert len(np.unique(benchmark.archs, axis=0)) == 15_625
    table = load_benchmark("nasbench201", shared / "benchmarks")
    order = np.lexsort(benchmark.archs.T), np.lexsort(table.archs.T)
    tau = kendalltau(benchmark.scores()[order[0]], table.scores()[order[1]]).statistic
    assert tau == pytest.approx(0.888, abs=5e-4)  # another edge or operation order gives less than .4
