"""Values of a decision: grids, order, spacing, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcast import Categorical, Float, Int, Log
from archcast.errors import InvalidInputError
from archcast.spaces.decisions import Decision, decision, looks_geometric


def test_grids():
    assert Int(16, 64, step=16).values == (16, 32, 48, 64)
    assert Int(1, 10, step=4).values == (1, 5, 9)
    assert Int(1, 1000, log=True).values[0] == 1
    assert Int(1, 1000, log=True).values[-1] == 1000
    assert Float(0, 1, step=0.25).values == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert Float(0, 0.3, step=0.1).values == (0.0, 0.1, 0.2, 0.3)
    assert len(Float(0, 1).values) == 21
    assert Log(1e-3, 1e-1).values == pytest.approx(np.geomspace(1e-3, 1e-1, 21))
    assert Float(2, 2).values == (2.0,)


def test_numbers_say_what_counts():
    assert decision("x", [3, 1, 2]).numbers == (1.0, 2.0, 3.0)
    assert decision("x", [16, 32, 64]).numbers == pytest.approx(np.log([16, 32, 64]))
    assert decision("x", ["b", "a"]).numbers is None
    assert decision("x", [True, False]).numbers is None
    assert decision("x", 3).values == (3,)
    assert decision("x", "relu").values == ("relu",)
    assert decision("x", range(0, 6, 2)).values == (0, 2, 4)
    assert decision("x", np.array([1, 2])).values == (1, 2)
    assert Categorical(["s", "m", "l"], ordered=True).numbers == (0.0, 1.0, 2.0)
    absent = Decision((None, 8, 16), True).numbers
    assert math.isnan(absent[0])
    assert absent[1:] == (8.0, 16.0)


@given(st.floats(1e-6, 1e3), st.floats(1.01, 1e3), st.integers(2, 50))
def test_a_log_grid_is_geometric(low, factor, levels):
    values = np.array(Log(low, low * factor, levels=levels).values)
    assert values[0] == pytest.approx(low)
    assert values[-1] == pytest.approx(low * factor)
    ratios = values[1:] / values[:-1]
    assert ratios == pytest.approx(np.full(len(ratios), ratios[0]), rel=1e-6)


def test_what_looks_geometric():
    assert looks_geometric([1e-4, 1e-3, 1e-2])
    assert looks_geometric([8, 16, 32, 48, 64, 128, 256])
    assert not looks_geometric([0, 1, 10, 100])
    assert not looks_geometric(range(16, 257, 16))
    assert not looks_geometric([1, 2])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: decision("act", []), "act: a decision needs at least one value"),
        (lambda: decision("act", ["a", "a"]), "act: the value 'a' is there twice"),
        (lambda: decision("act", {"a", "b"}), "act is a set, which has no order"),
        (lambda: decision("act", [float("nan"), 1]), "act: values must be finite"),
        (lambda: decision("act", [[1], {}]), "act: values must be hashable"),
        (lambda: decision("n", range(2000)), "n: a decision may have 1000 values, this one has 2000"),
        (lambda: Int(5, 1), "low and high must be whole numbers with low <= high, got 5 and 1"),
        (lambda: Int(1.5, 2), "must be whole numbers"),
        (lambda: Log(0, 1), "low must be above 0 where ratios count, got 0"),
        (lambda: Float(0, 1, step=-1), "step must be a number above 0"),
        (lambda: Float(0, 1, levels=1), "levels must be a whole number of at least 2, got 1"),
        (lambda: decision("x", Decision(("a", "b"), True, True)), "ratios count only of numbers above 0"),
    ],
)
def test_errors(make, says):
    with pytest.raises(InvalidInputError, match=says):
        make()


def test_words():
    assert str(decision("x", range(16, 257, 16))) == "16 to 256 in steps of 16"
    assert str(Log(1e-4, 1e-1)) == "0.0001 to 0.1, 31 levels, ratios count"
    assert str(Categorical(["a", "b"])) == "'a', 'b' (categories)"
    assert str(decision("x", 3)) == "always 3"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Int(1, 10**30),
        lambda: Int(1, 10**12),
        lambda: Int(1, 8, levels=10**12),
        lambda: Float(0, 1, step=1e-300),
        lambda: Float(0, 10**400),
        lambda: decision("w", range(10**12)),
    ],
)
def test_a_grid_that_fits_no_memory_is_refused_before_it_is_made(make):
    with pytest.raises(InvalidInputError):
        make()
