"""``report.html``: one file that loads nothing from elsewhere, readable on a phone, in light and in dark."""

from __future__ import annotations

import math
from typing import Any

from archcast.evaluation.budget_map import draw_map
from archcast.evaluation.deciles import DECILES, MEASURES
from archcast.evaluation.figure import draw
from archcast.evaluation.measurements import Measurements
from archcast.evaluation.metrics import METRICS, Metric
from archcast.evaluation.presets import REST, WHOLE
from archcast.evaluation.splits import MUTATIONS, RANDOM, TESTS
from archcast.reports.checklist import checklist
from archcast.reports.numbers import compact, counted, fixed, significant
from archcast.reports.pages import definitions, page, plus_minus, svg, text
from archcast.reports.tables import Column, sortable

__all__ = ["goodness", "render", "tested_on"]


def render(results: Measurements) -> str:
    """The report as HTML."""
    p = results.protocol
    rows = results.summary_rows()
    last = max((row["train_size"] for row in rows), default=0)
    tau = {row["label"]: _rank(row["kendall_tau"]) for row in rows if row["train_size"] == last}
    rows.sort(key=lambda row: (-tau.get(row["label"], -math.inf), row["train_size"]))
    title = f"{p['benchmark']}: performance predictors by rank correlation"
    alt = "Kendall tau-b against the number of training architectures, one line for each predictor"
    body = [
        f"<h1>{text(title)}</h1>",
        f'<p class="soft">{text(_headline(p))}</p>',
        f'<figure role="img" aria-label="{alt}"><div class="wide">{_svg(results, 8.4, None, "w")}</div>',
        f'<div class="narrow">{_svg(results, 4.6, None, "n")}</div>',
        '<figcaption class="soft">Mean over the trials; bands are one standard error.</figcaption></figure>',
        "<h2>Rank correlation and cost</h2>",
        _table(rows),
        f"<h2>Other measures, n = {last:,}</h2>",
        _others([row for row in rows if row["train_size"] == last]),
        *_deciles([row for row in rows if row["train_size"] == last], last),
        *(_budgets(results) if p.get("budgets") else []),
        *_failures(rows),
        "<h2>Protocol</h2>",
        definitions(_protocol(p)),
        "<h2>Versions</h2>",
        definitions(p.get("versions", {})),
        *checklist(_known(results, rows)),
    ]
    return page(title, body)


def _known(results: Measurements, rows: list[dict[str, Any]]) -> dict[str, str | None]:
    """What an evaluation can say to the checklist."""
    p = results.protocol
    run = p.get("run", {})
    spent = float((results.frame["fit_seconds"] + results.frame["query_ms"] * results.frame["test_size"] / 1000).sum())
    repeat = f"; repeat with: {run['command']}" if "command" in run else ""
    trained = [row["init_train_seconds"] for row in rows if math.isfinite(row["init_train_seconds"])]
    simulated = (
        "" if not trained else "; training is counted with its simulated seconds, see the table of other measures"
    )
    return {
        "space": f"{p['space']}, archcast {p['version']}",
        "method": f"archcast {p['version']}",
        "hyperparameters": f"parameters of every predictor are listed under Protocol; seed {p['seed']}",
        "same_benchmark": f"{p['benchmark']}, contents {p['data']}; the same training and test sets for every predictor of a trial",
        "confounders": f"{run.get('hardware', 'hardware unknown')}; one thread; processor time; versions as listed",
        "over_time": f"at {len(p['train_sizes'])} numbers of training architectures"
        if len(p["train_sizes"]) > 1
        else None,
        "same_protocol": f"{p['preset'] or 'one protocol'} for all predictors",
        "repetitions": f"{counted(p['trials'], 'trial')} with seed {p['seed']}; mean and standard error"
        if p["trials"] > 1
        else None,
        "tabular": f"{p['benchmark']}, {p['architectures']:,} architectures",
        "end_to_end": f"init and query of all trials took {significant(spent)} s of processor time{simulated}",
        "setup": f"all settings are listed under Protocol{repeat}",
    }


