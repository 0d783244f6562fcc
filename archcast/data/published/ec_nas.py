"""EC-NAS: NAS-Bench-101's small cells trained with their energy metered, three repeats."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data._tfrecord import check, frames
from archcast.data._torch_archive import mapped
from archcast.data.base import Benchmark, register
from archcast.data.published._columns import left_out
from archcast.data.published._files import Part, contents, read_json, reading, unpacked
from archcast.data.published._finding import find
from archcast.data.published._gather import stack
from archcast.data.published._nasbench101_records import cell, fields, row_of
from archcast.errors import DataNotFoundError
from archcast.spaces.base import get_space

__all__ = ["read"]

PLACE = re.compile(r"(?:(\d+)_epochs/.*)?([0-9a-f]{32})/repeat_(\d+)/results\.json$")
RECORDS = "energy_*V9E*.tfrecord"
ACCURACIES = {
    "val_accuracy": "validation_accuracy",
    "test_accuracy": "test_accuracy",
    "train_accuracy": "train_accuracy",
}
EVALUATION = dict(enumerate(("epochs", "training_time", "train_accuracy", "validation_accuracy", "test_accuracy",
                             "energy (kWh)", "co2eq (g)"), 1))  # fmt: skip
"""Fields of an evaluation in a record, by their names in ``results.json``."""

GET = (
    "Download energy_5V9E_4epochs.tfrecord or another table of https://github.com/PedramBakh/EC-NAS-Bench (git lfs pull), or the "
    "folders train_model_results (or an archive of them) and generated_graphs_*.json of it."
)
Runs = dict[str, dict[int, dict[str, Any]]]


@register(
    "ec-nas",
    summary="EC-NAS, NAS-Bench-101's cells of few nodes with metered energy, CIFAR-10; 91 or 2,532 cells",
    paper="Bakhtiarifard et al. 2024, https://arxiv.org/abs/2210.06015",
    space="nasbench101",
    needs="$ARCHCAST_DATA",
    patterns=("repeat_*/results.json", "*ecnas*.tar.gz", RECORDS),
    licence="MIT",
    files=f"{RECORDS}; or <E>_epochs/.../<hash>/repeat_<k>/results.json and generated_graphs_*.json",
    holds="curves, seeds, times, costs",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read the raw ``results.json`` files and the list of cells, ``generated_graphs_*.json``; or where there are none, one table
    ``energy_<cells>.tfrecord``.

    Accuracies are fractions: ``val_accuracy`` (default), ``test_accuracy`` and ``train_accuracy`` at the end of
    the longest training that is there, means of the repeats, ``..._run1`` and so on. Curves are those at the
    epochs that were evaluated (beginning, middle, end). Costs are ``params``, and at the end of the training
    ``energy_kwh`` and ``co2eq_g``. Training seconds are ``training_time``.

    Of several tables in a folder the one of the largest cells is read: measured before scaled linearly (``linscale``) before
    ``surrogate``, whose figures are predictions of a model. Give the path of another one.
    """
    options = {"benchmark": "ec-nas", "get": GET}
    archives = ["*ecnas*", "*train_model_results*"]
    found = find(["repeat_*/results.json", RECORDS], folder, archives=archives, **options)  # type: ignore[arg-type]
    raw = [part for part in found if not _is_table(part)]
    if raw:
        runs, rows, left = _raw(raw, folder, options)
        source = str(raw[0].path if raw[0].inside else raw[0].path.parents[2])
    else:
        best = min(found, key=_preference)
        with unpacked(best) as plain:
            runs, rows, left = _table(plain)
        left["other_tables"] = len(found) - 1
        source = str(best.path)
    digests = []
    for by_repeat in runs.values():
        some = list(by_repeat.values())
        digest = {name: np.mean([run[name] for run in some], axis=0) for name in some[0]}
        if len(some) > 1:
            for repeat, run in by_repeat.items():
                digest |= {f"{name}_run{repeat}": run[name] for name in ACCURACIES}
        digests.append(digest)
    arrays = stack(digests)
    space = get_space("nasbench101")
    metrics = {name: arrays[name] for name in ACCURACIES}
    metrics |= {name: values for name, values in arrays.items() if "_run" in name}
    return Benchmark(
        "ec-nas",
        space,
        space.validate(np.array([rows[code] for code in runs])),
        metrics,
        "val_accuracy",
        curves={name.removeprefix("curve/"): values for name, values in arrays.items() if name.startswith("curve/")},
        costs={name.removeprefix("cost/"): values for name, values in arrays.items() if name.startswith("cost/")},
        train_seconds=arrays["seconds"],
        source=source,
        test_metric="test_accuracy",
        left_out=left_out(**left),
    )


