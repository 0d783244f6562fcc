"""The joint report against rank correlations by hand, on results and searches that are made up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kendalltau

import archcast
from archcast import joint_report
from archcast.errors import InvalidInputError
from archcast.evaluation import METRICS, Results
from archcast.search import SearchResults, Trace

SPACE = archcast.get_space("nasbench201")
TAUS = {"a": 0.1, "b": 0.5, "c": 0.3, "d": 0.7}


def results_of(taus=TAUS, *, metric="val", **measures):
    """Two trials of each predictor at two train sizes; the other measures equal tau unless given."""
    rows = []
    for name, tau in taus.items():
        for size in (10, 30):
            for trial in (0, 1):
                row = {"predictor": name, "train_size": size, "epochs": 0, "trial": trial, "test_size": 50, "error": ""}
                row |= dict.fromkeys(METRICS, tau + 0.01 * trial) | {k: v[name] for k, v in measures.items()}
                row |= dict.fromkeys(["fit_seconds", "query_ms", "init_train_seconds", "query_train_seconds"], 1.0)
                rows.append(row)
    protocol = {"benchmark": "b", "metric": metric, "test_size": 50, "test": "mutations", "trials": 2, "seed": 0}
    return Results.of(rows, protocol)


def searches_of(found, *, optimum=1.0, predictors=None):
    """Two trials a strategy: half of the end's score after 5 evaluations, all of it after 10."""
    traces = []
    for name, score in found.items():
        for trial in (0, 1):
            values = np.repeat([score / 2, score + 0.01 * trial], 5)
            ones, zeros = np.ones(10), np.zeros(10, dtype=int)
            traces.append(
                Trace(
                    name,
                    trial,
                    SPACE.sample(10, trial),
                    values[:, None],
                    zeros,
                    ones,
                    ones,
                    ("",) * 10,
                    np.arange(10),
                    values,
                    values,
                    0.1,
                )
            )
    protocol = {"benchmark": "b", "space": "nasbench201", "objectives": ["val"], "optimum": optimum, "reference": None}
    protocol |= {"budget": 10, "batch": 5, "trials": 2, "seed": 0}
    protocol["strategies"] = {
        name: {"name": "bayesian", "predictor": (predictors or {}).get(name, "x")} for name in found
    }
    return SearchResults(traces, protocol)


FOUND = {"a": 0.2, "b": 0.4, "c": 0.3, "d": 0.35}


def by_key(report):
    return {(row["measure"], row["train_size"], row["evaluations"]): row for row in report.correlation_rows()}


def test_correlations_are_those_over_the_predictors() -> None:
    report = joint_report(results_of(), searches_of(FOUND | {"random": 0.1}))
    assert report.predictors == {name: name for name in TAUS}
    rows = by_key(report)
    assert len(rows) == len(METRICS) * 2 * 2
    want = kendalltau([TAUS[n] for n in FOUND], list(FOUND.values()))
    for size in (10, 30):
        for evaluations in (5, 10):
            row = rows["kendall_tau", size, evaluations]
            assert row["kendall_tau"] == pytest.approx(want.statistic)
            assert row["p"] == pytest.approx(want.pvalue)
            assert row["strategies"] == 4


def test_measures_are_turned_so_that_higher_is_better() -> None:
    order = dict(zip(FOUND, np.argsort(np.argsort(list(FOUND.values())))))
    report = joint_report(
        results_of(
            regret={name: 3.0 - order[name] for name in FOUND},
            nll={name: 9.0 - order[name] for name in FOUND},
            coverage90={name: 0.9 - 0.1 * (3 - order[name]) * (-1) ** order[name] for name in FOUND},
            spearman={name: float(-order[name]) for name in FOUND},
            pearson=dict.fromkeys(FOUND, 0.5),
            top10_precision={name: math.nan if name in "ab" else 0.1 for name in FOUND},
        ),
        searches_of(FOUND),
    )
    rows = by_key(report)
    taus = {measure: rows[measure, 10, 10]["kendall_tau"] for measure in METRICS}
    assert taus["regret"] == taus["nll"] == taus["coverage90"] == pytest.approx(1)
    assert taus["spearman"] == pytest.approx(-1)
    assert math.isnan(taus["pearson"])  # all equal
    assert math.isnan(taus["top10_precision"])  # known of two
    assert rows["top10_precision", 10, 10]["strategies"] == 2


def test_points_hold_both_sides() -> None:
    report = joint_report(results_of(), searches_of(FOUND))
    point = next(p for p in report.point_rows() if (p["strategy"], p["train_size"], p["evaluations"]) == ("b", 30, 10))
    assert point["kendall_tau"] == pytest.approx(0.505)
    assert point["best_mean"] == pytest.approx(0.405)
    assert point["regret_mean"] == pytest.approx(1 - 0.405)
    assert len(report.points()) == 4 * 2 * 2
    assert len(report.correlations()) == len(METRICS) * 4


def test_strategies_find_their_predictor_by_label_or_by_parameter() -> None:
    found = {"one": 0.1, "two": 0.2, "c": 0.3, "npenas": 0.4}
    report = joint_report(results_of(), searches_of(found, predictors={"one": "a", "two": "a", "c": "a"}))
    assert report.predictors == {"one": "a", "two": "a", "c": "c"}


@pytest.mark.parametrize("optimum", [1.0, None])
def test_the_report_says_it_in_words_and_in_a_figure(tmp_path, optimum) -> None:
    report = joint_report(results_of({**TAUS, "<e>": 0.2}), searches_of({**FOUND, "<e>": 0.1}, optimum=optimum))
    html = report.to_html(tmp_path / "joint.html")
    assert (tmp_path / "joint.html").read_text() == html
    assert "b: does a higher tau give a better search?" in html
    want = kendalltau([*TAUS.values(), 0.2], [FOUND[n] for n in TAUS] + [0.1])
    assert f"rank correlation of {want.statistic:.2f} (p = {want.pvalue:.2f})" in html
    assert "up to 50 mutations of the best of them" in html
    assert "&lt;e&gt;" in html
    assert "<e>" not in html
    assert ("best score after 10" in html) is (optimum is None)
    assert "http" not in html.replace("http-equiv", "")
    report.plot(tmp_path / "joint.png")
    assert (tmp_path / "joint.png").stat().st_size > 5000


def test_what_does_not_belong_together() -> None:
    with pytest.raises(
        InvalidInputError, match=r"searches: their metric is 'val', that of results is 'other'\. They must"
    ):
        joint_report(results_of(metric="other"), searches_of(FOUND))
    other = searches_of(FOUND)
    other.protocol["benchmark"] = "elsewhere"
    with pytest.raises(InvalidInputError, match="their benchmark is 'elsewhere'"):
        joint_report(results_of(), other)
    with pytest.raises(
        InvalidInputError, match=r"2 of their strategies a, b, z use one of the evaluated predictors a, b, c, d"
    ):
        joint_report(results_of(), searches_of({"a": 0.1, "b": 0.2, "z": 0.3}))
