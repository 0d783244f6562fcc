"""Does a higher tau give a better search? An evaluation and searches on the same benchmark, side by side.

A rank correlation is measured because a search is meant; whether it foretells the search is a question of its own. White et al.
2021 (https://arxiv.org/abs/2104.01177) ran both. So does this: each predictor is a point, its measures from
:func:`archcast.evaluate` on one side, what a search guided by it found on the other, and the rank correlation over the points
says which measure, at which train size and on which test set, tells before the search how it will end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archcast.checks import instance
from archcast.errors import InvalidInputError
from archcast.evaluation.metrics import METRICS
from archcast.evaluation.report import goodness, tested_on
from archcast.evaluation.results import Results
from archcast.reports.base import Presentable
from archcast.reports.figures import GREY, INKS, cut, tip
from archcast.reports.numbers import fixed
from archcast.reports.pages import definitions, page, svg, text
from archcast.search.results import SearchResults

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["JointReport", "joint_report"]

LEAST = 3
"""Fewest predictors that a rank correlation is computed of."""


@dataclass(frozen=True, eq=False)
class JointReport(Presentable):
    """What :func:`joint_report` returns.

    ``plot(path=None)`` draws what the search found against tau, a point for each strategy with bars of one standard error, after
    the most evaluations and at the largest train size; ``to_html(path=None)`` writes a report in one file.

    Attributes:
        results: of the evaluation.
        searches: of the searches.
        predictors: strategy label -> label of the predictor in the evaluation, of those that are in both.
    """

    results: Results
    searches: SearchResults
    predictors: dict[str, str]

    def point_rows(self) -> list[dict[str, Any]]:
        """A row for each strategy, train size and number of evaluations: ``strategy``, ``predictor``, ``train_size``,
        ``evaluations``, every measure of :data:`archcast.evaluation.METRICS`, ``best_mean``, ``best_sem``, ``regret_mean`` and
        ``regret_sem`` (see :meth:`SearchResults.summary_rows`)."""
        return list(self._points())

    def _points(self) -> Iterator[dict[str, Any]]:
        measured = self.results.summary_rows()
        for found in self.searches.summary_rows():
            name = self.predictors.get(found["strategy"])
            for row in measured:
                if row["label"] == name:
                    point = {"strategy": found["strategy"], "predictor": name, "train_size": row["train_size"]}
                    point |= {"evaluations": found["evaluations"]} | {measure: row[measure] for measure in METRICS}
                    yield point | {key: found[key] for key in ("best_mean", "best_sem", "regret_mean", "regret_sem")}

    def correlation_rows(self) -> list[dict[str, Any]]:
        """A row for each measure, train size and number of evaluations.

        ``kendall_tau`` is Kendall's tau-b, over the strategies, between the measure, turned so that higher is better, and the
        mean score of the best architecture found: 1 where the measure foretells the order of the searches. ``p`` is the
        probability of one as far from zero if the two had nothing to do with each other, ``strategies`` how many there are. NaN
        where all are equal or there are fewer than three.
        """
        groups: dict[tuple[int, int], list[dict[str, Any]]] = {}
        for point in self._points():
            groups.setdefault((point["train_size"], point["evaluations"]), []).append(point)
        rows = []
        for measure, metric in METRICS.items():
            for (size, evaluations), points in sorted(groups.items()):
                pairs = np.array([(goodness(metric, p[measure]), p["best_mean"]) for p in points]).reshape(-1, 2)
                pairs = pairs[np.isfinite(pairs).all(axis=1)]
                tau, chance = _tau(pairs)
                row = {"measure": measure, "train_size": size, "evaluations": evaluations}
                rows.append(row | {"kendall_tau": tau, "p": chance, "strategies": len(pairs)})
        return rows

    def points(self) -> pd.DataFrame:
        """:meth:`point_rows` as a table."""
        import pandas as pd

        return pd.DataFrame(self.point_rows())

    def correlations(self) -> pd.DataFrame:
        """:meth:`correlation_rows` as a table."""
        import pandas as pd

        return pd.DataFrame(self.correlation_rows())

    def _draw(self) -> Figure:
        return _draw(self)

    def _render(self) -> str:
        return _render(self)

    def __repr__(self) -> str:
        return f"JointReport({self.searches.protocol.get('benchmark')!r}, {len(self.predictors)} predictors)"


def joint_report(results: Results, searches: SearchResults) -> JointReport:
    """Put an evaluation and searches on the same benchmark side by side.

    A strategy belongs to the predictor of the same label, else to the one that its parameter ``predictor`` names; strategies
    without one, such as ``random``, are left out. For a clean comparison let the strategies differ in nothing else.

    Examples:
        >>> import archcast
        >>> from archcast import joint_report, run_search
        >>> names = ["bayesian-linear", "random-forest", "gp"]
        >>> results = archcast.evaluate(names, "nas-bench-graph/cora", train_sizes=[10], test_size=100, trials=1)
        >>> greedy = {name: {"name": "bayesian", "predictor": name, "acquisition": "mean"} for name in names}
        >>> searches = run_search(greedy, "nas-bench-graph/cora", budget=20)
        >>> report = joint_report(results, searches)
        >>> [str(name) for name in report.correlations()["measure"].unique()[:2]]
        ['kendall_tau', 'spearman']

    Raises:
        InvalidInputError: another benchmark or metric, or fewer than three predictors in both.
    """
    instance("results", results, Results, "what archcast.evaluate returns")
    instance("searches", searches, SearchResults, "what archcast.run_search returns")
    evaluated, searched = results.protocol, searches.protocol
    for key, there in (("benchmark", searched.get("benchmark")), ("metric", searched["objectives"][0])):
        if evaluated[key] != there:
            raise InvalidInputError(
                f"searches: their {key} is {there!r}, that of results is {evaluated[key]!r}. They must be the same."
            )
    labels = {row["label"] for row in results.summary_rows()}
    predictors = {}
    for strategy in searches.strategies:
        named = searched["strategies"][strategy].get("predictor")
        if strategy in labels or named in labels:
            predictors[strategy] = strategy if strategy in labels else named
    if len(predictors) < LEAST:
        raise InvalidInputError(
            f"searches: {len(predictors)} of their strategies {', '.join(searches.strategies)} use one of the evaluated predictors "
            f"{', '.join(sorted(labels))}; at least {LEAST} are needed. Label a strategy as its predictor is labelled."
        )
    return JointReport(results, searches, predictors)


def _tau(pairs: np.ndarray[Any, Any]) -> tuple[float, float]:
    if len(pairs) < LEAST or (np.ptp(pairs, axis=0) == 0).any():
        return math.nan, math.nan
    from scipy.stats import kendalltau

    found = kendalltau(pairs[:, 0], pairs[:, 1])
    return float(found.statistic), float(found.pvalue)


def _last(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the largest train size and the most evaluations."""
    size, evaluations = (max(row[key] for row in rows) for key in ("train_size", "evaluations"))
    return [row for row in rows if (row["train_size"], row["evaluations"]) == (size, evaluations)]


