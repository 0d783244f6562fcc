"""JSON lines, and JSON of records or curves: histories of Keras, states of Hugging Face trainers, ``runs.jsonl`` of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from archcast.errors import InvalidFileError
from archcast.forecasting.metrics import Metric
from archcast.forecasting.readers.runs import Run, number
from archcast.forecasting.readers.table import runs_of

__all__ = ["runs_of_json"]

NAMES = ("run", "run_id", "name", "run_name", "trial", "trial_id", "id", "seed", "arch", "config")


def runs_of_json(text: str, metric: str | None) -> list[Run]:
    """The curves in JSON text.

    A record with lists of numbers is a whole training; a record with numbers is an epoch. Inner objects are flattened, with
    ``/`` between names. A last line that is still being written is left out.

    Raises:
        InvalidFileError: a line is no JSON, or no record.
        InvalidInputError: as of :func:`~archcast.forecasting.readers.table.runs_of`.
    """
    records, epochs = _records(text)
    return [replace(run, epochs=epochs) for run in _runs(records, metric)]


def _records(text: str) -> tuple[list[dict[str, Any]], int | None]:
    """The records, and the epochs of a full training, if a trainer's state tells them."""
    epochs = None
    try:
        whole: Any = json.loads(text)
    except (ValueError, RecursionError):
        whole = []
        lines = [(i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip()]
        for i, line in lines:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                if (i, line) == lines[-1] and not text.endswith("\n") and whole:
                    break
                raise InvalidFileError(f"line {i} is not JSON: {error}.") from error
            whole.extend(record if isinstance(record, list) else [record])
    if isinstance(whole, dict):
        logs = [value for value in whole.values() if _list_of(value, dict)]
        if logs:  # a trainer's state with its history inside
            told = whole.get("num_train_epochs")
            epochs = told if type(told) is int and told > 0 else None
            whole = max(logs, key=len)
        elif all(_list_of(value, (int, float, type(None))) for value in whole.values()) and whole:
            if not any(Metric.of(str(name)) for name in whole):  # names are runs
                whole = [{"run": name, "curve": values} for name, values in whole.items()]
            else:
                whole = [whole]
        else:
            whole = [whole]
    if not isinstance(whole, list) or not whole or not all(isinstance(record, dict) for record in whole):
        raise InvalidFileError(
            'it is JSON, but not records: expected an object on each line, such as {"epoch": 1, "val_acc": 0.5}.'
        )
    return [_flat(record) for record in whole], epochs


def _runs(records: list[dict[str, Any]], metric: str | None) -> list[Run]:
    if not any(_curve(value) for record in records for value in record.values()):
        names = list(dict.fromkeys(name for record in records for name in record))
        return runs_of({name: [record.get(name) for record in records] for name in names}, metric)
    runs: list[Run] = []
    for i, record in enumerate(records):
        curves = {
            name.removeprefix("curves/"): value for name, value in record.items() if _curve(value) and name != "arch"
        }
        if not curves:
            continue
        if set(curves) == {"curve"}:
            curves = {metric or "": curves["curve"]}
            columns: dict[str, Any] = {"value": curves[metric or ""]}
            found = [Run("", np.array([_value(v) for v in columns["value"]]), metric)]
        else:
            longest = max(map(len, curves.values()))
            found = runs_of({n: [*v, *[None] * (longest - len(v))] for n, v in curves.items()}, metric)
        label = "/".join(_text(record[name]) for name in NAMES if name in record and _text(record[name]))
        for run in found:
            name = label or (f"row {i + 1}" if len(records) > 1 else "")
            runs.append(replace(run, name=name))
    return runs


def _flat(record: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            out |= _flat(value, f"{before}{name}/")
        else:
            out[f"{before}{name}"] = value
    return out


def _curve(value: Any) -> bool:
    return _list_of(value, (int, float, str, type(None))) and any(number(v) is not None for v in value)


def _list_of(value: Any, kind: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, kind) for v in value)


def _value(cell: Any) -> float:
    one = number(cell)
    return np.nan if one is None else one


def _text(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value)
