"""What a notebook shows of archcast's objects: one look, every text escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import archcast
from archcast.data import Benchmark
from archcast.evidence import Evidence
from archcast.faces import MOST_ROWS, face, number
from archcast.proxies.engine import Scores


class Cells(HTMLParser):
    """The cells of a table, row by row; that tags close in order is checked on the way."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def shown(thing) -> list[list[str]]:
    page = thing._repr_html_()
    assert re.match(r'<div style="overflow-x:auto"><p><strong>[^<]+</strong></p>', page)
    assert "<script" not in page
    return Cells(page).rows


def test_texts_are_escaped_and_long_tables_cut():
    page = face("<b>", ["<i>"], [["<u>"]] * (MOST_ROWS + 5), ["a < b", ""])
    assert Cells(page).rows == [["<i>"]] + [["<u>"]] * MOST_ROWS
    assert not set(re.findall(r"<[biu]>", page))
    assert "and 5 more" in page
    assert page.count("<small>") == 2
    assert "<table" not in face("nothing", ["a"], [])


def test_numbers():
    assert [number(v) for v in (np.nan, np.float64(1 / 3), 1234, True, None)] == [
        "–",
        "0.3333",
        "1,234",
        "True",
        "None",
    ]


@pytest.mark.parametrize("name", ["nasbench201", "fbnet", "darts"])
def test_a_space_shows_its_decisions(name):
    space = archcast.get_space(name)
    rows = shown(space)
    assert [row[0] for row in rows[1:]] == list(space.columns)[:MOST_ROWS]
    assert [int(row[1].replace(",", "")) for row in rows[1:]] == list(space.cardinalities)[:MOST_ROWS]


def test_own_spaces_show_values_and_conditions():
    space = archcast.Choices(depth=[1, 2], kernel=[3, 5], act=["a<b", "c"], conditions={"kernel": {"depth": 2}})
    rows = {row[0]: row[2] for row in shown(space)[1:]}
    assert rows["kernel"] == "3, 5 (numbers); only where depth is 2"
    assert "a<b" in rows["act"]


def test_a_space_of_very_many_decisions():
    space = archcast.Choices(**{f"d{i}": list(range(10)) for i in range(400)})
    assert "about 1e400 rows" in space._repr_html_()
    assert len(shown(space)) == MOST_ROWS + 1


def test_evidence_shows_what_is_known():
    evidence = Evidence(
        curves={"val": [[1, 2, np.nan], [3, np.nan, np.nan]]}, proxies={"a": [1, np.nan]}, costs={"b": [np.nan, np.nan]}
    )
    assert shown(evidence)[1:] == [
        ["curves", "val", "3 epochs", "50%", "1", "2", "3"],
        ["proxies", "a", "", "50%", "1", "1", "1"],
        ["costs", "b", "", "0%", "–", "–", "–"],
    ]
    assert "Evidence of 0 architectures" in Evidence()._repr_html_()


def test_a_benchmark_shows_its_metrics():
    space = archcast.get_space("nasbench201")
    archs = space.sample(3, 0)
    benchmark = Benchmark("mine", space, archs, {"acc": [1.0, 2, 4], "test": [1, np.nan, 3]}, "acc", source="<here>")
    benchmark = Benchmark(**{**vars(benchmark), "test_metric": "test", "costs": {"ms": [1.0, 2, 3]}})
    assert shown(benchmark)[1:] == [["acc", "default", "3", "1", "2", "4"], ["test", "test", "2", "1", "2", "3"]]
    assert "costs: ms" in benchmark._repr_html_()
    assert "&lt;here&gt;" in benchmark._repr_html_()


def test_scores_show_failures_with_their_reason():
    scores = Scores({"params": 12.0}, {"dss": "no attention <here>"}, 0.5, {})
    assert shown(scores)[1:] == [["params", "12", ""], ["dss", "failed", "no attention <here>"]]


def test_results_and_forecasts_have_the_same_face():
    results = archcast.evaluate(["bayesian-linear"], "digits", train_sizes=[10], trials=2, test_size=50)
    assert shown(results)[0][:3] == ["label", "train_size", "kendall_tau"]
    page = archcast.forecast(np.linspace(0.1, 0.9, 10)[None, :5], epochs=10)._repr_html_()
    assert page.startswith('<div style="overflow-x:auto"><p><strong>')
    assert "<figure>" in page
