"""JAHS-Bench-201: cells with hyperparameters and three fidelities, on three image data sets: the raw measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._pandas import PANDAS, frame_columns, frame_index
from archcast.data.base import Benchmark, register
from archcast.data.published._columns import as_benchmark, firsts, left_out
from archcast.data.published._files import Part, reading, unpickled
from archcast.data.published._finding import find
from archcast.data.published.lcbench import binned
from archcast.errors import InvalidFileError

__all__ = ["read"]

DATASETS = {"cifar10": "cifar10", "colorectal-histology": "colorectal_histology", "fashion-mnist": "fashion_mnist"}
OPERATIONS = tuple(f"Op{k}" for k in range(1, 7))
CONFIGURATION = (
    *OPERATIONS,
    "N",
    "W",
    "Resolution",
    "TrivialAugment",
    "Activation",
    "LearningRate",
    "WeightDecay",
    "Optimizer",
)
METRICS = {"valid-acc": "val_accuracy", "test-acc": "test_accuracy", "train-acc": "train_accuracy"}
COSTS = {"latency": "latency", "FLOPS": "flops", "size_MB": "size_mb"}
SETS = ("train", "valid", "test")
SPLITS = ("train_set", "valid_set", "test_set")
MOST_EPOCHS = 1000
GET = (
    "Download metric_data.tar (links in https://github.com/automl/jahs_bench_201) and unpack it; raw.pkl.gz is read, or where "
    "it is not there train_set.pkl.gz, valid_set.pkl.gz and test_set.pkl.gz."
)


@register(
    "jahs-bench-201",
    summary="JAHS-Bench-201, raw measurements of cells with hyperparameters and fidelities, three data sets",
    paper="Bansal et al. 2022, https://openreview.net/forum?id=_HLcjaVlqJ",
    tasks=tuple(DATASETS),
    needs="$ARCHCAST_DATA",
    patterns=tuple(f"{name}/{file}.pkl.gz" for name in DATASETS.values() for file in ("raw", "*_set")),
    licence="MIT",
    files="<data set>/raw.pkl.gz, or <data set>/{train,valid,test}_set.pkl.gz",
    holds="curves, times, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read ``<data set>/raw.pkl.gz``, or the three files ``<split>_set.pkl.gz`` together: pickled frames of pandas, whose classes
    are replaced by stand-ins.

    A row is a configuration. Metrics are ``val_accuracy`` (default), ``test_accuracy`` and ``train_accuracy`` after its last
    epoch in percent as published; curves are those of all epochs. Decisions are operations, depth ``N``, width ``W``, resolution,
    augmentation, activation, learning rate and weight decay; numbers with more than 30 values are put into 30
    classes. The surrogates of the benchmark are pickled XGBoost models, which would have to be executed: they are
    refused.
    """
    name = DATASETS[task]
    options: dict[str, Any] = {"benchmark": f"jahs-bench-201/{task}", "get": GET}
    parts = find([f"{name}/raw.pkl", f"{name}/*_set.pkl"], folder, **options)
    if raw := [part for part in parts if not any(split in Path(part.name).name for split in SPLITS)]:
        parts = raw[:1]
    else:
        parts.sort(key=lambda part: [split in part.name for split in SPLITS], reverse=True)  # as the package joins them
    tables = [_columns(part) for part in parts]
    with reading(parts[0], "a raw table of JAHS-Bench-201"):
        shared = [label for label in tables[0] if all(label in table for table in tables)]
        columns = {label: np.concatenate([table.pop(label) for table in tables]) for label in shared}
        names = [label for label in CONFIGURATION if label in columns]
        if missing := set(OPERATIONS) - set(names):
            raise InvalidFileError(
                f"{parts[0]} has no column {min(missing)!r}; it has {', '.join(list(columns)[:30])}."
            )
        of, first = _configurations([columns[label] for label in names])
        epochs = columns["epoch"].astype(float) if "epoch" in columns else np.zeros(len(of))
        order = np.lexsort((epochs, of))
        last = order[np.append(np.flatnonzero(np.diff(of[order])), len(of) - 1)]  # a row of each configuration
        decisions = {label: binned(columns[label][first].tolist()) for label in names}
        keep = np.array(firsts(list(zip(*decisions.values()))))
        known = {old: columns[old].astype(np.float64) for old in METRICS if old in columns}
        metrics = {METRICS[old]: values[last][keep] for old, values in known.items()}
        curves = {METRICS[old]: _curves(values, of, epochs)[keep] for old, values in known.items()}
        return as_benchmark(
            f"jahs-bench-201/{task}",
            {label: [values[k] for k in keep] for label, values in decisions.items()},
            metrics,
            "val_accuracy" if "val_accuracy" in metrics else next(iter(metrics)),
            curves={label: values for label, values in curves.items() if values.shape[1] > 1},
            costs={new: columns[old].astype(float)[last][keep] for old, new in COSTS.items() if old in columns},
            train_seconds=columns["runtime"].astype(float)[last][keep] if "runtime" in columns else None,
            source=", ".join(str(part.path) for part in parts),
            test_metric="test_accuracy" if "test_accuracy" in metrics else None,
            left_out=left_out(configurations_equal_in_all_classes=len(first) - len(keep)),
        )


def _columns(part: Part) -> dict[str, NDArray[Any]]:
    """The columns of a file by one name. They have two names: ``("features", "Op1")`` and ``("labels", "valid-acc")``, or
    before the authors' clean-up ``("model_config", "Op1")`` and ``("valid", "acc")``, with the epoch among the labels of the rows.
    """
    value = unpickled(part, PANDAS, limit=1 << 32, max_opcodes=500_000_000)
    with reading(part, "a raw table of JAHS-Bench-201"):
        out: dict[str, NDArray[Any]] = {}
        for label, values in frame_columns(value).items():
            above, own = label if isinstance(label, tuple) and len(label) == 2 else ("", label)
            out.setdefault(f"{above}-{own}" if above in SETS else str(own), values)
        levels = {name.lower(): column for name, column in frame_index(value).items()}
        if "epoch" in levels:
            out.setdefault("epoch", levels["epoch"])
        return out


def _configurations(columns: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """``(n,)`` number of each row's configuration, in the order of their first rows, and the first row of each."""
    of = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, place = np.unique(column.astype(str) if column.dtype == object else column, return_inverse=True)
        _, of = np.unique(of * len(values) + place.reshape(-1), return_inverse=True)
        of = of.reshape(-1)
    _, first, of = np.unique(of, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return np.argsort(order)[of.reshape(-1)], first[order]


def _curves(values: NDArray[np.float64], of: NDArray[np.int64], epochs: NDArray[np.float64]) -> NDArray[np.float32]:
    """``(n, T)`` by configuration and epoch, which counts from 1; NaN where none is."""
    length = int(epochs.max())
    if not 0 <= epochs.min() <= length <= MOST_EPOCHS:
        raise ValueError(f"its epochs are {epochs.min():g} to {epochs.max():g}")
    out = np.full((int(of.max()) + 1, length + 1), np.nan, dtype=np.float32)
    out[of, epochs.astype(np.int64)] = values
    return out[:, 1:]
