"""``archcast forecast``: how one's own trainings will end, from their logs."""

from __future__ import annotations

import csv
import io
import json as json_
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from archcast.forecasting.forecast import Forecast

__all__ = ["forecast"]

PICTURES = (".png", ".svg", ".pdf")
POLL = 1.0
"""Seconds between two looks at a log that is watched."""


def forecast(
    logs: Annotated[
        list[Path],
        typer.Argument(
            help="Paths to logs of trainings: CSV, TSV, JSON, JSON lines, printed lines, TensorBoard events, metrics of MLflow, "
            "or folders that hold logs.",
            show_default=False,
        ),
    ],
    epochs: Annotated[
        int | None, typer.Option(help="Number of epochs of a full training.", show_default="the longest log's")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Name of the column to forecast.", show_default="chosen by its name")
    ] = None,
    better: Annotated[
        str | None,
        typer.Option(help="Direction of better values: higher or lower.", show_default="by the metric's name"),
    ] = None,
    best: Annotated[float | None, typer.Option(help="Value to beat.", show_default="the best finished run's")] = None,
    highest: Annotated[
        float | None,
        typer.Option(
            help="Highest value of an accuracy or error: 1 or 100.", show_default="100 where any value exceeds 1"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow logs that grow, until all runs are finished.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Path to the file to write: a picture (.png, .svg, .pdf), a page (.html), or a table (.json, .csv).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Forecast how trainings will end, and which to stop.

    For each run: the median and the 50 and 90 % intervals of its last value, the chance that it beats the best, and the
    advice to stop or to go on. Finished runs among the logs show how such curves go on.
    """
    from archcast.errors import ArchcastError, InvalidInputError

    if out is not None and out.suffix.lower() not in (*PICTURES, ".html", ".json", ".csv"):
        raise InvalidInputError(f"--out {str(out)!r} must end in .png, .svg, .pdf, .html, .json or .csv.")
    if out is not None and not out.parent.is_dir():
        raise InvalidInputError(f"--out {str(out)!r}: the folder {str(out.parent)!r} does not exist.")
    before = None
    while True:
        state = _state(logs) if watch else None
        if state != before or not watch:
            before = state
            try:
                done, failed = _once(logs, epochs, metric, better, best, highest, json, out, watch)
            except ArchcastError as error:
                if not watch:
                    raise
                typer.echo(f"waiting: {error}", err=True)
                done, failed = False, False
            if not watch or done:
                raise typer.Exit(2 if failed else 0)
        time.sleep(POLL)


def _once(
    logs: list[Path],
    epochs: int | None,
    metric: str | None,
    better: str | None,
    best: float | None,
    highest: float | None,
    json: bool,
    out: Path | None,
    watch: bool,
) -> tuple[bool, bool]:
    """Read, forecast, print; whether all runs are finished, and whether a log could not be read."""
    from archcast.forecasting.forecast import forecast as ends_of
    from archcast.forecasting.readers.read import one_metric, read_logs

    found = read_logs(logs, metric)
    for failure in found.failures:
        typer.echo(f"{'waiting' if watch else 'error'}: {' '.join(failure.split())}", err=True)
    if not found.runs:
        return False, True
    measured = one_metric(found.runs, metric, better)
    told = {run.epochs for run in found.runs if run.epochs is not None}
    if epochs is None and len(told) == 1:
        epochs = told.pop()
        found.notes.append(f"A full training has {epochs} epochs, as the log says.")
    answer = ends_of(
        {run.name: run.values for run in found.runs},
        epochs=epochs,
        metric=None if measured is None else measured.name,
        better=better,
        best=best,
        highest=highest,
    )
    said = [*found.notes, *answer.notes]
    if measured is not None and metric is None:
        said.insert(
            0, f"The metric is taken to be {measured.name}, where {'lower' if measured.falls else 'higher'} is better."
        )
    if json:
        for note in said:
            typer.echo(note, err=True)
        typer.echo(json_.dumps(answer.rows(), indent=2, ensure_ascii=False))
    else:
        _show(answer, said)
    if out is not None:
        _write(answer, out)
        typer.echo(f"Written to {out}", err=json)
    return bool((answer.finished | answer.diverged).all()), bool(found.failures)


def _state(logs: list[Path]) -> list[tuple[str, int, int]]:
    """Sizes and times of all files, which change when a log grows."""
    files = [
        file for path in logs for file in ([path] if path.is_file() else sorted(path.rglob("*"))) if file.is_file()
    ]
    return [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]


def _write(answer: Forecast, out: Path) -> None:
    from archcast.files import write_whole
    from archcast.forecasting.page import whole_page

    kind = out.suffix.lower()
    if kind in PICTURES:
        answer.plot(out)
    elif kind == ".html":
        write_whole(out, whole_page(answer))
    elif kind == ".json":
        write_whole(out, json_.dumps(answer.rows(), indent=2, ensure_ascii=False) + "\n")
    else:
        text = io.StringIO()
        rows = answer.rows()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(out, text.getvalue())


# -- on the screen -----------------------------------------------------------------------------------------------------

MOST_FINISHED = 5
"""Finished runs that are shown, the best ones."""
STYLES = {"stop": "red", "go on": "green", "finished": "dim"}


def _show(answer: Forecast, said: list[str]) -> None:
    """A table that fits the terminal, the reasons, what was guessed."""
    import numpy as np
    from rich.console import Console
    from rich.text import Text

    from archcast.cli._grid import say

    console = Console(highlight=False)
    begun, done = answer.order
    goal = "" if np.isnan(answer.to_beat[0]) else f", to beat: {short(answer.to_beat[0])}"
    if len(set(answer.to_beat.tolist())) > 1:
        goal = ", to beat: the best of the others so far"
    say(console, f"{answer.metric.name} after {answer.epochs} epochs{goal}", "bold")
    inner, outer = answer.interval(0.5), answer.interval(0.9)
    lines = [["run", "epochs", "now", "end", "50 %", "90 %", "chance", "needs", "advice"]]
    for i in [*begun, *done[:MOST_FINISHED]]:
        spread = [f"{short(low[i])} {short(high[i])}" for low, high in (inner, outer)]
        value = answer.chance_above_best[i]
        needed = answer.epochs_needed[i]
        more = ["" if np.isnan(value) else _percent(value), "-" if needed is None else str(needed)]
        ahead = (
            [short(answer.median[i]), *spread, *more]
            if not answer.finished[i]
            else [short(answer.last[i]), "", "", "", ""]
        )
        lines.append(
            [
                answer.runs[i],
                f"{answer.epochs_seen[i]}/{answer.epochs}",
                short(answer.last[i]),
                *ahead,
                answer.advice[i],
            ]
        )
    widths = [max(map(len, column)) for column in zip(*lines)]
    widths[0] = max(8, min(widths[0], console.width - sum(widths[1:]) - 2 * (len(widths) - 1)))
    for row, line in enumerate(lines):
        text = Text()
        for column, (cell, width) in enumerate(zip(line, widths)):
            if column == 0 and len(cell) > width:
                cell = "…" + cell[len(cell) - width + 1 :]
            last = column == len(line) - 1
            padded = cell.ljust(width) if column == 0 else "  " + (cell if last else cell.rjust(width))
            text.append(padded, style="dim" if row == 0 else STYLES[line[-1]] if last else "")
        console.print(text, no_wrap=True, crop=False)
    if len(done) > MOST_FINISHED:
        say(console, f"and {len(done) - MOST_FINISHED} more finished runs", "dim")
    for i in begun[:20]:
        text = Text(answer.advice[i], style=STYLES[answer.advice[i]])
        say(console, text.append(f"  {answer.runs[i]}: {answer.reasons[i]}.", style="default"))
    for note in said:
        say(console, note, "dim")


def short(value: float) -> str:
    """Three significant digits, without the zero before the point."""
    import numpy as np

    if not np.isfinite(value):
        return "-"
    digits = 3 if abs(value) < 1 else int(np.clip(2 - np.floor(np.log10(abs(value))), 0, 2))
    text = f"{value:.{digits}f}" if 1e-2 <= abs(value) < 1e6 or value == 0 else f"{value:.2e}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def _percent(chance: float) -> str:
    return "<.1 %" if chance < 0.001 else f"{100 * chance:.1f} %" if chance < 0.0995 else f"{100 * chance:.0f} %"
