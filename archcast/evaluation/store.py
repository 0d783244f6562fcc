"""``results.csv`` and ``protocol.json`` in a folder: a row is appended as soon as its trial is done, so nothing is lost."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from archcast.errors import InvalidFileError, InvalidInputError
from archcast.evaluation.trial import COLUMNS
from archcast.files import write_whole
from archcast.journal import Journal

__all__ = ["Key", "Row", "Store"]

Key = tuple[str, int, int, int]
"""Predictor, train size, trial, epochs."""

Row = dict[str, Any]


class Store:
    """The folder of one run, or of the continuation of one.

    Args:
        folder: made if it is not there.
        protocol: what decides the figures. A folder that holds results of another protocol is refused.

    Attributes:
        rows: what the folder held when it was opened, by (predictor, train size, trial, epochs).

    Raises:
        InvalidInputError: the folder holds results of another protocol.
        InvalidFileError: its files are damaged beyond a torn last line.
    """

    def __init__(self, folder: Path, protocol: Mapping[str, Any]) -> None:
        self.folder = folder
        self.path = folder / "results.csv"
        self._journal = Journal(self.path)
        protocol_path = folder / "protocol.json"
        protocol = json.loads(json.dumps(protocol))
        self.rows: dict[Key, Row] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(f"out {str(folder)!r} cannot be a folder: {error.strerror}.") from error
        if protocol_path.exists():
            protocol = _merge(_read_json(protocol_path), protocol, folder)
            if self.path.exists():
                self.rows = _read_rows(self._journal)
        elif self.path.exists():
            raise InvalidInputError(
                f"out {str(folder)!r} holds a results.csv without its protocol. Choose another folder."
            )
        write_whole(protocol_path, json.dumps(protocol, indent=2) + "\n")
        self.protocol: dict[str, Any] = dict(protocol)

    def append(self, row: Row) -> None:
        """Add a row and put it on disk."""
        new = not self.path.exists() or self.path.stat().st_size == 0
        self._journal.append((_header() if new else "") + _line(row))
        self.rows[_key(row)] = row

    def tidy(self, rows: Iterable[Row]) -> None:
        """Write all rows in their final order, each trial once."""
        self._journal.rewrite(_header() + "".join(map(_line, rows)))


def _key(row: Row) -> Key:
    return row["predictor"], row["train_size"], row["trial"], row["epochs"]


def _header() -> str:
    return ",".join(COLUMNS) + "\n"


def _line(row: Row) -> str:
    values = [row[name] for name in COLUMNS]
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(
        "" if isinstance(v, float) and math.isnan(v) else v for v in values
    )
    return buffer.getvalue()


def _read_rows(journal: Journal) -> dict[Key, Row]:
    """Rows of a results file."""
    rows: dict[Key, Row] = {}
    text = journal.text()
    if not text:
        return rows
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        if next(reader) != list(COLUMNS):
            raise ValueError("the header is not that of this version")
        for fields in reader:
            row = {name: _value(text, kind) for (name, kind), text in zip(COLUMNS.items(), fields, strict=True)}
            rows[_key(row)] = row
    except (ValueError, csv.Error) as error:
        raise journal.damaged(str(error)) from error
    return rows


def _value(text: str, kind: type) -> Any:
    return math.nan if kind is float and text == "" else kind(text)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict) or not isinstance(value.get("predictors"), dict):
            raise ValueError("it is not a protocol")
    except (ValueError, RecursionError, OSError) as error:
        raise InvalidFileError(f"{str(path)!r} cannot be read: {error}. Choose another folder.") from error
    return value


def _merge(old: Mapping[str, Any], new: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The protocol of both; predictors may be added, nothing may differ."""
    for key in dict.fromkeys([*new, *old]):
        if key == "predictors":
            continue
        if old.get(key) != new.get(key):
            was, now = _differing(old.get(key), new.get(key))
            raise InvalidInputError(
                f"out {str(folder)!r} holds results of another protocol: its {key} is {_brief(was)}, "
                f"this run's is {_brief(now)}. Choose another folder, or repeat that run's settings."
            )
    for label, settings in new["predictors"].items():
        if old["predictors"].get(label, settings) != settings:
            raise InvalidInputError(
                f"out {str(folder)!r} holds results of another {label!r}: {_brief(old['predictors'][label])}, "
                f"now {_brief(settings)}. Choose another folder or another name."
            )
    return {**new, "predictors": {**old["predictors"], **new["predictors"]}}


def _differing(a: Any, b: Any) -> tuple[Any, Any]:
    """Both, without the entries that are equal."""
    if not (isinstance(a, Mapping) and isinstance(b, Mapping)):
        return a, b
    names = [name for name in dict.fromkeys([*a, *b]) if a.get(name) != b.get(name)]
    return {name: a.get(name) for name in names}, {name: b.get(name) for name in names}


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."
