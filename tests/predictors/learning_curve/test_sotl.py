"""sotl, sotl-e and early-stop against loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

import archcast
from archcast.errors import InvalidInputError

SPACE = archcast.get_space("nasbench201")


@pytest.fixture
def uneven(rng):
    """Losses of 30 architectures, seen for 4 to 9 epochs."""
    losses = rng.uniform(0.1, 3, (30, 9))
    return np.where(np.arange(9) < rng.integers(4, 10, (30, 1)), losses, np.nan)


def query(name, losses, given="train_loss", **params):
    predictor = archcast.get_predictor(name, SPACE, **{"epochs": 4, **params}).init()
    return predictor.query(SPACE.sample(len(losses), 0), archcast.Evidence({given: losses})).mean


def test_sums_by_loops(uneven) -> None:
    rows = [[value for value in row if not np.isnan(value)] for row in uneven]
    np.testing.assert_allclose(query("sotl", uneven), [-sum(row) / len(row) for row in rows])
    for window in (1, 3):
        np.testing.assert_allclose(query("sotl-e", uneven, window=window), [-sum(row[-window:]) for row in rows])
    np.testing.assert_allclose(query("early-stop", uneven, "val_accuracy"), [row[-1] for row in rows])
    np.testing.assert_allclose(query("early-stop", uneven, "val_loss", signal="val_loss"), [-row[-1] for row in rows])


def test_at_equal_length_the_ranking_is_that_of_the_sum(rng) -> None:
    losses = rng.uniform(0.1, 3, (30, 9))
    assert np.array_equal(rankdata(query("sotl", losses)), rankdata(-losses.sum(axis=1)))
    np.testing.assert_allclose(query("sotl-e", losses, epochs=9, window=9), 9 * query("sotl", losses))


@pytest.mark.parametrize("window", [0, 5, -1])
def test_window_is_checked(window) -> None:
    with pytest.raises(InvalidInputError, match=f"window is {window}: it must be"):
        query("sotl-e", np.ones((1, 4)), window=window)
