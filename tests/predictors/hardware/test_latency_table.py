"""The look-up table: sums over layers whose times are made up, so that what it must answer is known."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidInputError
from archcast.predictors.hardware import latency_table

SPACE = archcast.get_space("nasbench201")
ROWS = SPACE.sample(40, 0)
TINY = {"shape": (3, 8, 8), "width": 4, "depth": 1, "runs": 2, "warmup": 0, "looks": 10, "random_state": 0}


@pytest.fixture
def made_up(monkeypatch):
    """A 3x3 convolution takes 2 ms, a 1x1 one 1 ms, everything else nothing."""

    def times(examples, *_, **__):
        return {key: 2.0 * ("kernel_size=(3, 3)" in key) + 1.0 * ("kernel_size=(1, 1)" in key) for key in examples}

    monkeypatch.setattr(latency_table, "seconds_of", times)


def summed(rows):
    """The sum as the network says it: three cells, and the stem and two blocks that all networks have."""
    threes, ones = (rows == 3).sum(axis=1), (rows == 2).sum(axis=1)
    return 3 * (2.0 * threes + 1.0 * ones)


def test_scale_and_offset_are_found(made_up) -> None:
    true = 0.7 * summed(ROWS) + 5
    table = archcast.get_predictor("latency-table", SPACE, **TINY).init(ROWS[:10], true[:10])
    np.testing.assert_allclose(table.query(ROWS).mean, true, rtol=1e-6)
    assert table.scale_ == pytest.approx(0.7)


def test_errors_are_relative(made_up) -> None:
    """With a slow network that is off, the fast ones are still met: their relative errors count as much."""
    sums = summed(ROWS)
    true = sums + 1.0
    true[sums.argmax()] *= 1.5
    table = archcast.get_predictor("latency-table", SPACE, **TINY).init(ROWS, true)
    slope, offset = np.polyfit(sums, true, 1, w=1 / true)
    np.testing.assert_allclose(table.query(ROWS).mean, slope * sums + offset, rtol=1e-6)


def test_a_layer_that_was_not_seen_is_like_those_of_its_class(made_up) -> None:
    only = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 1, 1]])  # none has a 1x1 convolution in a cell
    table = archcast.get_predictor("latency-table", SPACE, **{**TINY, "looks": 0}).init(only, [3.0, 3.0])
    known = [v for key, v in zip(table.layers_, table.milliseconds_) if key.startswith("conv(")]
    answer = table._sums(np.array([[2, 1, 1, 1, 1, 1]])) - table._sums(only[:1])
    assert answer[0] == pytest.approx(3 * np.mean(known))


def test_networks_are_built_where_the_space_counts_other_layers(made_up, monkeypatch) -> None:
    """A space whose formula leaves out the 1x1 convolutions: the answers are those of the built networks."""
    true = 0.7 * summed(ROWS) + 5
    counts = type(SPACE).costs
    wrong = lambda self, rows, *a, **k: counts(self, np.where(np.asarray(rows) == 2, 0, rows), *a, **k)  # noqa: E731
    monkeypatch.setattr(type(SPACE), "costs", wrong)
    table = archcast.get_predictor("latency-table", SPACE, **TINY).init(ROWS[:10], true[:10])
    assert not table.counted_
    np.testing.assert_allclose(table.query(ROWS[:20]).mean, true[:20], rtol=1e-6)


def test_times_stay_positive(made_up) -> None:
    """The line through two slow networks is below 0 at the fastest."""
    order = summed(ROWS).argsort()
    slow, fast = ROWS[order[-8:]], ROWS[order[:1]]
    times = 1 + 10 * (summed(slow) - summed(slow).min())
    table = archcast.get_predictor("latency-table", SPACE, **TINY).init(slow, times)
    assert table.scale_ * table._sums(fast)[0] + table.offset_ < 0
    assert 0 < table.query(fast).mean[0] < 1
    signed = archcast.get_predictor("latency-table", SPACE, **TINY).init(slow, times - 2)
    assert signed.query(fast).mean[0] < 0


def test_all_alike(made_up) -> None:
    table = archcast.get_predictor("latency-table", SPACE, **TINY).init(ROWS[:1], [4.0])
    assert table.query(ROWS[:1]).mean[0] == pytest.approx(4.0)


def test_a_space_that_cannot_be_built() -> None:
    space = archcast.get_space("nasbench-graph")
    with pytest.raises(InvalidInputError, match="builds networks, and those of space 'nasbench-graph' cannot be built"):
        archcast.get_predictor("latency-table", space).init(space.sample(3, 0), [1.0, 2.0, 3.0])
