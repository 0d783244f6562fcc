"""Every benchmark at hand in one table: who is first where, and where the suite's own recommendation loses.

Each benchmark is evaluated by itself into a folder of its own (:func:`archcast.evaluate`), so an interrupted run continues and a
benchmark that is added later costs nothing but itself. Every benchmark is run by one protocol; its name stands on the page.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from archcast.checks import callback, label_of, listed, whole
from archcast.data.base import benchmark_names, load_benchmark
from archcast.errors import ArchcastError, DataNotFoundError, InvalidInputError, MissingDependencyError
from archcast.evaluation.measurements import Measurements
from archcast.evaluation.metrics import METRICS
from archcast.evaluation.report import goodness, tested_on
from archcast.evaluation.runner import Progress, evaluate
from archcast.files import folder_of, write_whole
from archcast.reports.numbers import compact, counted, fixed
from archcast.reports.pages import definitions, page, plus_minus, text
from archcast.reports.tables import Column, sortable

__all__ = ["MEASURES", "Leaderboard", "Loss", "leaderboard"]

MEASURES = ("kendall_tau", "ndcg", "regret", "coverage90", "crps", "fit_seconds", "query_ms")
"""Columns of the tables."""
TITLES = {name: METRICS[name].title for name in MEASURES if name in METRICS} | {
    "kendall_tau": "tau",
    "ndcg": "nDCG",
    "regret": "regret",
    "coverage90": "coverage",
    "fit_seconds": "init, s",
    "query_ms": "query, ms",
}
DOUBT = 2.0
"""A predictor loses where it is below the best by more than so many standard errors of the paired difference."""


@dataclass(frozen=True)
class Loss:
    """One place where a predictor is beaten.

    Attributes:
        benchmark, train_size: where.
        best: who is first.
        difference: tau of the first less that of the predictor, mean over the trials.
        error: standard error of that difference, paired by trial.
    """

    benchmark: str
    train_size: int
    best: str
    difference: float
    error: float


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """Results of :func:`leaderboard`.

    Attributes:
        results: name of a benchmark -> its measurements.
        missing: name of a benchmark -> why it was left out.
        recommended: name of the predictor whose losses are listed.
    """

    results: Mapping[str, Measurements]
    missing: Mapping[str, str]
    recommended: str | None = None

    def rows(self) -> list[dict[str, Any]]:
        """A row for each benchmark, train size and predictor: its measures, its standard error of tau, its place by tau."""
        out = []
        for benchmark, found in self.results.items():
            summary = [row for row in found.summary_rows() if not math.isnan(row["kendall_tau"])]
            for size in sorted({row["train_size"] for row in summary}):
                ranked = sorted((r for r in summary if r["train_size"] == size), key=lambda row: -row["kendall_tau"])
                for place, row in enumerate(ranked, 1):
                    measures = {name: row[name] for name in MEASURES}
                    out.append(
                        {
                            "benchmark": benchmark,
                            "train_size": size,
                            "predictor": row["label"],
                            "place": place,
                            **measures,
                            "kendall_tau_sem": row["kendall_tau_sem"],
                        }
                    )
        return out

    def losses(self, predictor: str | None = None) -> list[Loss]:
        """Where a predictor is below the best by more than twice the standard error of the paired difference, worst first.

        Args:
            predictor: its name; the recommended one unless named.
        """
        predictor = self.recommended if predictor is None else predictor
        out = []
        for benchmark, found in self.results.items():
            tau: dict[tuple[str, int], dict[int, float]] = {}
            for row in found.rows():
                if not row["error"]:
                    tau.setdefault((row["predictor"], row["train_size"]), {})[row["trial"]] = row["kendall_tau"]
            for size in sorted({size for _, size in tau}):
                own = tau.get((str(predictor), size))
                others = {name: values for (name, n), values in tau.items() if n == size and name != predictor}
                if not own or not others:
                    continue
                best = max(others, key=lambda name: float(np.mean(list(others[name].values()))))
                both = sorted(set(own) & set(others[best]))
                apart = np.array([others[best][trial] - own[trial] for trial in both])
                error = float(apart.std(ddof=1) / math.sqrt(len(apart))) if len(apart) > 1 else math.nan
                if len(apart) and apart.mean() > DOUBT * (0 if math.isnan(error) else error):
                    out.append(Loss(benchmark, size, best, float(apart.mean()), error))
        return sorted(out, key=lambda loss: -loss.difference)

    def to_json(self) -> str:
        """``{"rows": ..., "losses": ..., "missing": ...}``; what is undefined is ``null``."""
        tree = {"rows": self.rows(), "losses": [vars(loss) for loss in self.losses()], "missing": dict(self.missing)}
        return json.dumps(_finite(tree), indent=2, allow_nan=False) + "\n"

    def to_html(self) -> str:
        """One page: who is first where, where the recommended predictor loses, a table for each benchmark, the protocols."""
        rows, at_hand = self.rows(), counted(len(self.results), "benchmark")
        body = [
            "<h1>Performance predictors on every benchmark at hand</h1>",
            f"<p class='soft'>{at_hand}. tau is Kendall's rank correlation on networks that a predictor has "
            "not seen: 1 is the true order, 0 is chance. Means over trials, with the standard error of tau.</p>",
            "<h2>Overall</h2>",
            _overall(rows),
        ]
        if self.recommended is not None:
            here = any(row["predictor"] == self.recommended for row in rows)
            found = _losses(self.losses()) if here else f"<p>{text(self.recommended)} was not evaluated.</p>"
            body += [f"<h2>Where {text(self.recommended)} loses</h2>", found]
        for number, (benchmark, result) in enumerate(self.results.items()):
            own = [row for row in rows if row["benchmark"] == benchmark]
            p = result.protocol
            body += [
                f"<h2>{text(benchmark)}</h2>",
                f'<p class="soft">{text(p["metric"])}; trains on n, ranks {text(tested_on(p))}; '
                f"{counted(p['trials'], 'trial')}, seed "
                f"{p['seed']}; preset {text(p['preset'] or 'none')}.</p>",
                *(_table(own, size, f"b{number}n{size}") for size in sorted({row["train_size"] for row in own})),
            ]
        if self.missing:
            body += ["<h2>Not here</h2>", definitions(self.missing)]
        return page("Leaderboard of performance predictors", body)


def leaderboard(
    benchmarks: Sequence[str] | None = None,
    predictors: Sequence[str] | None = None,
    *,
    train_sizes: Sequence[int] = (10, 100),
    trials: int = 5,
    recommended: str | None = None,
    out: str | Path = "archcast-leaderboard",
    jobs: int | None = None,
    progress: Callable[[str, Progress], None] | None = None,
) -> Leaderboard:
    """Evaluate predictors on many benchmarks and write ``index.html`` and ``leaderboard.json`` to a folder.

    Args:
        benchmarks: names; ``None`` takes every benchmark that can be loaded here.
        predictors: names; ``None`` takes the default ones of each benchmark.
        train_sizes, trials: as in :func:`archcast.evaluate`; a benchmark that is too small for a train size does without it.
        recommended: the predictor whose losses the page lists.
        out: the folder; each benchmark has one of its own in it, and the same call continues.
        jobs: worker processes.
        progress: called with the name of the benchmark after each trial.

    Raises:
        UnknownNameError: of a benchmark or predictor.
        InvalidInputError: none of the benchmarks can be loaded.
    """
    folder = folder_of("out", out)
    sizes_asked = [
        whole("each of train_sizes", size, 1) for size in listed("train_sizes", train_sizes, "whole numbers")
    ]
    callback("progress", progress, 2)
    if recommended is not None:
        label_of("recommended", recommended)
    for what, asked in (("benchmarks", benchmarks), ("predictors", predictors)):
        for name in () if asked is None else listed(what, asked, "names"):
            label_of(f"each of {what}", name)
    found: dict[str, Measurements] = {}
    missing: dict[str, str] = {}
    names = benchmark_names() if benchmarks is None else list(benchmarks)
    for name in names:
        try:
            table = load_benchmark(name)
        except (DataNotFoundError, MissingDependencyError) as error:
            missing[name] = str(error)
            continue
        sizes = [size for size in sizes_asked if 3 * size <= len(table)] or [max(len(table) // 3, 1)]
        try:
            found[name] = evaluate(
                None if predictors is None else list(predictors),
                table,
                train_sizes=sizes,
                trials=trials,
                jobs=jobs,
                out=folder / re.sub(r"[^a-z0-9.-]+", "_", name.lower()),
                progress=None if progress is None else partial(progress, name),
            )
        except ArchcastError as error:  # one benchmark that cannot be evaluated does not end the others
            if benchmarks is not None and len(names) == 1:
                raise
            missing[name] = str(error)
        if found:
            board = Leaderboard(found, missing, recommended)
            write_whole(folder / "leaderboard.json", board.to_json())
            write_whole(folder / "index.html", board.to_html())
    if not found:
        reason = next(iter(missing.values()), "benchmarks names none")
        raise InvalidInputError(f"No benchmark could be evaluated. The first: {reason}")
    return Leaderboard(found, missing, recommended)


def _overall(rows: list[dict[str, Any]]) -> str:
    """Mean place and number of firsts of each predictor that was run on more than one table."""
    tables = {(row["benchmark"], row["train_size"]) for row in rows}
    owns = [
        [row for row in rows if row["predictor"] == name] for name in dict.fromkeys(row["predictor"] for row in rows)
    ]
    owns.sort(key=lambda own: float(np.mean([row["place"] for row in own])))
    places, taus = ([float(np.mean([row[key] for row in own])) for own in owns] for key in ("place", "kendall_tau"))
    firsts = [sum(row["place"] == 1 for row in own) for own in owns]
    columns = [
        _names(own[0]["predictor"] for own in owns),
        Column("mean place", [f"{place:.1f}" for place in places], places),
        Column("first on", [f"{n} of {len(own)}" for n, own in zip(firsts, owns, strict=True)], firsts, falling=True),
        Column("mean tau", [fixed(tau) for tau in taus], taus, falling=True),
    ]
    several = counted(len(tables), "table")
    return sortable(columns, "overall") + (
        f'<p class="soft">Over {several} (a benchmark at one n). A mean over fewer tables is not comparable. A click on a heading '
        "sorts.</p>"
    )


def _losses(losses: list[Loss]) -> str:
    if not losses:
        return "<p>Nowhere by more than twice the standard error of the paired difference.</p>"
    columns = [
        Column("benchmark", [text(loss.benchmark) for loss in losses], [loss.benchmark for loss in losses]),
        Column("n", [f"{loss.train_size:,}" for loss in losses], [loss.train_size for loss in losses]),
        Column("best", [text(loss.best) for loss in losses], [loss.best for loss in losses]),
        Column(
            "tau behind it",
            [plus_minus(loss.difference, loss.error) for loss in losses],
            [loss.difference for loss in losses],
            falling=True,
        ),
    ]
    return sortable(columns, "losses")


def _table(rows: list[dict[str, Any]], size: int, name: str) -> str:
    """The predictors on one benchmark at one n; ``name`` is that of the table."""
    own = [row for row in rows if row["train_size"] == size]
    columns = [_names(row["predictor"] for row in own)]
    for key in MEASURES:
        values = [row[key] for row in own]
        cells = [compact(value) for value in values]
        if key == MEASURES[0]:
            cells = [plus_minus(row[key], row[f"{key}_sem"]) for row in own]
        good = [goodness(METRICS[key], value) if key in METRICS else -value for value in values]
        columns.append(Column(TITLES[key], cells, good, falling=True))
    return f"<h3>n = {size:,}</h3>" + sortable(columns, name)


def _names(names: Iterable[str]) -> Column:
    found = list(names)
    return Column("predictor", [text(name) for name in found], found)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
