"""LCBench: 2,000 configurations of funnel-shaped MLPs on each of 35 tables, with curves of 50 epochs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archcast.data.base import Benchmark, register
from archcast.data.published._columns import as_benchmark, firsts, flatten, left_out
from archcast.data.published._files import find, read_json, reading
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
CURVES = {"Train/loss": "train_loss", "Train/train_accuracy": "train_accuracy", "Train/val_accuracy": "val_accuracy",
          "Train/val_cross_entropy": "val_cross_entropy", "Train/test_result": "test_accuracy"}  # fmt: skip
GET = "Download data_2k.json, data_2k_lw.json or six_datasets.json (https://figshare.com/projects/LCBench/74151) and unzip it."


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
    are the logged signals of each epoch. Decisions are the configuration's entries that vary; those with more
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
    table = read_json(part, part.read(1 << 33))
    with reading(part, "a file of LCBench"):
        key = next((name for name in table if _task(name) == task), None)
        if key is None:
            raise InvalidFileError(f"{part} has no data set {task!r}; it has {', '.join(map(_task, table))}.")
        rows = list(table[key].values())
        configs = [flatten(row["config"]) for row in rows]
        names = list(dict.fromkeys(name for config in configs for name in config))
        varying = [name for name in names if len({config.get(name) for config in configs}) > 1] or names
        columns = {name: binned([config.get(name) for config in configs]) for name in varying}
        keep = firsts(list(zip(*columns.values())))
        arrays = stack([_digest(rows[place]["log"]) for place in keep])
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
