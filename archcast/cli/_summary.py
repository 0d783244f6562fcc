"""The table that ``archcast bench`` ends with: as much as fits the terminal, 80 columns if it is none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from archcast.cli._grid import say
from archcast.cli._tables import ENOUGH, IDLE
from archcast.evaluation.deciles import DECILES, MEASURES
from archcast.evaluation.metrics import METRICS
from archcast.reports.numbers import compact, counted

if TYPE_CHECKING:
    from archcast.evaluation import Results

__all__ = ["NONE", "show", "show_intervals"]

LONGEST_NAME = 26
TIMES = "processor time"
NONE = "-"
"""Stands where there is no number."""
Row = dict[str, Any]


def show(results: Results, console: Console | None = None) -> None:
    """Print the summary, best predictor first; the best of each column is bold, failures follow with their reasons."""
    from archcast.evaluation.report import tested_on

    console = console or Console(highlight=False)
    rows = results.summary_rows()
    sizes = sorted({row["train_size"] for row in rows})
    cells = {(row["label"], row["train_size"]): row for row in rows}
    names = list(dict.fromkeys(row["label"] for row in rows))
    names.sort(key=lambda name: _tau(cells.get((name, sizes[-1]))), reverse=True)
    p = results.protocol
    title = f"{p['benchmark']}, {p['metric']}: Kendall tau on {tested_on(p)} after n, {counted(p['trials'], 'trial')}"
    fits = len(title) + len(TIMES) + 2 <= console.width
    say(console, f"{title}; {TIMES}" if fits else title, "bold")
    if not fits:
        say(console, f"init s and query ms are {TIMES}", "dim")
    if p.get("quick_look"):
        say(console, f"a quick look at {p['preset']}: {p['quick_look']}", "yellow")
    for shown, places, sem in _choices(sizes):
        lines = [["predictor", *(f"n={n}" for n in shown), "init s", "query ms"]]
        for name in names:
            last = cells.get((name, sizes[-1]))
            texts = [_number(cells.get((name, n)), places, sem) for n in shown]
            lines.append([_cut(name), *texts, _short(last, "fit_seconds"), _short(last, "query_ms")])
        widths = [max(map(len, column)) for column in zip(*lines)]
        if sum(widths) + 2 * (len(widths) - 1) <= console.width:
            break
    best = {n: max(_tau(cells.get((name, n))) for name in names) for n in shown}
    for i, line in enumerate(lines):
        text = Text()
        for j, (cell, width) in enumerate(zip(line, widths)):
            top = i > 0 and 0 < j <= len(shown) and _tau(cells.get((names[i - 1], shown[j - 1]))) == best[shown[j - 1]]
            style = "dim" if i == 0 else "bold green" if top else ""
            text.append(cell.ljust(width) if j == 0 else "  " + cell.rjust(width), style=style)
        console.print(text, no_wrap=True)
    for epochs in sorted({row["epochs"] for row in rows} - {0}):
        told = [name for name in names if any(row["label"] == name and row["epochs"] == epochs for row in rows)]
        said = f"told {epochs} epoch{'s' * (epochs > 1)} of learning curves: {', '.join(told)}"
        say(console, said, "dim")
    for found in _correlations(results, [cells[name, sizes[-1]] for name in names if (name, sizes[-1]) in cells]):
        say(console, found, "dim")
    for name in names:
        failed = [row for row in rows if row["label"] == name and row["failed"]]
        if failed:
            count = f"{sum(row['failed'] for row in failed)} of {sum(r['trials'] for r in rows if r['label'] == name)}"
            say(console, f"failed: {name}, {count} trials. {failed[0]['reason']}", "red")


def show_intervals(results: Results, console: Console | None = None) -> None:
    """Print coverage, CRPS and mean std in each tenth of the predictions after the most training rows, a block for each measure."""
    console = console or Console(highlight=False)
    rows = results.summary_rows()
    last = max((row["train_size"] for row in rows), default=0)
    rows = sorted((row for row in rows if row["train_size"] == last and row["deciles"]), key=_tau, reverse=True)
    if not rows:
        say(console, "no predictor has a standard deviation, so there are no intervals", "dim")
    tenths = ["low", *map(str, range(2, DECILES)), "high"]
    for name in MEASURES if rows else ():
        say(console, f"{METRICS[name].title}, by tenth of the prediction, n={last}", "bold")
        numbers = [[_tenth(name, value) for value in row["deciles"][name]] for row in rows]
        widths = [max(map(len, column)) for column in zip(tenths, *numbers)]
        room = console.width - sum(widths) - 2 * len(widths)
        labels = [_cut(row["label"], min(room, LONGEST_NAME)) for row in rows]
        first = max(map(len, [*labels, "predictor"[:room]]))
        for i, (label, line) in enumerate(zip(["predictor"[:room], *labels], [tenths, *numbers])):
            cells = "".join("  " + cell.rjust(width) for cell, width in zip(line, widths))
            console.print(Text(label.ljust(first) + cells, style="" if i else "dim"), no_wrap=True)


def _tenth(name: str, value: float) -> str:
    number = f"{value:.2f}" if name == "coverage90" else compact(value)
    return number.removeprefix("0") if number.startswith("0.") else number


def _correlations(results: Results, rows: list[Row]) -> list[str]:
    """What predictors found of their sources, a line for each predictor."""
    sources, lines = list(results.protocol.get("sources", {})), []
    for row in rows:
        values = [float(value) for value in row["correlations"].split()]
        if values and len(values) == len(sources):
            said = ", ".join(f"{name} {value:.2f}" for name, value in zip(sources, values, strict=True))
            idle = [name for name, value in zip(sources, values, strict=True) if value < IDLE]
            advice = f"; better leave out {', '.join(idle)}" if idle and row["train_size"] >= ENOUGH else ""
            lines.append(f"{row['label']}, correlation found at n={row['train_size']}: {said}{advice}")
    return lines


def _choices(sizes: list[int]) -> list[tuple[list[int], int, bool]]:
    """(sizes shown, decimals, with standard errors), from the fullest table to the narrowest."""
    fewer = [
        (sorted({sizes[round(i * (len(sizes) - 1) / max(k - 1, 1))] for i in range(k)}), 2, False)
        for k in range(len(sizes) - 1, 0, -1)
    ]
    return [(sizes, 3, True), (sizes, 3, False), (sizes, 2, False), *fewer]


def _tau(row: Row | None) -> float:
    """Kendall tau for sorting: what is not there or undefined comes last."""
    return -2.0 if row is None or math.isnan(row["kendall_tau"]) else float(row["kendall_tau"])


def _number(row: Row | None, places: int, sem: bool) -> str:
    if row is None or math.isnan(row["kendall_tau"]):
        return NONE
    text = f"{row['kendall_tau']:.{places}f}"
    if sem and not math.isnan(row["kendall_tau_sem"]):
        text += f"±{row['kendall_tau_sem']:.{places}f}"
    return text.replace("0.", ".")


def _short(row: Row | None, name: str) -> str:
    return NONE if row is None or math.isnan(row[name]) else compact(row[name])


def _cut(name: str, longest: int = LONGEST_NAME) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"
