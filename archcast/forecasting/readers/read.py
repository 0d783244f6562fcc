"""Logs to curves: which reader a file needs, and what a folder holds."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from archcast.checks import label_of, listed, path_of
from archcast.errors import ArchcastError, InvalidFileError, InvalidInputError
from archcast.forecasting.metrics import Metric
from archcast.forecasting.readers.delimited import columns_of
from archcast.forecasting.readers.events import is_events, runs_of_events
from archcast.forecasting.readers.jsonlines import runs_of_json
from archcast.forecasting.readers.mlflow import is_mlflow, runs_of_mlflow
from archcast.forecasting.readers.printed import columns_of_lines, is_printed
from archcast.forecasting.readers.runs import Run
from archcast.forecasting.readers.table import runs_of
from archcast.forecasting.readers.text import read_text

__all__ = ["Logs", "one_metric", "read_logs"]

GENERIC = {
    "metrics",
    "log",
    "logs",
    "history",
    "training",
    "train",
    "results",
    "runs",
    "trainer_state",
    "events",
    "csv",
    "curve",
    "lightning_logs",
    "tb_logs",
    "tensorboard",
}
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson")
PRINTED = (".log", ".out")
STATE = "trainer_state.json"
AGAIN = "epochs have several values of {}: the last one counts. Give each run, and each process, a log of its own"
CHECKPOINT = re.compile(r"checkpoint-\d+")
"""Folder in which Hugging Face's trainer keeps a state; the run is the folder around it."""


@dataclass
class Logs:
    """What logs held.

    Attributes:
        runs: curves, each with a name that no other has.
        failures: a line for each file, or run, that could not be read.
        notes: what was guessed or changed.
    """

    runs: list[Run] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_logs(paths: Sequence[str | Path], metric: str | None = None) -> Logs:
    """Read files and folders; what cannot be read is a line of ``failures`` and hinders nothing else.

    Args:
        paths: CSV, TSV, JSON lines, JSON, printed lines, TensorBoard event files, metrics of MLflow, or folders that hold them.
        metric: name of the metric; ``None`` chooses in each file.
    """
    logs = Logs()
    named: list[tuple[Path, Run]] = []
    if metric is not None:
        label_of("metric", metric)
    for given in [path_of("each of paths", path) for path in listed("paths", paths, "paths")]:
        try:
            files = _files(given)
        except (ArchcastError, OSError) as error:
            logs.failures.append(_line(given, error))
            continue
        events = [path for path in files if is_events(path)]
        for folder in sorted(
            {path.parent.parent if path.parent.name in ("train", "validation") else path.parent for path in events}
        ):
            inside = [path for path in events if folder in (path.parent, path.parent.parent)]
            try:
                named += [(source / "events", run) for source, runs in runs_of_events(inside, metric) for run in runs]
            except (ArchcastError, OSError) as error:
                logs.failures.append(_line(given if len(inside) == 1 else folder, error))
        followed = [path for path in files if path not in events and is_mlflow(path)]
        for folder in sorted({path.parent for path in followed}):
            try:
                inside = [path for path in followed if path.parent == folder]
                named += [(folder.parent / "events", run) for run in runs_of_mlflow(inside, metric)]
            except (ArchcastError, OSError) as error:
                logs.failures.append(_line(folder.parent, error))
        for path in files:
            if path in events or path in followed:
                continue
            try:
                named += [(path, run) for run in _read(path, metric)]
            except (ArchcastError, OSError) as error:
                logs.failures.append(_line(path, error))
    _name(named, logs)
    return logs


def _files(path: Path) -> list[Path]:
    """The logs at a path: itself, or what a folder holds at any depth."""
    if path.is_file():
        return [path]
    if not path.exists():
        raise InvalidFileError(f"{str(path)!r} does not exist.")
    inside = sorted(p for p in path.rglob("*") if p.is_file())
    ours = [p for p in inside if p.name == "runs.jsonl"]
    events = [p for p in inside if is_events(p)]
    tables = [p for p in inside if p.suffix.lower() in ENDINGS]
    found = ours or _states(inside) or tables or events or [p for p in inside if is_mlflow(p)]
    found = found or [p for p in inside if p.suffix.lower() in PRINTED]
    if not found:
        raise InvalidFileError(
            f"{path} holds no logs: expected *.csv, *.tsv, *.jsonl, *.log, {STATE}, TensorBoard's *tfevents*, or MLflow's metrics."
        )
    return found


def _states(inside: list[Path]) -> list[Path]:
    """The last state of each training of Hugging Face's trainer: each checkpoint repeats the history before it."""
    last: dict[Path, Path] = {}
    for path in (path for path in inside if path.name == STATE):
        checkpoint = CHECKPOINT.fullmatch(path.parent.name)
        folder = path.parent.parent if checkpoint else path.parent
        if folder not in last or _step(path) > _step(last[folder]):
            last[folder] = path
    return list(last.values())


def _step(path: Path) -> float:
    """The step of a checkpoint; what lies beside the checkpoints is later than each of them."""
    return float(path.parent.name.rpartition("-")[2]) if path.parent.name.startswith("checkpoint-") else math.inf


