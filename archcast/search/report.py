"""``report.html`` of searches: one file that loads nothing from elsewhere."""

from __future__ import annotations

import math
from typing import Any

from archcast.reports.checklist import checklist
from archcast.reports.numbers import UNKNOWN, counted, fixed
from archcast.reports.pages import definitions, page, plus_minus, svg, text
from archcast.reports.tables import Column, sortable
from archcast.search.figure import draw
from archcast.search.findings import Findings

__all__ = ["render"]

FAILURES_SHOWN = 10
PLACES = 4
"""Decimals of scores and regrets: good architectures differ in the third and fourth."""


def render(results: Findings) -> str:
    """The report as HTML."""
    p = results.protocol
    where = p.get("benchmark", p["space"])
    title = f"{where}: architecture search"
    rows = results.summary_rows()
    known = p["optimum"] is not None
    alt = ("Regret" if known else "Best score") + " against evaluations, one line for each strategy"
    head = (
        f"{', '.join(p['objectives'])} of {p['space']}; {counted(p['budget'], 'evaluation')} in batches of {p['batch']}, "
        f"{counted(p['trials'], 'trial')}."
    )
    body = [
        f"<h1>{text(title)}</h1>",
        f'<p class="soft">{text(head)}</p>',
        f'<figure role="img" aria-label="{alt}"><div class="wide">{svg(lambda: draw(results, 8.4), "w")}</div>',
        f'<div class="narrow">{svg(lambda: draw(results, 4.6), "n")}</div>',
        '<figcaption class="soft">Mean over the trials; bands are one standard error.</figcaption></figure>',
        f"<h2>{'Regret' if known else 'Best score'} after so many evaluations</h2>",
        _table(results, rows),
        *_best(results),
        *_failures(results),
        "<h2>Protocol</h2>",
        definitions(_protocol(p)),
        *checklist(_known(results)),
    ]
    return page(title, body)


def _table(results: Findings, rows: list[dict[str, Any]]) -> str:
    marks = sorted({row["evaluations"] for row in rows})
    shown = sorted({marks[round(i * (len(marks) - 1) / 4)] for i in range(5)})
    key = "regret" if results.protocol["optimum"] is not None else "best"
    cells = {(row["strategy"], row["evaluations"]): row for row in rows}
    names = results.strategies
    last = [cells[name, marks[-1]] for name in names]
    columns = [Column("strategy", [text(name) for name in names], names)]
    for n in shown:
        found = [cells[name, n] for name in names]
        keys = [row[f"{key}_mean"] for row in found]
        columns.append(Column(f"{n:,}", [_mean(row, key) for row in found], keys, falling=key == "best", best=True))
    if results.protocol["reference"]:
        volumes = [row["hypervolume_mean"] for row in last]
        columns.append(
            Column("hypervolume", [_mean(row, "hypervolume") for row in last], volumes, falling=True, best=True)
        )
    tests = [plus_minus(row["test_of_best"], row["test_of_best_sem"], PLACES) for row in last]
    optima = [UNKNOWN if row["found_optimum"] is None else f"{row['found_optimum']} of {row['trials']}" for row in last]
    columns += [
        Column("test of best", tests, [row["test_of_best"] for row in last], falling=True),
        Column("found optimum", optima, [float(row["found_optimum"] or 0) for row in last], falling=True),
        Column("training, s", [_time(row["seconds"]) for row in last], [row["seconds"] for row in last]),
        Column(
            "choosing, s", [_time(row["overhead_seconds"]) for row in last], [row["overhead_seconds"] for row in last]
        ),
        Column("failed", [str(row["failed"]) for row in last], [row["failed"] for row in last]),
    ]
    return (
        sortable(columns, "searches")
        + '<p class="soft">A click on a heading sorts. The best architecture has the best score of the metric that was '
        "searched on. Its test score is shown, never the best test score seen. All numbers are in results.csv, every "
        "evaluation is in history.csv.</p>"
    )


def _known(results: Findings) -> dict[str, str | None]:
    """What searches can say to the checklist."""
    p = results.protocol
    run = p.get("run", {})
    repeat = f"; repeat with: {run['command']}" if "command" in run else ""
    trials = f"{p['trials']} searches with each strategy, seed {p['seed']}; mean and standard error"
    random = [label for label, params in p["strategies"].items() if params["name"] == "random"]
    training = sum(float(trace.seconds.sum()) for trace in results.traces)
    choosing = sum(trace.overhead for trace in results.traces)
    took = f"{fixed(training, 0)} s of training and {fixed(choosing, 1)} s of choosing, over all searches"
    version = p.get("versions", {}).get("archcast", "")
    return {
        "pipeline": f"archcast {version}, archcast.training; its settings are listed under Protocol"
        if "trainer" in p
        else None,
        "space": f"{p['space']}, archcast {version}",
        "final_hyperparameters": f"{p['trainer']}, seed {p['train_seed']}" if "trainer" in p else None,
        "method": f"archcast {version}",
        "hyperparameters": f"parameters of every strategy are listed under Protocol; seed {p['seed']}",
        "same_benchmark": f"{p.get('benchmark', p['space'])}: the same objective for every strategy",
        "confounders": f"{run.get('hardware', 'hardware unknown')}; one thread for choosing; versions as listed",
        "same_protocol": f"{p['budget']:,} full trainings in batches of {p['batch']} for every strategy",
        "over_time": "against evaluations, and against seconds of training where these are known",
        "random_search": f"{', '.join(random)} is among the strategies" if random else None,
        "repetitions": trials if p["trials"] > 1 else None,
        "tabular": f"{p['benchmark']}, {p['architectures']:,} architectures" if "architectures" in p else None,
        "end_to_end": took if math.isfinite(training) else None,
        "setup": f"all settings are listed under Protocol{repeat}",
    }


def _best(results: Findings) -> list[str]:
    best = results.best_found()
    if best is None:
        return []
    scores = ", ".join(f"{name} {value:.4g}" for name, value in best["scores"].items())
    items = {"architecture": best["arch"], "scores": scores, "found by": f"{best['strategy']}, trial {best['trial']}"}
    if not math.isnan(best["test"]):
        items["test score"] = f"{best['test']:.4g}"
    for name, curve in best["curves"].items():
        items[f"curve {name}"] = " ".join(f"{value:.3g}" for value in curve[:: max(1, len(curve) // 20)])
    return ["<h2>Best architecture</h2>", definitions(items)]


def _failures(results: Findings) -> list[str]:
    failed = [(t, i) for t in results.traces for i, reason in enumerate(t.failures) if reason]
    if not failed:
        return []
    items = {f"{t.strategy}, trial {t.trial}, evaluation {i + 1}": t.failures[i] for t, i in failed[:FAILURES_SHOWN]}
    return [f"<h2>Failures: {len(failed)}</h2>", definitions(items)]


def _protocol(p: Any) -> dict[str, Any]:
    out = {key: value for key, value in p.items() if key not in ("strategies", "versions", "run") and value is not None}
    out |= {"versions": ", ".join(f"{name} {version}" for name, version in p.get("versions", {}).items())}
    for label, params in p["strategies"].items():
        said = ", ".join(f"{key}={value}" for key, value in params.items() if key != "name" and value is not None)
        out[label] = f"{params['name']}({said})"
    return out


def _time(seconds: float) -> str:
    return fixed(seconds, 1 if seconds < 100 else 0)


def _mean(row: dict[str, Any], key: str) -> str:
    return plus_minus(row[f"{key}_mean"], row[f"{key}_sem"], PLACES)
