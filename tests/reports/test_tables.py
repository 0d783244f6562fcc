"""Sorted tables: every row knows its place in the order of every column."""

from __future__ import annotations

import math
import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from archcast.reports.pages import ORDERS, page
from archcast.reports.tables import MOST_COLUMNS, Column, sortable

NUMBERS = st.lists(st.none() | st.integers(-3, 3), min_size=1, max_size=8)


def places(html, column):
    return [int(re.search(rf"--k{column}:(\d+)", row)[1]) for row in re.findall(r'<tr style="([^"]*)">', html)]


@given(NUMBERS, st.booleans())
def test_places_are_a_stable_sort_with_unknown_last(keys, falling) -> None:
    values = [math.nan if key is None else float(key) for key in keys]
    html = sortable([Column("x", [str(v) for v in values], values, falling=falling)], "t")
    found = places(html, 0)
    assert sorted(found) == list(range(len(keys)))
    rows = sorted(range(len(keys)), key=found.__getitem__)
    shown = [values[i] for i in rows]
    known = [v for v in shown if not math.isnan(v)]
    assert known == sorted(known, reverse=falling)
    assert all(math.isnan(v) for v in shown[len(known) :])
    for a, b in pairwise(rows):
        assert a < b or values[a] != values[b], "equal rows stay in their order"


def test_the_first_of_the_order_is_marked() -> None:
    html = sortable([Column("x", ["a", "b", "c"], [1.0, 2.0, 2.0], falling=True, best=True)], "t")
    assert re.findall(r'class="best">(\w)', html) == ["b", "c"]
    assert 'class="best"' not in sortable([Column("x", ["–"], [math.nan], best=True)], "t")


def test_texts_sort_and_are_escaped() -> None:
    html = sortable([Column("<who>", ["b", "a"], ["b", "a"]), Column("plain", ["1", "2"])], "t")
    assert places(html, 0) == [1, 0]
    assert "&lt;who&gt;" in html
    assert html.count("<input") == 1, "a column without keys is not sorted by"


def test_the_style_sheet_has_a_rule_for_every_column() -> None:
    many = [Column(str(j), ["x"], [0.0]) for j in range(MOST_COLUMNS + 3)]
    html = sortable(many, "t")
    for j in re.findall(r'class="s(\d+)"', html):
        assert f".s{j}:checked ~ .scroll tr {{ order: var(--k{j}); }}" in ORDERS
    assert html.count("<input") == MOST_COLUMNS


def test_two_tables_of_a_page_do_not_disturb_each_other() -> None:
    html = page("x", [sortable([Column("x", ["1"], [1.0])], name) for name in ("one", "two")])
    ids = re.findall(r'id="([^"]+)"', html)
    assert len(ids) == len(set(ids)) == 2
    assert set(re.findall(r'for="([^"]+)"', html)) == set(ids)
