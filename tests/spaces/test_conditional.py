"""Spaces with inactive decisions: against slow definitions, on small spaces of every shape."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

import archcast
from archcast.errors import InvalidInputError
from archcast.spaces.conditional import Condition, ConditionalSpace
from archcast.testing import check_space, space_checks

CHAIN = archcast.Choices(
    depth=[1, 2, 3],
    kernel1=[3, 5],
    kernel2=[3, 5],
    kernel3=[3, 5, 7],
    conditions={"kernel2": {"depth": [2, 3]}, "kernel3": {"depth": 3}},
)
NESTED = archcast.Choices(
    kind=["conv", "attention"],
    heads=[2, 4, 8],
    bias=[False, True],
    scale=["a", "b"],
    groups=[1, 2],
    conditions={
        "heads": {"kind": "attention"},
        "scale": {"heads": [4, 8], "bias": True},
        "groups": {"kind": "conv"},
    },
    forbidden=[{"kind": "attention", "bias": True, "heads": 2}],
)
LARGE = archcast.Choices(
    {"depth": range(1, 13)} | {f"w{k}": range(16, 257, 16) for k in range(1, 13)},
    conditions={f"w{k}": {"depth": list(range(k, 13))} for k in range(2, 13)},
    forbidden=[{"w1": 16, "depth": [1, 2]}],
)


class Chain(ConditionalSpace):
    """Up to three layers, written as their kernels."""

    name, columns, cardinalities = "chain", ("depth", "k1", "k2", "k3"), (3, 2, 2, 2)
    conditions = (Condition("k2", "depth", (1, 2)), Condition("k3", "depth", (2,)))

    def format(self, archs):
        rows = self.validate(archs)
        return ["-".join(str(v) for v in [d, *rest]) for d, *rest in rows.tolist()]

    def _parse(self, text):
        return [int(v) for v in text.split("-")]


def slowly_active(space, row):
    """Active columns by recursion over the conditions."""
    number = {name: j for j, name in enumerate(space.columns)}

    def is_active(name):
        return all(
            is_active(c.parent) and row[number[c.parent]] in c.values for c in space.conditions if c.column == name
        )

    return [is_active(name) for name in space.columns]


def all_rows(space):
    """Every valid row, by the definition."""
    return [
        row
        for row in itertools.product(*map(range, space.cardinalities))
        if all(a or v == 0 for a, v in zip(slowly_active(space, row), row, strict=True))
        and space.is_allowed(np.array([row]))[0]
    ]


@st.composite
def spaces(draw):
    """Up to five columns, each with conditions on earlier ones (in a shuffled order of columns)."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    order = draw(st.permutations(range(len(sizes))))
    conditions = {}
    for place, j in enumerate(order):
        for parent in draw(st.lists(st.sampled_from(order[:place]), max_size=2, unique=True)) if place else ():
            values = draw(st.lists(st.integers(0, sizes[parent] - 1), min_size=1, unique=True))
            conditions.setdefault(f"c{j}", {})[f"c{parent}"] = values
    return archcast.Choices({f"c{j}": list(range(size)) for j, size in enumerate(sizes)}, conditions=conditions)


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 2**31))
def test_any_space_against_the_definition(space, seed):
    expected = all_rows(space)
    rows = space.enumerate()
    assert [tuple(row) for row in rows.tolist()] == expected
    assert space.active(rows).tolist() == [slowly_active(space, row) for row in expected]
    grid = np.indices(space.cardinalities).reshape(len(space.cardinalities), -1).T
    assert space.is_valid(grid).sum() == len(expected)
    assert set(map(tuple, space.settle(grid).tolist())) == set(expected)
    sampled = space.sample(20, seed)
    assert space.is_valid(sampled).all()
    moved = space.mutate(sampled, seed)
    for row, other in zip(sampled.tolist(), moved.tolist(), strict=True):
        near = space.neighbors(row).tolist()
        assert other in (near or [row])
    np.testing.assert_array_equal(space.canonical(rows), rows)
    assert space.format(space.parse(space.format(rows))) == space.format(rows)


@settings(max_examples=40, deadline=None)
@given(spaces(), st.data())
def test_neighbours_are_what_one_change_leads_to(space, data):
    rows = all_rows(space)
    row = data.draw(st.sampled_from(rows))
    before = slowly_active(space, row)
    expected = set()
    for j, size in enumerate(space.cardinalities):
        for value in range(size):
            if not before[j] or value == row[j]:
                continue
            for other in rows:
                after = slowly_active(space, other)
                kept = [i for i in range(len(row)) if i != j and before[i] and after[i]]
                if other[j] == value and all(other[i] == row[i] for i in kept):
                    expected.add(other)
    found = [tuple(other) for other in space.neighbors(row).tolist()]
    assert len(found) == len(set(found))
    assert set(found) == expected


