"""Metrics that MLflow keeps in files: ``mlruns/EXPERIMENT/RUN/metrics/NAME``, a line ``time value step`` for each point."""

from __future__ import annotations

import re
from pathlib import Path

from archcast.errors import InvalidFileError
from archcast.forecasting.readers.events import columns_of_scalars
from archcast.forecasting.readers.runs import Run, number
from archcast.forecasting.readers.table import runs_of

__all__ = ["is_mlflow", "runs_of_mlflow"]

LINE = re.compile(r"\d{10,} \S+ \d+\s*")


def is_mlflow(path: Path) -> bool:
    """Whether a file is a metric of MLflow, by its folder and its first line."""
    if path.parent.name != "metrics" or not path.is_file():
        return False
    with path.open("rb") as file:
        return LINE.fullmatch(file.readline(200).decode(errors="replace")) is not None


def runs_of_mlflow(paths: list[Path], metric: str | None) -> list[Run]:
    """The curve of a run, from the files of its metrics. A last line that is still being written is left out.

    Raises:
        InvalidFileError: a line is not ``time value step``.
        InvalidInputError: as of :func:`~archcast.forecasting.readers.table.runs_of`.
    """
    scalars: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(paths):
        text = path.read_text(errors="replace")
        lines = text.split("\n")
        for i, line in enumerate(lines, 1):
            cells = line.split()
            value = number(cells[1]) if len(cells) == 3 and cells[2].isdigit() else None
            if value is not None:
                scalars.setdefault(path.name, []).append((int(cells[2]), value))
            elif line.strip() and i < len(lines):
                raise InvalidFileError(f"{path}: line {i} is not the time, value and step of MLflow.")
    return runs_of(columns_of_scalars(scalars), metric)
