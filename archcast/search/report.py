"""``report.html`` of searches: one file that loads nothing from elsewhere."""

from __future__ import annotations

import math
from typing import Any

from archcast.reports.numbers import fixed
from archcast.reports.pages import definitions, page, plus_minus, svg, text
from archcast.search.figure import draw
from archcast.search.findings import Findings

__all__ = ["render"]

FAILURES_SHOWN = 10


def render(results: Findings) -> str:
    """The report as HTML."""
    p = results.protocol
    where = p.get("benchmark", p["space"])
    title = f"{where}: architecture search"
    rows = results.summary_rows()
    known = p["optimum"] is not None
    alt = ("Regret" if known else "Best score") + " against evaluations, one line for each strategy"
    head = (
        f"{', '.join(p['objectives'])} of {p['space']}; {p['budget']} evaluations in batches of {p['batch']}, "
        f"{p['trials']} trials."
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
    ]
    return page(title, body)


def _table(results: Findings, rows: list[dict[str, Any]]) -> str:
    marks = sorted({row["evaluations"] for row in rows})
    shown = sorted({marks[round(i * (len(marks) - 1) / 4)] for i in range(5)})
    key = "regret" if results.protocol["optimum"] is not None else "best"
    cells = {(row["strategy"], row["evaluations"]): row for row in rows}
    lines = []
    for name in results.strategies:
        last = cells[name, marks[-1]]
        line = f"<td>{text(name)}</td>" + "".join(
            f"<td>{plus_minus(cells[name, n][f'{key}_mean'], cells[name, n][f'{key}_sem'])}</td>" for n in shown
        )
        found = "–" if last["found_optimum"] is None else f"{last['found_optimum']} of {last['trials']}"
        line += f"<td>{plus_minus(last['test_of_best'], last['test_of_best_sem'])}</td><td>{found}</td>"
        line += f"<td>{_time(last['seconds'])}</td><td>{_time(last['overhead_seconds'])}</td><td>{last['failed']}</td>"
        lines.append(f"<tr>{line}</tr>")
    head = "".join(f"<th>{n}</th>" for n in shown)
    return (
        f'<div class="scroll"><table><thead><tr><th>strategy</th>{head}<th>test of best</th><th>found optimum</th>'
        f"<th>training, s</th><th>choosing, s</th><th>failed</th></tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        '<p class="soft">The best is chosen by the validation score; its test score is shown, never the best test score seen. '
        "All numbers are in results.csv, every evaluation is in history.csv.</p>"
    )


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
    out = {key: value for key, value in p.items() if key != "strategies" and value is not None}
    for label, params in p["strategies"].items():
        said = ", ".join(f"{key}={value}" for key, value in params.items() if key != "name" and value is not None)
        out[label] = f"{params['name']}({said})"
    return out


def _time(seconds: float) -> str:
    return fixed(seconds, 1 if seconds < 100 else 0)


def _mean(row: dict[str, Any], key: str) -> str:
    return plus_minus(row[f"{key}_mean"], row[f"{key}_sem"])
