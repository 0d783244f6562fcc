"""What every space inherits, on spaces with constraints."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import numpy as np
import pytest
from scipy.stats import chisquare, kendalltau

import archcast
from archcast.errors import InvalidInputError, UnknownNameError
from archcast.graphs import CONVOLUTION, Operation
from archcast.spaces import SearchSpace, get_space
from archcast.spaces.chains import ChainSpace


class Sums(SearchSpace):
    """Four digits of different ranges that add up to at most ``limit``; the sum is all that matters."""

    name, cardinalities, columns = "sums", (3, 1, 4, 2), ("a", "b", "c", "d")

    def __init__(self, limit=4):
        self.limit = limit

    def is_valid(self, archs):
        return archs.sum(axis=1) <= self.limit

    def function_keys(self, archs):
        return archs.sum(axis=1, keepdims=True)

    def _parse(self, text):
        return [int(digit) for digit in text]

    def format(self, archs):
        return ["".join(map(str, row)) for row in self.validate(archs).tolist()]

    def graphs(self, archs):
        return get_space("nats-size").graphs(np.pad(self.validate(archs), ((0, 0), (0, 1))))


def test_canonical_is_the_first_row_of_its_class():
    space = Sums()
    rows = space.enumerate()
    expected = [min(tuple(other) for other in rows.tolist() if sum(other) == sum(row)) for row in rows.tolist()]
    assert [tuple(row) for row in space.canonical(rows).tolist()] == expected


class Layers(ChainSpace):
    """Twelve layers of ten kinds each: 1e12 rows, too many to list."""

    name, cardinalities = "layers", (10,) * 12
    operations: Mapping[str, Operation] = {f"kind{k}": Operation(CONVOLUTION, weight=k, reach=3) for k in range(10)}
    columns = tuple(f"layer{k}" for k in range(1, 13))

    def _parse(self, text):
        return [int(digit) for digit in text]

    def format(self, archs):
        return ["".join(map(str, row)) for row in self.validate(archs).tolist()]


@pytest.mark.parametrize("name", ["gp", "stack", "random-forest"])
def test_a_space_too_large_to_list_serves_every_predictor(name):
    space = Layers()
    rows = space.sample(120, 0)
    np.testing.assert_array_equal(space.canonical(rows), rows)
    scores = (rows == 3).sum(axis=1) - 0.5 * (rows == 7).sum(axis=1)
    predictor = archcast.get_predictor(name, space=space, random_state=0).init(rows[:90], scores[:90])
    assert kendalltau(predictor.query(rows[90:]).mean, scores[90:]).statistic > 0.3


def test_values_beyond_sixteen_bits():
    """One decision of 40,000 values; even ones are the same function as the odd one after them."""

    class Wide(Sums):
        cardinalities, columns = (40_000,), ("a",)

        def is_valid(self, archs):
            return np.ones(len(archs), dtype=bool)

        def function_keys(self, archs):
            return archs // 2

    assert Wide().canonical([[39_999], [39_998], [7]]).tolist() == [[39_998], [39_998], [6]]


def test_sample_and_mutate_are_uniform_over_valid_rows():
    space = Sums()
    rows = space.enumerate()
    sampled = space.sample(40_000, 0)
    counts = [(sampled == row).all(axis=1).sum() for row in rows]
    assert sum(counts) == 40_000
    assert chisquare(counts).pvalue > 1e-4
    start = np.array([1, 0, 2, 1])
    moved = space.mutate(np.tile(start, (20_000, 1)), 0)
    near = space.neighbors(start)
    counts = [(moved == row).all(axis=1).sum() for row in near]
    assert sum(counts) == 20_000
    assert chisquare(counts).pvalue > 1e-4


def test_mutate_of_a_row_with_few_valid_changes_or_none():
    """By rejection first, then by listing the neighbours; a row without any stays."""

    class Two(Sums):
        def is_valid(self, archs):
            return np.isin(archs @ [100, 0, 10, 1], [0, 1, 230])

    lonely, pair = [2, 0, 3, 0], [0, 0, 0, 0]
    np.testing.assert_array_equal(Two().mutate([lonely, pair], 0), [lonely, [0, 0, 0, 1]])
    assert len(Two().neighbors(lonely)) == 0


def test_spaces_with_other_parameters_differ():
    assert Sums(4) == Sums(4)
    assert Sums(4) != Sums(5)
    assert Sums() != get_space("nats-size")
    assert get_space("nats-size") is get_space("nats-size")
    space = Sums()
    assert get_space(space) is space


def test_large_space_points_to_sample():
    with pytest.raises(InvalidInputError, match="Space 'darts' is too large to enumerate"):
        get_space("darts").enumerate()


def test_unknown_space():
    with pytest.raises(UnknownNameError, match=r"Unknown space 'nasbench-201'\. Did you mean 'nasbench201'"):
        get_space("nasbench-201")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["0000", "00"], "'00' is not an architecture of space 'sums': expected 4 decisions, got 2"),
        (["0000", "xyzw"], "'xyzw' is not an architecture of space 'sums': invalid literal"),
        (["0000", "0001", "2031"], "'2031' is not an architecture of space 'sums': archs[0] = [2, 0, 3, 1] is not"),
        (["0000", "0900"], "'0900' is not an architecture of space 'sums': archs[0, 1] is 9, outside 0..0"),
    ],
)
def test_parse_names_the_first_bad_text(texts, message):
    with pytest.raises(InvalidInputError) as caught:
        Sums().parse(texts)
    assert message in str(caught.value)


def test_a_deep_copy_shares_the_table_of_representatives_and_nothing_else(monkeypatch):
    space = Sums()
    space.tags = ["own"]
    expected = space.canonical(space.enumerate())
    twin = deepcopy(space)
    assert twin == space
    assert twin is not space
    assert twin.tags is not space.tags
    monkeypatch.setattr(Sums, "function_keys", None)  # making the table anew would fail
    np.testing.assert_array_equal(twin.canonical(space.enumerate()), expected)