@pytest.mark.parametrize("check", space_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("space", [CHAIN, NESTED, LARGE], ids=["chain", "nested", "large"])
def test_contract(space, check):
    check(space)


def test_a_space_of_ones_own_class():
    space = Chain()
    check_space(space)
    assert len(space.enumerate()) == 2 + 4 + 8
    with pytest.raises(InvalidInputError, match=r"archs\[0\] has 1 in column 'k3' of space 'chain', which is inactive"):
        space.validate([0, 1, 0, 1])
    stack = archcast.get_predictor("stack", space=space, random_state=0)
    rows = space.enumerate()
    mean = stack.init(rows, rows[:, 0] + 0.1 * rows[:, 1]).query(rows).mean
    assert mean[-1] > mean[0]


def test_sample_by_decision_and_by_row():
    rows = CHAIN.sample(30_000, 0)
    assert chisquare(np.bincount(rows[:, 0])).pvalue > 1e-4
    by_row = CHAIN.sample(30_000, 0, by="row")
    every = CHAIN.enumerate()
    counts = [(by_row == row).all(axis=1).sum() for row in every]
    assert sum(counts) == 30_000
    assert chisquare(counts).pvalue > 1e-4
    with pytest.raises(InvalidInputError, match="by must be 'decision' or 'row', got 'both'"):
        CHAIN.sample(1, 0, by="both")
    with pytest.raises(InvalidInputError, match="'scale' of space 'choices' has several"):
        NESTED.sample(1, 0, by="row")


def test_mutation_is_uniform_over_changes_and_then_over_what_they_activate():
    start = CHAIN.row({"depth": 2, "kernel1": 3, "kernel2": 3})
    moved = CHAIN.mutate(np.tile(start, (40_000, 1)), 0)
    chances = {}
    # four changes: depth to 1, depth to 3 (three kernels), kernel1, kernel2
    for row in CHAIN.neighbors(start).tolist():
        chances[tuple(row)] = 1 / 4 / (3 if row[0] == 2 else 1)
    counts = [(moved == row).all(axis=1).sum() for row in chances]
    assert sum(counts) == 40_000
    assert chisquare(counts, 40_000 * np.array(list(chances.values()))).pvalue > 1e-4


def test_a_change_that_activates_much_gives_some_neighbours_of_many():
    space = archcast.Choices(
        {"on": [False, True]} | {f"x{k}": range(10) for k in range(20)},
        conditions={f"x{k}": {"on": True} for k in range(20)},
    )
    near = space.neighbors([0] * 21)
    assert 1 <= len(near) <= 128
    assert space.is_valid(near).all()
    np.testing.assert_array_equal(space.neighbors([0] * 21), near)
    assert len(np.unique(near, axis=0)) == len(near)


def test_rules_that_leave_nothing_are_an_error():
    space = archcast.Choices(a=[1, 2], b=[1, 2], forbidden=[{"a": [1, 2]}])
    with pytest.raises(InvalidInputError, match="rules forbid so much that 3 rows could not be drawn"):
        space.sample(3, 0)


def test_conditions_in_a_circle_or_of_no_column():
    with pytest.raises(InvalidInputError, match="go round in a circle: a, b depend on each other"):
        archcast.Choices(a=[1, 2], b=[1, 2], conditions={"a": {"b": 1}, "b": {"a": 1}})
    with pytest.raises(InvalidInputError, match="'c' is no decision"):
        archcast.Choices(a=[1, 2], conditions={"c": {"a": 1}})
    with pytest.raises(InvalidInputError, match="conditions: a: 3 is none of its values"):
        archcast.Choices(a=[1, 2], b=[1, 2], conditions={"b": {"a": 3}})


def test_more_than_1e12_rows():
    assert np.prod([float(c) for c in LARGE.cardinalities]) > 1e12
    rows = LARGE.sample(1000, 0)
    assert LARGE.validate(rows) is not None
    with pytest.raises(InvalidInputError, match="too large to enumerate"):
        LARGE.enumerate()
    gp = archcast.get_predictor("gp", space=LARGE).init(rows[:30], rows[:30].sum(axis=1))
    assert np.corrcoef(gp.query(rows).mean, rows.sum(axis=1))[0, 1] > 0.8
