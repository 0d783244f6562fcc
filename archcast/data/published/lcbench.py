"""LCBench: 2,000 configurations of funnel-shaped MLPs on each of 35 tables, with curves of 50 epochs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data._torch_archive import mapped
from archcast.data.base import Benchmark, register
from archcast.data.published._columns import as_benchmark, firsts, flatten, left_out
from archcast.data.published._files import Part, on_disk, reading
from archcast.data.published._finding import find
from archcast.data.published._gather import stack
from archcast.errors import InvalidFileError

__all__ = ["read"]

DATASETS = (
    "APSFailure", "Amazon_employee_access", "Australian", "Fashion-MNIST", "KDDCup09_appetency", "MiniBooNE", "adult",
    "airlines", "albert", "bank-marketing", "blood-transfusion-service-center", "car", "christine", "cnae-9", "connect-4",
    "covertype", "credit-g", "dionis", "fabert", "helena", "higgs", "jannis", "jasmine",
    "jungle_chess_2pcs_raw_endgame_complete", "kc1", "kr-vs-kp", "mfeat-factors", "nomao", "numerai28.6", "phoneme", "segment",
    "shuttle", "sylvine", "vehicle", "volkert",
)  # fmt: skip
CURVES = {
    "Train/loss": "train_loss",
    "Train/test_result": "test_accuracy",
    **{f"Train/{split}_accuracy": f"{split}_accuracy" for split in ("train", "val")},
    **{f"Train/{split}_{what}": f"{split}_{what}" for split in ("train", "val", "test")
       for what in ("cross_entropy", "balanced_accuracy")},
}  # fmt: skip
GET = "Download data_2k.json, data_2k_lw.json or six_datasets.json (https://figshare.com/projects/LCBench/74151) and unzip it."


WINDOW, MAX_ENTRY, MAX_BYTES = 1 << 22, 1 << 26, 1 << 36
SEPARATOR, COLON, COLON_OPEN = re.compile(r'[\s,]*(["}])'), re.compile(r"\s*:\s*"), re.compile(rb"\s*:\s*\{")


def _task(name: str) -> str:
    return name.lower().replace("_", "-")


@register(
    "lcbench",
    summary="LCBench, configurations of MLPs on 35 tables, curves of 50 epochs; 2,000 each",
    paper="Zimmer et al. 2021, https://arxiv.org/abs/2006.13799",
    tasks=tuple(_task(name) for name in DATASETS),
    needs="$ARCHCAST_DATA",
    patterns=(
        "data_2k*.json",
        "six_datasets*.json",
        "bench_full.json",
    ),
    licence="Apache-2.0",
    files="data_2k.json, data_2k_lw.json or six_datasets.json",
    holds="curves, times",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read the JSON file; a task is a data set, lower case with hyphens.

    Metrics are ``val_accuracy`` (default) and ``test_accuracy`` after the last epoch in percent, one seed. Curves
    are the logged signals of each epoch. The file is read configuration by configuration, so that little more than one data set is
    in memory. Decisions are the configuration's entries that vary; those with more
    than 30 values are put into 30 classes of about equal size. Training seconds are the log's last ``time``.
    """
    parts = find(
        ["data_2k.json", "data_2k_lw.json", "six_datasets.json", "six_datasets_lw.json", "bench_full.json"],
        folder,
        benchmark=f"lcbench/{task}",
        get=GET,
        archives=["*data_2k*.zip", "*six_datasets*.zip"],
    )
    part = parts[0]
    with reading(part, "a file of LCBench"):
        rows = []
        with on_disk(part, MAX_BYTES) as path, mapped(path) as data:
            for row in _configurations(data, part, task):
                rows.append((flatten(row["config"]), _digest(row["log"])))
        configs = [config for config, _ in rows]
        names = list(dict.fromkeys(name for config in configs for name in config))
        varying = [name for name in names if len({config.get(name) for config in configs}) > 1] or names
        columns = {name: binned([config.get(name) for config in configs]) for name in varying}
        keep = firsts(list(zip(*columns.values())))
        arrays = stack([rows[place][1] for place in keep])
        metrics = {
            name: arrays[f"last/{name}"] for name in ("val_accuracy", "test_accuracy") if f"last/{name}" in arrays
        }
        return as_benchmark(
            f"lcbench/{task}",
            {name: [values[place] for place in keep] for name, values in columns.items()},
            metrics,
            "val_accuracy",
            curves={
                name.removeprefix("curve/"): values for name, values in arrays.items() if name.startswith("curve/")
            },
            train_seconds=arrays.get("last/seconds"),
            source=str(part.path),
            test_metric="test_accuracy" if "test_accuracy" in metrics else None,
            left_out=left_out(configurations_equal_in_all_classes=len(rows) - len(keep)),
        )


def _configurations(data: Any, part: Part, task: str) -> Iterator[Any]:
    """The entries of a data set, one by one; ``data`` is a memory map of JSON, data set -> number -> entry.

    Raises:
        InvalidFileError: there is no such data set, or its JSON is damaged; names the byte.
    """
    starts = {_task(name): at for name in DATASETS if (at := _start(data, name)) is not None}
    if task not in starts:
        known = f"no data set {task!r}; it has {', '.join(starts)}" if starts else "no data set of LCBench"
        raise InvalidFileError(f"{part} is not a file of LCBench with that data: it has {known}.")
    decoder, here, text, at = json.JSONDecoder(), starts[task], "", 0
    read = here
    while True:
        try:
            entry = SEPARATOR.match(text, at)
            if entry is None:
                raise ValueError("no entry begins")
            if entry[1] == "}":
                return
            key, end = decoder.raw_decode(text, entry.start(1))
            colon = COLON.match(text, end)
            if colon is None or not isinstance(key, str):
                raise ValueError("an entry has no name")
            value, end = decoder.raw_decode(text, colon.end())
        except ValueError as error:
            block = data[read : read + WINDOW]
            if not block or len(text) - at > MAX_ENTRY:
                raise InvalidFileError(f"{part} is not JSON: {str(error)[:80]} (byte {here + at:,}).") from error
            here, text, at = here + at, text[at:] + bytes(block).decode("latin-1"), 0
            read += len(block)
            continue
        at = end
        yield value


def _start(data: Any, name: str) -> int | None:
    """The byte after ``"name": {`` where it stands at the top level: at the beginning or after the end of another data set."""
    at = data.find(f'"{name}"'.encode())
    while at >= 0:
        before, after = data[max(0, at - 64) : at].rstrip(), COLON_OPEN.match(data, at + len(name) + 2)
        if after is not None and (before == b"{" or re.search(rb"\}\s*\}\s*,$", before)):
            return int(after.end())
        at = data.find(f'"{name}"'.encode(), at + 1)
    return None


def _digest(log: dict[str, list[float]]) -> dict[str, object]:
    out: dict[str, object] = {}
    for tag, name in CURVES.items():
        if tag in log:
            curve = np.array(log[tag], dtype=np.float64)
            out[f"curve/{name}"] = curve
            out[f"last/{name}"] = float(curve[-1])
    if "time" in log:
        out["last/seconds"] = float(log["time"][-1])
    return out


def binned(values: list[object], classes: int = 30) -> list[object]:
    """Numbers of more than ``classes`` values as the middle of their class, of classes of about equal size."""
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(numbers) < len(values) or len(set(numbers)) <= classes:
        return values
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, classes + 1)))
    middle = (edges[1:] + edges[:-1]) / 2
    place = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(middle) - 1)
    return [float(middle[k]) for k in place]
