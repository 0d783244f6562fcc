"""The figure and the report of searches."""

from __future__ import annotations

import pytest

import archcast
from archcast.search import FunctionObjective, TableObjective, run_search

SPACE = archcast.get_space("nasbench201")


@pytest.fixture(scope="module")
def timed(benchmark):
    return run_search(["random", "local-search"], benchmark, budget=10, batch=5, trials=2)


def test_regret_against_evaluations_and_seconds(timed) -> None:
    axes = timed.plot().axes
    assert [panel.get_xlabel() for panel in axes] == ["evaluations (full trainings)", "seconds of training"]
    assert axes[0].get_ylabel() == "regret, val"
    rows = [row for row in timed.summary_rows() if row["strategy"] == "random"]
    assert axes[0].lines[0].get_ydata().tolist() == [row["regret_mean"] for row in rows]
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["random", "local-search"]
    ends = [trace.values[-1] for trace in timed.of("random")]
    assert axes[1].lines[0].get_ydata()[-1] >= timed.optimum - max(ends) - 1e-9


def test_without_times_there_is_one_panel() -> None:
    results = run_search("random", FunctionObjective(_three, SPACE), budget=6, batch=3)
    results.traces[0].seconds[:] = float("nan")
    (panel,) = results.plot().axes
    assert panel.get_ylabel() == "best score, score"


def _three(arch):
    return float((arch == 3).sum())


def test_several_objectives_have_a_front_and_a_volume(benchmark) -> None:
    results = run_search("random", TableObjective(benchmark, costs=["latency"]), budget=10, batch=5)
    labels = [panel.get_xlabel() for panel in results.plot().axes]
    assert labels[2:] == ["latency", "evaluations (full trainings)"]
    front = results.plot().axes[2].lines[0]
    scores = results.front()[1]
    assert front.get_xdata().tolist() == (-scores[:, 1]).tolist()


def test_what_is_reported_is_text(timed, tmp_path) -> None:
    def train(arch):
        raise ValueError("<script>alert(1)</script>")

    html = run_search("random", FunctionObjective(train, SPACE), budget=5, batch=5).to_html(tmp_path / "r.html")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert (tmp_path / "r.html").read_text() == html


def test_the_report_names_the_best_and_its_test_score(timed) -> None:
    html, best = timed.to_html(), timed.best_found()
    assert best["arch"].replace("|", "|") in html
    assert f"{best['test']:.4g}" in html
    assert "never the best test score seen" in html
