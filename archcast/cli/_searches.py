"""The table that ``archcast search`` ends with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from archcast.cli._grid import say
from archcast.cli._summary import NONE

if TYPE_CHECKING:
    from archcast.search import SearchResults

__all__ = ["show"]

MOST_COLUMNS = 5


def show(results: SearchResults, console: Console | None = None) -> None:
    """Print a row a strategy, the best architecture, and the reasons of failures."""
    console = console or Console(highlight=False)
    p = results.protocol
    key = "regret" if p["optimum"] is not None else "best"
    if len(p["objectives"]) > 1 and p["reference"]:
        key = "hypervolume"
    rows = results.summary_rows()
    marks = sorted({row["evaluations"] for row in rows})
    cells = {(row["strategy"], row["evaluations"]): row for row in rows}
    names = sorted(results.strategies, key=lambda name: _order(cells[name, marks[-1]], key))
    what = {"regret": "regret", "best": "best score", "hypervolume": "hypervolume"}[key]
    trials = f"{p['trials']} trial{'s' * (p['trials'] > 1)}"
    title = f"{p.get('benchmark', p['space'])}, {', '.join(p['objectives'])}: {what} after n evaluations, {trials}"
    say(console, title, "bold")
    for many in range(MOST_COLUMNS, 0, -1):
        shown = sorted(
            {marks[round((i + 1) * len(marks) / many) - 1] for i in range(many) if len(marks) >= many} or marks
        )
        lines = [["strategy", *(f"n={n}" for n in shown), "test", "optimum", "choosing s"]]
        for name in names:
            last = cells[name, marks[-1]]
            found = NONE if last["found_optimum"] is None else f"{last['found_optimum']}/{last['trials']}"
            values = [_number(cells[name, n][f"{key}_mean"]) for n in shown]
            lines.append([name, *values, _number(last["test_of_best"]), found, _number(last["overhead_seconds"], 2)])
        widths = [max(map(len, column)) for column in zip(*lines)]
        if sum(widths) + 2 * (len(widths) - 1) <= console.width:
            break
    for i, line in enumerate(lines):
        text = "  ".join(cell.ljust(w) if j == 0 else cell.rjust(w) for j, (cell, w) in enumerate(zip(line, widths)))
        console.print(Text(text, style="dim" if i == 0 else ""), no_wrap=True)
    best = results.best_found()
    if best is not None:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in best["scores"].items())
        test = "" if math.isnan(best["test"]) else f", test {best['test']:.4g}"
        console.print(f"Best: {best['arch']}\n      {scores}{test} ({best['strategy']})", markup=False, soft_wrap=True)
    reasons = [reason for trace in results.traces for reason in trace.failures if reason]
    if reasons:
        say(console, f"failed: {len(reasons)} evaluations. {reasons[0]}", "red")


def _order(row: dict[str, Any], key: str) -> float:
    value = row[f"{key}_mean"]
    return math.inf if math.isnan(value) else value if key == "regret" else -value


def _number(value: float, places: int = 4) -> str:
    if math.isnan(value):
        return NONE
    return f"{value:.{places}f}" if abs(value) < 10 else f"{value:.{max(0, places - 2)}f}"