def tested_on(p: Any) -> str:
    """The test set of a protocol in words."""
    if p["test_size"] == REST:
        return "all others"
    if p["test_size"] == WHOLE:
        return "the whole table"
    if p.get("test", RANDOM) != RANDOM:
        some = "mutations of the best of them" if p["test"] == MUTATIONS else "mutations of the best of ten"
        return f"up to {p['test_size']:,} {some}"
    return f"{p['test_size']:,} others"


def _headline(p: Any) -> str:
    return (
        f"{p['metric']} of {p['architectures']:,} architectures of {_place(p['space'])}. Each trial trains on n random ones and "
        f"ranks {tested_on(p)}; {counted(p['trials'], 'trial')}.{_look(p)}"
    )


def _place(space: str) -> str:
    """A space that has the name of no other, as that of a table of one's own, is no name."""
    return "the table" if space == "table" else space


def _look(p: Any) -> str:
    return f" A quick look at {p['preset']}, {p['quick_look']}." if p.get("quick_look") else ""


def _svg(results: Measurements, width: float, height: float | None, salt: str) -> str:
    return svg(lambda: draw(results, width, height), salt)


def _table(rows: list[dict[str, Any]]) -> str:
    """Tau at each train size, and what it costs at the largest."""
    sizes = sorted({row["train_size"] for row in rows})
    cells = {(row["label"], row["train_size"]): row for row in rows}
    names = list(dict.fromkeys(row["label"] for row in rows))
    last = [next(cells[name, n] for n in reversed(sizes) if (name, n) in cells) for name in names]
    columns = [Column("predictor", [text(name) for name in names], names)]
    for n in sizes:
        found = [cells.get((name, n)) for name in names]
        shown = [_pm(row, "kendall_tau") if row else "" for row in found]
        keys = [row["kendall_tau"] if row else math.nan for row in found]
        columns.append(Column(f"tau, n = {n:,}", shown, keys, falling=True, best=True))
    n = f"{sizes[-1]:,}" if sizes else ""
    columns.append(
        Column(
            f"Spearman, n = {n}",
            [_pm(row, "spearman") for row in last],
            [row["spearman"] for row in last],
            falling=True,
        )
    )
    for key, title in (("fit_seconds", "init, s"), ("query_ms", "query, ms")):
        columns.append(Column(title, [compact(row[key]) for row in last], [row[key] for row in last]))
    counts = [
        tuple(sum(cells[name, n][key] for n in sizes if (name, n) in cells) for key in ("failed", "trials"))
        for name in names
    ]
    failed = [f"{bad} of {all_}" if bad else "0" for bad, all_ in counts]
    columns.append(Column("failed", failed, [bad for bad, _ in counts]))
    return (
        sortable(columns, "tau")
        + '<p class="soft">A click on a heading sorts. Times at the largest n: processor time of one thread, medians; query is '
        "milliseconds for an architecture, features included.</p>"
    )


def _others(rows: list[dict[str, Any]]) -> str:
    """All other measures, and the training that was used."""
    columns = [Column("predictor", [text(row["label"]) for row in rows], [row["label"] for row in rows])]
    for name, metric in METRICS.items():
        keys = [goodness(metric, row[name]) for row in rows]
        if name not in ("kendall_tau", "spearman") and not all(map(math.isnan, keys)):
            columns.append(Column(metric.title, [_pm(row, name) for row in rows], keys, falling=True))
    used = {"init_train_seconds": "training used at init, s", "query_train_seconds": "at query, s"}
    for name, title in used.items():
        values = [row[name] for row in rows]
        if not all(map(math.isnan, values)):
            columns.append(Column(title, [fixed(value, 0) for value in values], values))
    return sortable(columns, "other") + (
        '<p class="soft">All train sizes are in results.json, every trial is in results.csv.</p>'
    )


def goodness(metric: Metric, value: float) -> float:
    """A measure turned so that higher is better."""
    return -abs(value - metric.best) if math.isfinite(metric.best) else math.copysign(1, metric.best) * value


