"""What ``archcast fit``, ``predict`` and ``choose`` share: reading, the folder that is continued, and tables on the screen.

:func:`cut` and :func:`wrapped` make lines of any command fit the screen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from archcast.choosing import Table
    from archcast.choosing.validation import Validated
    from archcast.evidence import Source
    from archcast.spaces.base import SearchSpace

__all__ = [
    "correlations_of",
    "cut",
    "kept_folds",
    "lines",
    "read",
    "read_sources",
    "say_correlations",
    "say_notes",
    "show_validated",
    "wrapped",
    "written",
]

WIDTH = 80
"""Columns of a line where there is no terminal that says another number."""

IDLE, ENOUGH = 0.2, 10
"""Correlation of a source below which it is better left out, and the number of scores from which that is known."""


def read(
    path: Path, score: str | None, better: str | None, space: str | None, epochs: int | None, sources: str | None = None
) -> Table:
    """The table of a command; tables among the sources count for what values its decisions have."""
    from archcast.choosing import read_table

    beside = [] if sources is None else [Path(name) for name in _parts(sources) if not _is_benchmark(name)]
    return read_table(path, score=score, better=better, space=space, epochs=epochs, beside=beside)


def read_sources(text: str, space: SearchSpace, better: str | None) -> dict[str, Source]:
    """Path of a table or name of a benchmark -> rows of another task, in the order given."""
    from archcast.choosing.table import read_source
    from archcast.evaluation.sources import source_of

    return {
        name: source_of(name, name) if _is_benchmark(name) else read_source(Path(name), space, better=better)
        for name in _parts(text)
    }


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _is_benchmark(name: str) -> bool:
    from archcast.data.base import BENCHMARKS

    return name.split("/")[0].split(":")[0] in BENCHMARKS


def correlations_of(predictor: Any, sources: Mapping[str, Source]) -> dict[str, float]:
    """Name of a source -> its correlation with the scores, as a fitted predictor has found it; empty where it tells none."""
    return dict(zip(sources, getattr(predictor, "correlations", []), strict=False))


def say_correlations(found: Mapping[str, float], n: int) -> None:
    """A line for each source."""
    for name, value in found.items():
        idle = value < IDLE and n >= ENOUGH
        typer.echo(f"correlation with {name}: {value:.2f}{'. Better leave it out.' * idle}")


def kept_folds(table: Path) -> Path:
    """File that finished folds are kept in: the same for the same table, wherever the command is run from."""
    from archcast.journal import file_name

    folder = Path("archcast-results")
    folder.mkdir(exist_ok=True)
    return folder / f"{file_name(table.name)}-folds.jsonl"


def say_notes(table: Table, *, to_stderr: bool) -> None:
    """What was inferred of the table."""
    for note in (f"{table.name}: {len(table)} rows with a score.", *table.notes):
        indent = note[: len(note) - len(note.lstrip())]
        typer.echo(note if _columns() is None else wrapped(note.lstrip(), indent, f"{indent}    "), err=to_stderr)


def show_validated(found: Sequence[Validated]) -> None:
    """Predictors and baselines with tau, its standard error, and how much the intervals cover."""
    rows = [["", "tau", "±", "90 % covers"]]
    for one in found:
        covered = "" if math.isnan(one.covered) else f"{one.covered:.2f}"
        rows.append(
            [one.name, *(("failed", "", "") if one.failed else (f"{one.tau:.3f}", f"{one.error:.3f}", covered))]
        )
    for line in lines(rows):
        typer.echo(line)
    for one in found:
        if one.failed:
            typer.echo(f"{one.name} failed: {one.failed}", err=True)


def lines(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Rows of texts as aligned lines: the first column to the left, the others to the right."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [
        "  ".join(
            cell.ljust(w) if j == 0 else cell.rjust(w) for j, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in texts
    ]


def cut(text: str, before: int) -> str:
    """A text that stands last in a line after ``before`` columns, without its middle where a terminal has no room for it."""
    columns = _columns()
    if columns is None or len(text) <= (room := max(columns - before, 20)):
        return text
    tail = (room - 1) * 2 // 5
    return f"{text[: room - 1 - tail]}…{text[len(text) - tail :]}"


def wrapped(text: str, indent: str, further: str | None = None) -> str:
    """Lines that fit the terminal, or :data:`WIDTH` columns; a word is never broken. They begin with ``indent``, all but
    the first with ``further`` if it is given."""
    import textwrap

    return textwrap.fill(
        text,
        _columns() or WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def written(text: str) -> str:
    """What a command has written and where: lines that fit the terminal, one line where the output goes elsewhere."""
    return text if _columns() is None else wrapped(text, "")


def _columns() -> int | None:
    """Columns of the terminal; ``None`` where the output goes elsewhere."""
    import shutil
    import sys

    return shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else None
