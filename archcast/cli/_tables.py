"""What ``archcast fit``, ``predict`` and ``choose`` share: reading, the folder that is continued, and tables on the screen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from archcast.choosing import Table
    from archcast.choosing.validation import Validated

__all__ = ["kept_folds", "lines", "read", "say_notes", "show_validated"]


def read(path: Path, score: str | None, better: str | None, space: str | None, epochs: int | None) -> Table:
    """The table of a command."""
    from archcast.choosing import read_table

    return read_table(path, score=score, better=better, space=space, epochs=epochs)


def kept_folds(table: Path) -> Path:
    """File that finished folds are kept in: the same for the same table, wherever the command is run from."""
    from archcast.journal import file_name

    folder = Path("archcast-results")
    folder.mkdir(exist_ok=True)
    return folder / f"{file_name(table.name)}-folds.jsonl"


def say_notes(table: Table, *, to_stderr: bool) -> None:
    """What was inferred of the table."""
    typer.echo(f"{table.name}: {len(table)} rows with a score.", err=to_stderr)
    for note in table.notes:
        typer.echo(note, err=to_stderr)


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