def _deciles(rows: list[dict[str, Any]], n: int) -> list[str]:
    """Coverage, CRPS and mean std in each tenth of the predictions, a table for each measure."""
    rows = [row for row in rows if row["deciles"]]
    if not rows:
        return []
    tenths = ["lowest", *(f"{i}." for i in range(2, DECILES)), "highest"]
    body = [
        f"<h2>Intervals by tenth of the prediction, n = {n:,}</h2>",
        '<p class="soft">The test networks in the order of their predictions, in ten parts. The highest tenth is what a search '
        "looks at.</p>",
    ]
    for name in MEASURES:
        columns = [Column("predictor", [text(row["label"]) for row in rows], [row["label"] for row in rows])]
        for i, tenth in enumerate(tenths):
            values = [row["deciles"][name][i] for row in rows]
            keys = [goodness(METRICS[name], value) for value in values]
            cells = [fixed(value, 2) if name == "coverage90" else compact(value) for value in values]
            columns.append(Column(tenth, cells, keys, falling=True))
        body += [f"<h3>{text(METRICS[name].title)}</h3>", sortable(columns, f"deciles-{name}")]
    return body


def _budgets(results: Measurements) -> list[str]:
    budgets = results.budgets()
    lines = [
        f"<tr><td>{text(option['predictor'])}</td><td>{option['train_size']:,}</td><td>{option['epochs'] or '–'}</td>"
        f"<td>{significant(option['init_seconds'])}</td><td>{significant(option['query_seconds'])}</td>"
        f"<td>{fixed(option['kendall_tau'], 3)}</td></tr>"
        for option in budgets.front
    ]
    alt = "For each budget of seconds for init and for a query, the predictor that ranks best"
    return [
        "<h2>The best for each budget</h2>",
        f'<figure role="img" aria-label="{alt}"><div class="wide">{svg(lambda: draw_map(budgets, 8.4), "bw")}</div>',
        f'<div class="narrow">{svg(lambda: draw_map(budgets, 4.6, 5.4), "bn")}</div>',
        '<figcaption class="soft">The predictor with the highest Kendall tau among those that both budgets pay for. Seconds of '
        "training are simulated from the benchmark, seconds of computing are measured.</figcaption></figure>",
        "<h2>The front: no other is as cheap at init and at query and ranks as well</h2>",
        '<div class="scroll"><table><thead><tr><th>predictor</th><th>n</th><th>epochs</th><th>init, s</th><th>query, s</th>'
        f"<th>tau</th></tr></thead><tbody>{''.join(lines)}</tbody></table></div>",
    ]


def _failures(rows: list[dict[str, Any]]) -> list[str]:
    failed = {
        f"{row['label']}, n = {row['train_size']:,}": f"{row['failed']} of {row['trials']} trials: {row['reason']}"
        for row in rows
        if row["failed"]
    }
    return ["<h2>Failures</h2>", definitions(failed)] if failed else []


def _protocol(p: Any) -> dict[str, Any]:
    return {
        "benchmark": f"{p['benchmark']} (digest {p['data']})",
        "metric": p["metric"],
        "preset": p["preset"] or "none",
        **({"differs from the paper": " ".join(p["differs"])} if p.get("differs") else {}),
        "train sizes": ", ".join(f"{n:,}" for n in p["train_sizes"]),
        "test size": p["test_size"] if p["test_size"] in (REST, WHOLE) else f"{p['test_size']:,}",
        "trials": f"{p['trials']}, seed {p['seed']}; every predictor gets the same splits and seeds",
        "test set": TESTS[p.get("test", RANDOM)],
        "splits": "all are tested on, training architectures too"
        if p["test_size"] == WHOLE
        else "train and test share no two architectures that are the same function",
        "epochs at query": ", ".join(map(str, p["epochs"])) or "each predictor's own",
        "encoding": p["encoding"] or "each predictor's own",
        "evidence": ", ".join(p["evidence"]) or "none: structure only",
        "unlabelled pool": f"{p['pool_size']:,} architectures, without scores",
        **{f"{name}": text for name, text in p["predictors"].items()},
    }


def _rank(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _pm(row: dict[str, Any], name: str) -> str:
    return plus_minus(row[name], row[f"{name}_sem"])
