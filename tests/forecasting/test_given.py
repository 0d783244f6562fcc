"""What a forecast is given: names, gaps, divergences, the length of a full training, a metric without a name."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.errors import InvalidInputError
from archcast.forecasting.given import full_length, metric_of, named_curves, some_of, without_gaps


def test_curves_are_named_and_one_list_is_one_curve():
    names, rows = named_curves([0.1, 0.2])
    assert names == ["run 0"]
    np.testing.assert_array_equal(rows[0], [0.1, 0.2])
    assert named_curves({"a": [1], "b": [2, 3]})[0] == ["a", "b"]
    with pytest.raises(InvalidInputError, match="no known value"):
        named_curves([[0.1], [np.nan, np.inf]])


def test_gaps_are_lines_and_infinite_ends_divergences():
    curves, diverged, filled = without_gaps(
        ["a", "b"], [np.array([1, np.nan, 3, np.nan]), np.array([2.0, 1.0, np.inf])]
    )
    assert [curve.tolist() for curve in curves] == [[1, 2, 3], [2, 1]]
    assert diverged == [None, 2]
    assert filled == ["a"]


def test_the_longest_is_a_full_training_if_another_is_shorter():
    long, short = np.zeros(9), np.zeros(4)
    total, notes = full_length(None, [long, short])
    assert total == 9
    assert "1 finished" in notes[0]
    assert full_length(6, [long, short]) == (6, ["1 longer than 6 epochs: cut there."])
    with pytest.raises(InvalidInputError, match="epochs=50"):
        full_length(None, [short])


def test_a_metric_without_a_name_is_told_by_its_values():
    rising, falling = np.linspace(0.1, 0.9, 9), np.linspace(3.0, 0.4, 9)
    assert metric_of(None, None, [rising])[0].name == "accuracy"
    assert metric_of(None, None, [falling])[0].name == "loss"
    assert metric_of(None, "higher", [-falling])[0].name == "score"
    assert metric_of("val_auc", None, [rising])[1] == []


def test_many_names_are_shortened():
    assert some_of(list("abc")) == "a, b, c"
    assert some_of(list("abcde")) == "a, b, c and 2 more"
