"""Donors of residuals."""

from __future__ import annotations

import numpy as np
from scipy.stats import kstest

from archcast.surrogates.noise import Noise, uniforms


def test_uniform_and_repeatable() -> None:
    rows = np.indices((5,) * 6).reshape(6, -1).T
    first, other = uniforms(rows, 0), uniforms(rows, 1)
    assert kstest(first, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.03
    assert len(np.unique(first)) == len(rows)
    np.testing.assert_array_equal(uniforms(rows[::-1], 0), first[::-1])


def test_donors_have_about_the_same_score() -> None:
    rng = np.random.default_rng(0)
    at = rng.uniform(0, 1, 1000)
    noise = Noise.of(at, {"x": at * rng.normal(size=1000), "c": np.stack([at, np.full(1000, np.nan)], axis=1)})
    assert (np.diff(noise.at) >= 0).all()
    assert (noise.residuals["c"][:, 1] == 0).all()
    rows = rng.integers(0, 5, (2000, 6))
    expected = rng.uniform(0, 1, 2000)
    donors = noise.donors(rows, expected, 3)
    assert np.abs(noise.at[donors] - expected).max() < 0.08
    drawn = noise.residuals["x"][donors]
    for low in (0.1, 0.4, 0.8):
        near = np.abs(expected - low - 0.05) < 0.05
        assert abs(drawn[near].std() / (low + 0.05) - 1) < 0.3
