"""``report.html``: one file that loads nothing from elsewhere, readable on a phone, in light and in dark."""

from __future__ import annotations

import math
from typing import Any

from archcast.evaluation.budget_map import draw_map
from archcast.evaluation.figure import draw
from archcast.evaluation.measurements import Measurements
from archcast.evaluation.metrics import METRICS
from archcast.evaluation.presets import REST
from archcast.evaluation.splits import MUTATIONS, RANDOM, TESTS
from archcast.reports.numbers import fixed, significant
from archcast.reports.pages import definitions, page, plus_minus, svg, text

__all__ = ["render", "tested_on"]


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
        f'<div class="narrow">{_svg(results, 4.6, 5.4, "n")}</div>',
        '<figcaption class="soft">Mean over the trials; bands are one standard error.</figcaption></figure>',
        "<h2>Rank correlation and cost</h2>",
        _table(rows),
        f"<h2>Other measures, n = {last:,}</h2>",
        _others([row for row in rows if row["train_size"] == last]),
        *(_budgets(results) if p.get("budgets") else []),
        *_failures(rows),
        "<h2>Protocol</h2>",
        definitions(_protocol(p)),
        "<h2>Versions</h2>",
        definitions(p.get("versions", {})),
    ]
    return page(title, body)


def tested_on(p: Any) -> str:
    """The test set of a protocol in words."""
    if p["test_size"] == REST:
        return "all others"
    if p.get("test", RANDOM) != RANDOM:
        some = "mutations of the best of them" if p["test"] == MUTATIONS else "mutations of the best of ten"
        return f"up to {p['test_size']:,} {some}"
    return f"{p['test_size']:,} others"


def _headline(p: Any) -> str:
    return (
        f"{p['metric']} of {p['architectures']:,} architectures of {p['space']}. Each trial trains on n random ones and "
        f"ranks {tested_on(p)}; {p['trials']} trials.{_look(p)}"
    )


def _look(p: Any) -> str:
    return f" A quick look at {p['preset']}, {p['quick_look']}." if p.get("quick_look") else ""


def _svg(results: Measurements, width: float, height: float | None, salt: str) -> str:
    return svg(lambda: draw(results, width, height), salt)


def _table(rows: list[dict[str, Any]]) -> str:
    sizes = sorted({row["train_size"] for row in rows})
    cells = {(row["label"], row["train_size"]): row for row in rows}
    best = {
        n: max((r["kendall_tau"] for r in rows if r["train_size"] == n), key=_rank, default=math.nan) for n in sizes
    }
    head = "".join(f"<th>tau, n = {n:,}</th>" for n in sizes)
    lines = []
    for name in dict.fromkeys(row["label"] for row in rows):
        line = [f"<td>{text(name)}</td>"]
        for n in sizes:
            row = cells.get((name, n))
            mark = ' class="best"' if row and row["kendall_tau"] == best[n] else ""
            line.append(f"<td{mark}>{_pm(row, 'kendall_tau') if row else ''}</td>")
        last = next(cells[name, n] for n in reversed(sizes) if (name, n) in cells)
        failed = sum(cells[name, n]["failed"] for n in sizes if (name, n) in cells)
        trials = sum(cells[name, n]["trials"] for n in sizes if (name, n) in cells)
        line += [
            f"<td>{_pm(last, 'spearman')}</td><td>{fixed(last['fit_seconds'], 3)}</td>",
            f"<td>{fixed(last['query_ms'], 3)}</td><td>{f'{failed} of {trials}' if failed else '0'}</td>",
        ]
        lines.append("<tr>" + "".join(line) + "</tr>")
    n = f"{sizes[-1]:,}" if sizes else ""
    return (
        f'<div class="scroll"><table><thead><tr><th>predictor</th>{head}<th>Spearman, n = {n}</th>'
        f"<th>init, s</th><th>query, ms</th><th>failed</th></tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        f'<p class="soft">Times at the largest n, one thread, medians; query is milliseconds an architecture, features '
        f"included.</p>"
    )


def _others(rows: list[dict[str, Any]]) -> str:
    columns = {name: metric.title for name, metric in METRICS.items() if name not in ("kendall_tau", "spearman")}
    columns |= {"init_train_seconds": "training used at init, s", "query_train_seconds": "at query, s"}
    columns = {k: v for k, v in columns.items() if any(not math.isnan(row[k]) for row in rows)}
    lines = [
        f"<tr><td>{text(row['label'])}</td>"
        + "".join(f"<td>{_pm(row, k) if f'{k}_sem' in row else fixed(row[k], 0)}</td>" for k in columns)
        + "</tr>"
        for row in rows
    ]
    head = "".join(f"<th>{title}</th>" for title in columns.values())
    return (
        f'<div class="scroll"><table><thead><tr><th>predictor</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
        '<p class="soft">All train sizes are in results.json, every trial is in results.csv.</p>'
    )


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
        "test size": p["test_size"] if p["test_size"] == "rest" else f"{p['test_size']:,}",
        "trials": f"{p['trials']}, seed {p['seed']}; every predictor gets the same splits and seeds",
        "test set": TESTS[p.get("test", RANDOM)],
        "splits": "train and test share no two architectures that are the same function",
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
