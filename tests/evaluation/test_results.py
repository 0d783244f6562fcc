"""Summaries, the figure and the report."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import archcast
from archcast.evaluation import METRICS, Results
from archcast.evaluation.figure import draw, family_of
from archcast.evaluation.trial import COLUMNS
from archcast.reports.figures import GREY, spread

NAN = math.nan
PROTOCOL = {
    "benchmark": "nas-bench-graph/cora",
    "space": "nasbench-graph",
    "metric": "valid_perf",
    "preset": None,
    "test_size": 200,
    "trials": 4,
    "seed": 0,
    "encoding": None,
    "evidence": [],
    "pool_size": 2000,
    "epochs": [],
    "budgets": False,
    "architectures": 26206,
    "data": "0123456789abcdef",
    "version": "0.1.0",
    "versions": {"python": "3.12"},
}


def make(taus, **changes) -> Results:
    """Results from ``{(predictor, size): [tau, ...]}``; a text instead of a number is a failure."""
    rows = []
    for (predictor, size), values in taus.items():
        for trial, tau in enumerate(values):
            row = {name: {str: "", int: 0, float: NAN}[kind] for name, kind in COLUMNS.items()}
            row |= {"predictor": predictor, "train_size": size, "trial": trial, "test_size": 200}
            if isinstance(tau, str):
                row["error"] = tau
            else:
                row |= dict.fromkeys(METRICS, tau) | {"fit_seconds": 10.0 if trial == 0 else 0.5, "query_ms": 0.01}
                row |= {"coverage90": NAN, "nll": NAN, "init_train_seconds": 7.0 * size}
            rows.append(row)
    sizes = sorted({size for _, size in taus})
    predictors = {name: f"{name.title()}()" for name, _ in taus}
    return Results.of(rows, {**PROTOCOL, "train_sizes": sizes, "predictors": predictors, **changes})


SMALL = {
    ("gp", 10): [0.1, 0.2, 0.6, 0.3],
    ("gp", 100): [0.5, 0.7, 0.6, 0.6],
    ("<b>", 10): [0.2, "ValueError: a < b", 0.4, 0.3],
    ("<b>", 100): ["ValueError: a < b"] * 4,
}


def test_summary() -> None:
    summary = make(SMALL).summary().set_index(["predictor", "train_size"])
    gp = summary.loc["gp", 10]
    assert gp["kendall_tau"] == pytest.approx(0.3)
    assert gp["kendall_tau_sem"] == pytest.approx(np.std([0.1, 0.2, 0.6, 0.3], ddof=1) / 2)
    assert gp["fit_seconds"] == 0.5, "the median forgets the first trial, which imports"
    assert gp["init_train_seconds"] == 70
    assert math.isnan(gp["nll"])
    part = summary.loc["<b>", 10]
    assert part["spearman"] == pytest.approx(0.3)
    assert (part["trials"], part["failed"], part["reason"]) == (4, 1, "ValueError: a < b")
    gone = summary.loc["<b>", 100]
    assert math.isnan(gone["kendall_tau"])
    assert math.isnan(gone["fit_seconds"])
    assert gone["failed"] == 4


def test_one_trial_has_no_standard_error() -> None:
    row = make({("gp", 10): [0.5]}).summary_rows()[0]
    assert math.isnan(row["kendall_tau_sem"])
    assert row["kendall_tau"] == 0.5


def test_json() -> None:
    data = json.loads(make(SMALL).to_json(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    wanted = ["predictor", "train_size", "kendall_tau", "kendall_tau_sem", "spearman", "spearman_sem", "fit_seconds", "query_ms",
              "trials", "failed"]  # fmt: skip
    for row in data["rows"]:
        assert set(wanted) <= set(row)
    assert data["rows"][3]["kendall_tau"] is None
    assert data["protocol"]["test_size"] == 200


def test_repr() -> None:
    assert repr(make(SMALL)) == "Results('nas-bench-graph/cora', 2 predictors, 16 trials)"
    assert "<table" in make(SMALL)._repr_html_()


# -- figure ------------------------------------------------------------------------------------------------------------


def test_figure_draws_means_and_bands() -> None:
    results = make(SMALL)
    axes = draw(results).axes[0]
    line = axes.lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[10, 0.3], [100, 0.6]])
    sem = results.summary()["kendall_tau_sem"]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(0.3 - sem[0])
    assert band.max() == pytest.approx(0.6 + sem[1])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["10", "100"]


def legend_of(panel):
    legend = panel.get_legend()
    return [] if legend is None else [t.get_text() for t in legend.get_texts()]


def coloured(panel):
    """The lines that have a colour and a name."""
    return [line for line in panel.lines if not line.get_label().startswith("_")]


def test_thirty_predictors_are_told_apart() -> None:
    names = [*list(archcast.predictors.PREDICTORS)[:24], "mine", "yours", "params", "nwot", "synflow", "zen"]
    taus = {(name, n): [0.5 + 0.01 * i + 0.001 * n] * 2 for i, name in enumerate(names) for n in (5, 30, 50)}
    figure = draw(make(taus))
    assert len(figure.axes) > 3
    seen = []
    for panel in figure.axes:
        lines = coloured(panel)
        colors = [line.get_color() for line in lines]
        assert 0 < len(colors) == len(set(colors)) <= 7, "no colour twice in a panel"
        assert GREY not in colors
        assert len(legend_of(panel)) == len(lines)
        assert len({family_of(name) for name in legend_of(panel)}) == 1, "one family a panel"
        ends = [line.get_ydata()[-1] for line in lines]
        assert ends == sorted(ends, reverse=True), "the best is named first"
        whole = [line for line in panel.lines if len(line.get_xdata()) == 3]
        assert len(whole) == 30, "all others are there in grey"
        seen += legend_of(panel)
    assert len(seen) == len(set(seen))
    figure.draw_without_rendering()
    for panel in figure.axes:
        box = panel.get_legend().get_window_extent()
        assert box.x1 <= figure.bbox.x1 + 1, "names stay inside"


def test_a_few_predictors_share_a_panel() -> None:
    figure = draw(make({(name, n): [0.1 * i] * 2 for i, name in enumerate("abcdefg") for n in (5, 50)}))
    (panel,) = figure.axes
    assert legend_of(panel) == list("gfedcba")


def test_more_of_a_family_than_colours_are_grey() -> None:
    figure = draw(make({(f"mine{i}", n): [0.01 * i] * 2 for i in range(12) for n in (5, 50)}))
    (panel,) = figure.axes
    assert legend_of(panel) == [f"mine{i}" for i in range(11, 4, -1)]
    assert panel.get_legend().get_title().get_text() == "5 more in grey"


@pytest.mark.parametrize(
    ("label", "family"),
    [("gp", "gaussian-process"), ("omni:without=curve", "hybrid"), ("sotl-e @10", "learning-curve"), ("nwot", "zero-cost proxies"),
     ("mine", "others")],
)  # fmt: skip
def test_families(label, family) -> None:
    assert family_of(label) == family


@pytest.mark.parametrize(
    "taus",
    [
        {("gp", 10): [0.4, 0.5], ("rf", 10): [0.3, 0.2]},
        {("gp", 10): ["failed"]},
        {("gp", 10): ["x"], ("gp", 20): [0.1]},
    ],
)
def test_figures_of_one_size_or_of_failures(taus, tmp_path) -> None:
    results = make(taus)
    results.plot(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert results.to_html()


def test_plot_touches_no_global_state(tmp_path) -> None:
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    before = dict(mpl.rcParams)
    make(SMALL).save(tmp_path)
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


@pytest.mark.parametrize("bounds", [(), (-0.05, 0.98)], ids=["free", "bounded"])
def test_spread_is_the_nearest_feasible(rng, bounds) -> None:
    from scipy.optimize import minimize

    for _ in range(5):
        values = np.sort(rng.random(6))
        limits = {"type": "ineq", "fun": lambda y: np.diff(y) - 0.2}
        start = np.linspace(*(bounds or (0, 1.5)), 6)
        between = [bounds or (None, None)] * 6
        best = minimize(
            lambda y, v: ((y - v) ** 2).sum(), start, (values,), "SLSQP", bounds=between, constraints=limits
        )
        shuffle = rng.permutation(6)
        got = spread(values[shuffle], 0.2, *bounds)
        assert got == pytest.approx(best.x[shuffle], abs=1e-3)
        assert (np.diff(np.sort(got)) >= 0.2 - 1e-9).all()


def test_labels_that_do_not_fit_go_beyond_the_bounds() -> None:
    np.testing.assert_allclose(np.sort(spread(np.full(5, 0.5), 0.5, 0.0, 1.0)), [-0.5, 0.0, 0.5, 1.0, 1.5])


# -- report ------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects tags, attributes and text, and checks that tags are closed in order."""

    VOID = ("meta", "br", "img", "hr", "link")

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_report_is_self_contained(tmp_path) -> None:
    html = make(SMALL).to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == html
    page = Page(html)
    assert page.open == []
    assert page.tags.count("svg") == 2
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(page.tags)
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "data", "poster", "srcset"):
            assert (value or "").startswith("#"), (tag, name, value)
    assert not re.search(r"https?://|url\((?!#)|@import|<!DOCTYPE svg", html)
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids)), "ids of the two figures must differ"
    assert ("meta", "name", "viewport") in page.attributes
    assert "prefers-color-scheme: dark" in html
    assert "currentColor" in html


