"""What the readers of CSV tables share."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.data.published._tables import clean, connected, digits, fill_twins
from archcast.errors import InvalidFileError

NB201 = archcast.get_space("nasbench201")


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