def _is_table(part: Part) -> bool:
    return part.name.endswith(".tfrecord")


def _preference(part: Part) -> tuple[int, int, str]:
    """Measured tables first, then those of larger cells."""
    name = part.path.name
    kind = 2 if "surrogate" in name else 1 if "linscale" in name or "estimate" in name else 0
    nodes = re.match(r"energy_(\d+)V", name)
    return kind, -int(nodes[1]) if nodes else 0, str(part)


class _Longest:
    """The runs of the longest training, filled one by one."""

    def __init__(self) -> None:
        self.runs: Runs = {}
        self.epochs, self.shorter = 0.0, 0

    def add(self, code: str, repeat: int | None, run: dict[str, Any]) -> None:
        epochs = float(run.pop("epochs"))
        if epochs > self.epochs:
            self.shorter += sum(map(len, self.runs.values()))
            self.runs, self.epochs = {}, epochs
        if epochs < self.epochs:
            self.shorter += 1
            return
        of = self.runs.setdefault(code, {})
        of[len(of) + 1 if repeat is None else repeat] = run


def _raw(parts: list[Part], folder: Path | None, options: Any) -> tuple[Runs, dict[str, list[int]], dict[str, int]]:
    """Runs and rows by hash, and what was left out, of ``results.json`` files."""
    near = folder.parent if folder is not None and folder.is_file() else folder
    rows = {}
    for part in find(["generated_graphs_*.json"], near, **options):
        with reading(part, "a list of cells of EC-NAS"):
            for code, (matrix, labels) in read_json(part, part.read(1 << 28)).items():
                if labels[0] != -1 or labels[-1] != -2:
                    raise ValueError("a cell does not begin with -1 and end with -2")
                digits = "".join(str(int(bit)) for line in matrix for bit in line)
                rows[code] = cell(digits, [int(label) for label in labels[1:-1]])
    longest, unknown = _Longest(), 0
    for part, data in contents(parts, 1 << 22):
        with reading(part, "a result of EC-NAS"):
            match = PLACE.search(part.name)
            if match is None or match[2] not in rows:
                unknown += 1
                continue
            longest.add(match[2], int(match[3]), _run(read_json(part, data)))
    if not longest.runs:
        raise DataNotFoundError(f"{parts[0].path} holds no result of a cell that is in the list of cells. {GET}")
    return longest.runs, rows, {"shorter_trainings": longest.shorter, "results_of_unknown_cells": unknown}


def _table(part: Part) -> tuple[Runs, dict[str, list[int]], dict[str, int]]:
    """The same of a table: NAS-Bench-101's records, with a message that holds energies beside the accuracies."""
    longest, rows = _Longest(), {}
    with mapped(part.path) as data, reading(part, "a table of EC-NAS"):
        starts = list(frames(data, str(part)))
        for at, record in zip(starts, check(data, starts, str(part)), strict=True):
            with reading(f"{part}, the record at byte {at:,},", "one of EC-NAS"):
                code, _, adjacency, operations, packed = json.loads(record)
                if code not in rows:
                    rows[code] = row_of(adjacency, operations)
                longest.add(code, None, _run(_job(binascii.a2b_base64(packed))))
        if not longest.runs:
            raise ValueError("it has no records")
    return longest.runs, rows, {"shorter_trainings": longest.shorter}


def _job(message: bytes) -> dict[str, Any]:
    """A message as ``results.json`` would have it."""
    found = fields(message)
    steps = [fields(step) for step in found[1]]
    named = [{name: step[number][-1] for number, name in EVALUATION.items() if number in step} for step in steps]
    return {"trainable_params": found.get(2, [np.nan])[-1], "evaluation_results": named}


def _run(job: Mapping[str, Any]) -> dict[str, Any]:
    steps = sorted(job["evaluation_results"], key=lambda step: step["epochs"])
    last = steps[-1]
    out: dict[str, Any] = {"epochs": last["epochs"], "seconds": float(last["training_time"])}
    for name, key in ACCURACIES.items():
        out[name] = float(last[key])
        out[f"curve/{name}"] = np.array([step[key] for step in steps], dtype=np.float64)
    out["cost/params"] = float(job["trainable_params"])
    for name, key in (("energy_kwh", "energy (kWh)"), ("co2eq_g", "co2eq (g)")):
        out[f"cost/{name}"] = float(last.get(key, np.nan))
    return out