def test_report_tells_all_and_escapes() -> None:
    page = Page(make(SMALL, evidence=["snip", "params"]).to_html())
    for expected in ("nas-bench-graph/cora", "0.300 ± 0.108", "0.600", "4 of 4 trials: ValueError: a < b", "5 of 8", "snip, params",
                     "200", "4, seed 0", "python", "3.12", "Gp()", "<b>", "0123456789abcdef"):  # fmt: skip
        assert expected in page.text, expected
    assert "b" not in page.tags, "names are escaped"


def test_report_marks_the_best_of_each_column() -> None:
    html = make({("a", 10): [0.2, 0.2], ("b", 10): [0.4, 0.4], ("a", 20): [0.6, 0.6], ("b", 20): [0.5, 0.5]}).to_html()
    assert re.findall(r'class="best">(\d\.\d+)', html) == ["0.600", "0.400"] or re.findall(
        r'class="best">(\d\.\d+)', html
    ) == ["0.400", "0.600"]


def test_points_say_what_they_are_where_a_pointer_rests() -> None:
    html = make(SMALL).to_html()
    assert html.count("<title>gp: tau 0.300 ± 0.108 with n = 10</title>") == 2, "in the wide and in the narrow figure"
    assert "<title>&lt;b&gt;: tau 0.300" in html