def _read(path: Path, metric: str | None) -> list[Run]:
    """The curves of a file that is text."""
    text = read_text(path)
    if is_printed(text):
        return _printed(text, metric)
    try:
        return _structured(path, text, metric)
    except InvalidFileError as error:
        try:
            return _printed(text, metric)
        except (InvalidFileError, InvalidInputError):
            raise error from None


def _printed(text: str, metric: str | None) -> list[Run]:
    found = columns_of_lines(text)
    runs = []
    for run in runs_of(found.columns, metric):
        told = [*run.notes, AGAIN.format(run.metric)] if run.metric in found.again else run.notes
        runs.append(replace(run, epochs=found.epochs, notes=told))
    return runs


def _structured(path: Path, text: str, metric: str | None) -> list[Run]:
    """The curves of JSON or of a table."""
    if text.lstrip()[0] in "{[":
        return runs_of_json(text, metric)
    columns = columns_of(text)
    if {"predictor", "train_size", "kendall_tau"} <= set(columns):
        columns = _of_bench(columns)
        return runs_of(columns, metric or "kendall_tau")
    runs = runs_of(columns, metric)
    if len(runs) == 1 and runs[0].metric in (None, "value", "Value") and Metric.of(path.stem):
        return [replace(runs[0], metric=path.stem)]  # TensorBoard names what it exports by the tag
    return runs


def _of_bench(columns: dict[str, list[object]]) -> dict[str, list[object]]:
    """``results.csv`` of ``archcast bench``: means over trials of each predictor, a train size is a step."""
    cells: dict[tuple[str, float], list[float]] = {}
    for name, size, tau in zip(columns["predictor"], columns["train_size"], columns["kendall_tau"]):
        if str(tau).strip():
            cells.setdefault((str(name), float(str(size))), []).append(float(str(tau)))
    keys = sorted(cells)
    return {
        "predictor": [name for name, _ in keys],
        "train_size": [size for _, size in keys],
        "kendall_tau": [float(np.mean(cells[key])) for key in keys],
    }


def _name(named: list[tuple[Path, Run]], logs: Logs) -> None:
    """Give each run a name of its own: that in the file, else that of the file, with the file's before it if need be."""
    stems = _stems([path for path, _ in named])
    titles = [
        stems[path] if not run.name else f"{stems[path]}/{run.name}" if len(stems) > 1 else run.name
        for path, run in named
    ]
    seen: dict[str, int] = {}
    said: dict[str, list[str]] = {}
    for title, (path, run) in zip(titles, named):
        seen[title] = seen.get(title, 0) + 1
        name = title if seen[title] == 1 else f"{title} #{seen[title]}"
        if not np.isfinite(run.values).any():
            logs.failures.append(f"{path}: run {name!r} has no value but NaN.")
            continue
        logs.runs.append(replace(run, name=name))
        for note in run.notes:
            said.setdefault(re.sub(r"\d+", "#", note), []).append(f"{name}: {note.rstrip('.')}")
    for first, *others in said.values():
        more = f"; {len(others)} more runs alike" if len(others) > 1 else ""
        logs.notes += [f"{first}{more}."] if more else [f"{line}." for line in (first, *others)]


def _stems(paths: Sequence[Path]) -> dict[Path, str]:
    """What each file is called: its own name, or its folder's where logs of any training have that name; more folders where two are
    alike."""
    parts = {}
    for path in dict.fromkeys(paths):
        folders = [part for part in path.absolute().parts[1:-1] if part.lower() not in GENERIC]
        folders = folders[:-1] if folders and CHECKPOINT.fullmatch(folders[-1]) else folders
        generic = path.stem.lower() in GENERIC or path.stem.startswith("events.out")
        parts[path] = folders if generic and folders else [*folders, path.stem]
    depth = dict.fromkeys(parts, 1)
    while True:
        names = {path: "/".join(parts[path][-depth[path] :]) for path in parts}
        count = Counter(names.values())
        alike = [path for path, name in names.items() if count[name] > 1 and depth[path] < len(parts[path])]
        if not alike:
            return names
        for path in alike:
            depth[path] += 1


def _line(path: Path, error: Exception) -> str:
    text = str(error) if not isinstance(error, OSError) else (error.strerror or str(error))
    quoted = repr(str(path))
    text = f"{path}{text[len(quoted) :]}" if text.startswith(quoted) else text
    # of one line, not too long
    return str(InvalidFileError(text if text.startswith(str(path)[:100]) else f"{path}: {text}"))


def one_metric(runs: list[Run], name: str | None, better: str | None) -> Metric | None:
    """What all runs measure, or ``None`` if no file names it.

    Raises:
        InvalidInputError: they measure different things, or the name does not tell which way is better.
    """
    told = list(
        dict.fromkeys([name] if name is not None else [run.metric for run in runs if run.metric not in (None, "value")])
    )
    metrics = []
    for one in told:
        found = Metric.of(str(one), better)
        if found is None:
            raise InvalidInputError(
                f"whether {one!r} should be high or low cannot be told from its name. Say --better higher or --better lower."
            )
        metrics.append(found)
    kinds = {(metric.signal, metric.falls) for metric in metrics}
    if len(kinds) > 1:
        raise InvalidInputError(
            f"the logs measure different things: {', '.join(map(str, told))}. Choose one with --metric."
        )
    return metrics[0] if metrics else None