def _draw(report: JointReport, width: float = 7.0) -> Figure:
    from matplotlib.figure import Figure

    points = _last(report.point_rows())
    key = "best" if math.isnan(report.searches.optimum) else "regret"
    tau = {row["label"]: row for row in report.results.summary_rows() if row["train_size"] == points[0]["train_size"]}
    figure = Figure(figsize=(width, 4.2), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    for i, point in enumerate(sorted(points, key=lambda point: -point["best_mean"])):
        x, y = point["kendall_tau"], point[f"{key}_mean"]
        bars = [np.nan_to_num(e) for e in (tau[point["predictor"]]["kendall_tau_sem"], point[f"{key}_sem"])]
        color = INKS[i] if i < len(INKS) else GREY
        axes.errorbar(x, y, xerr=bars[0], yerr=bars[1], color=color, lw=0.8, alpha=0.6)
        axes.plot(x, y, "o", color=color, ms=6, label=cut(point["strategy"]) if i < len(INKS) else "_")
        tip(axes, x, y, f"{point['strategy']}: tau {x:.3f}, {key} {y:.4g}", color)
    rest = f"; {len(points) - len(INKS)} more in grey" if len(points) > len(INKS) else ""
    figure.legend(
        loc="outside right upper", frameon=False, fontsize=8, title=f"best search first{rest}", title_fontsize=8
    )
    axes.set_xlabel(f"Kendall tau, n = {points[0]['train_size']:,}")
    axes.set_ylabel(f"{'regret' if key == 'regret' else 'best score'} after {points[0]['evaluations']:,} evaluations")
    return figure


def _render(report: JointReport) -> str:
    p, s = report.results.protocol, report.searches.protocol
    rows = report.correlation_rows()
    shown, alt = _last(rows), "What searches found against Kendall tau, a point for each predictor"
    first = shown[0]
    title = f"{p['benchmark']}: does a higher tau give a better search?"
    lead = (
        f"Over {first['strategies']} predictors, Kendall tau after {first['train_size']:,} training architectures and the score "
        f"that a search finds after {first['evaluations']:,} evaluations have a rank correlation of "
        f"{fixed(first['kendall_tau'], 2)} (p = {fixed(first['p'], 2)})."
    )
    marks = sorted({row["evaluations"] for row in rows})
    marks = sorted({marks[round(i * (len(marks) - 1) / 4)] for i in range(5)})
    cells = {(row["measure"], row["train_size"], row["evaluations"]): row for row in rows}
    head = "<th>measure</th><th>n</th>" + "".join(f"<th>after {mark:,}</th>" for mark in marks)
    lines = [
        f"<td>{text(metric.title)}</td><td>{size:,}</td>"
        + "".join(f"<td>{fixed(cells[measure, size, mark]['kendall_tau'], 2)}</td>" for mark in marks)
        for measure, metric in METRICS.items()
        for size in sorted({row["train_size"] for row in rows})
    ]
    body = [
        f"<h1>{text(title)}</h1>",
        f"<p>{text(lead)}</p>",
        f'<figure role="img" aria-label="{alt}">{svg(lambda: _draw(report), "j")}'
        '<figcaption class="soft">Bars are one standard error.</figcaption></figure>',
        "<h2>Which measure foretells the search</h2>",
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>'
        + "".join(f"<tr>{line}</tr>" for line in lines)
        + "</tbody></table></div>",
        '<p class="soft">Rank correlation, over the predictors, of the measure at n and the best score found; 1 is perfect.</p>',
        "<h2>Protocol</h2>",
        definitions(
            {
                "evaluation": f"{p['metric']}; ranks {tested_on(p)}; {p['trials']} trials, seed {p['seed']}",
                "searches": f"{s['budget']} evaluations in batches of {s['batch']}, {s['trials']} trials, seed {s['seed']}",
                **{name: f"{used}; {s['strategies'][name]}" for name, used in report.predictors.items()},
            }
        ),
    ]
    return page(title, body)