def test_the_checklist_ends_the_report() -> None:
    html = make(SMALL).to_html()
    page = Page(html)
    assert page.text.index("Best-practice checklist") > page.text.index("Versions")
    assert "4 trials with seed 0; mean and standard error" in page.text
    assert page.text.count("☑") + page.text.count("☐") == 16
    assert "Ablation studies: open" in page.text
    assert "Several runs, and their seeds: open" in Page(make({("gp", 10): [0.5]}, trials=1).to_html()).text


def test_every_column_of_a_table_sorts() -> None:
    taus = {("a", 10): [0.2, 0.2], ("b", 10): [0.4, 0.4], ("c", 10): ["failed", "failed"]}
    html = make(taus).to_html()
    rows = re.findall(r'<tr style="([^"]*)"><td>([abc])</td>', html)[:3]
    places = {name: dict(part.split(":") for part in style.split(";")) for style, name in rows}
    assert [places[name]["--k1"] for name in "bac"] == ["0", "1", "2"], "highest tau first, unknown last"
    assert [places[name]["--k0"] for name in "abc"] == ["0", "1", "2"]
    assert ".sorted > .s1:checked ~ .scroll tr { order: var(--k1); }" in html
    assert html.count('type="radio" name="tau"') == 6


def test_equal_results_give_equal_reports() -> None:
    assert make(SMALL).to_html() == make(SMALL).to_html()
