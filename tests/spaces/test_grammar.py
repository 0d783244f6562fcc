"""Grammars: derivations counted and listed the slow way, notation, moves, and the size of a published space."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcast.errors import InvalidInputError
from archcast.spaces.grammar import GrammarSpace
from archcast.spaces.hierarchical_nasbench201.space import GRAMMAR
from archcast.testing import check_space

NETWORKS = """
NET -> "chain" BLOCK BLOCK | "branch" BLOCK BLOCK BLOCK | BLOCK
BLOCK -> "conv" KERNEL | "pool" | "twice" KERNEL KERNEL
KERNEL -> "3x3" | "5x5"
"""
SUMS = 'SUM -> TERM "+" SUM | TERM\nTERM -> "x" | "y" | "(" SUM'.replace('"(" SUM', '"neg" SUM')


def language(rules, symbol, depth):
    """Every text that a nonterminal derives, in brackets."""
    if depth == 0:
        return []
    found = []
    for production in rules[symbol]:
        parts = [language(rules, s, depth - 1) if s in rules else [s.strip('"')] for s in production]
        found += [f"({symbol} {' '.join(choice)})" for choice in itertools.product(*parts)]
    return found


def rules_of(text):
    lines = [line.split("->") for line in text.strip().splitlines()]
    return {name.strip(): [p.split() for p in right.split("|")] for name, right in lines}


@pytest.mark.parametrize(("grammar", "depth"), [(NETWORKS, 3), (SUMS, 3), (SUMS, 4)])
def test_rows_are_the_derivations_listed_one_by_one(grammar, depth):
    space = GrammarSpace(grammar, depth=depth)
    rules = rules_of(grammar)
    expected = language(rules, next(iter(rules)), depth)
    rows = space.enumerate()
    assert space.size == len(rows) == len(expected)
    texts = space.format(rows)
    assert set(texts) == set(expected)
    np.testing.assert_array_equal(space.parse(expected), rows[[texts.index(text) for text in expected]])


@pytest.mark.parametrize(("grammar", "depth"), [(NETWORKS, None), (SUMS, 4)])
def test_the_common_checks(grammar, depth):
    check_space(GrammarSpace(grammar, depth=depth))


def test_a_grammar_that_ends_by_itself_needs_no_depth():
    assert GrammarSpace(NETWORKS).size == GrammarSpace(NETWORKS, depth=3).size
    assert GrammarSpace(NETWORKS).columns[:2] == ("NET", "NET.BLOCK1")


def test_productions_are_drawn_evenly_and_those_written_twice_twice_as_often():
    space = GrammarSpace('A -> "x" | "y" | "x" | B\nB -> "1" | "2"')
    rows = space.sample(40_000, 0)
    shares = np.bincount(rows[:, 0], minlength=3) / len(rows)
    np.testing.assert_allclose(shares, [0.5, 0.25, 0.25], atol=0.01)
    np.testing.assert_allclose(rows[rows[:, 0] == 2, 1].mean(), 0.5, atol=0.02)
    assert space.size == 4


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_crossover_swaps_parts_of_one_nonterminal(seed):
    space = GrammarSpace(SUMS, depth=4)
    a, b = space.sample(5, seed), space.sample(5, seed + 1)
    out = space.crossover(a, b, seed)
    np.testing.assert_array_equal(space.validate(out), out)
    np.testing.assert_array_equal(space.crossover(a, b, seed), out)

    def parts(derivation):
        return [derivation, *(part for child in derivation.children for part in parts(child))]

    for row, other, new in zip(*(space.derivations(rows) for rows in (a, b, out)), strict=True):
        given_ = {str(part) for part in parts(other)}
        if str(new) != str(row):
            assert any(
                str(row).replace(str(old), str(part), 1) == str(new) or str(part) in given_
                for old in parts(row)
                for part in parts(new)
                if old.symbol == part.symbol
            )


def test_a_crossover_with_itself_and_with_nothing_in_common():
    space = GrammarSpace('A -> "b" B | "c" C\nB -> "1" | "2"\nC -> "1" | "2"')
    rows = space.enumerate()
    left, right = rows[rows[:, 0] == 0], rows[rows[:, 0] == 1]
    np.testing.assert_array_equal(space.crossover(left, right, 0), left)
    swapped = space.crossover(left, left[::-1], 0)
    np.testing.assert_array_equal(swapped, left[::-1])
    with pytest.raises(InvalidInputError, match="equally many rows"):
        space.crossover(left, rows, 0)


def test_the_size_of_the_published_space():
    """Schrodi et al. 2023 count about 10**446 networks, with the convolutions that their grammar writes twice as two."""
    flexible = (
        GRAMMAR.rsplit("OPS ->", 1)[0]
        + 'OPS -> "id" | "zero" | "Linear1" CONVBLOCK | "again" CONVBLOCK | "avg_pool"\n'
        + 'CONVBLOCK -> "Linear3" ACT CONV NORM\nCONV -> "conv3x3o" | "conv1x1o" | "dconv3x3o"\n'
        + 'NORM -> "batch" | "instance" | "layer"\nACT -> "relu" | "hardswish" | "mish"\n'
    )
    assert math.log10(GrammarSpace(flexible).size) == pytest.approx(446, abs=0.5)


@pytest.mark.parametrize(
    ("grammar", "depth", "message"),
    [
        ("", None, "a text of rules"),
        (3, None, "a text of rules"),
        ("A = B", None, "expected NAME"),
        ('A -> "x" | ', None, "no production"),
        ('A -> "x" | (y)', None, "no production"),
        ('A -> "x" | B', None, "has no rule. Quote it"),
        ('A -> "x" A', None, "without end"),
        ('A -> "x" A | "y"', None, "say depth="),
        ('A -> "x" B | "y" B\nB -> "u" | "v"', 1, "2 nonterminals on its way down"),
        ('A -> "x"', None, "leave a choice"),
        ('A -> "x" | "y"', 0, "depth must be"),
        ('A -> "x" A A A | "y"', 12, "lower depth"),
    ],
)
def test_a_grammar_that_cannot_be(grammar, depth, message):
    with pytest.raises(InvalidInputError, match=message):
        GrammarSpace(grammar, depth=depth)


@pytest.mark.parametrize(
    "text",
    [
        "(NET chain (BLOCK pool))",
        "(NET chain (BLOCK pool) (BLOCK pool)",
        "(BLOCK pool)",
        "(NET (BLOCK (KERNEL 3x3)))",
        "(",
        ")",
    ],
)
def test_texts_of_another_grammar(text):
    with pytest.raises(InvalidInputError, match="is not an architecture"):
        GrammarSpace(NETWORKS).parse(text)


def test_copies_know_their_grammar():
    space = GrammarSpace(SUMS, depth=3, name="sums")
    twin = pickle.loads(pickle.dumps(space))
    assert twin == space
    assert twin != GrammarSpace(SUMS, depth=4, name="sums")
    assert twin.format(twin.enumerate()) == space.format(space.enumerate())
