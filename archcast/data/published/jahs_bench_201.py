"""JAHS-Bench-201: cells with hyperparameters and three fidelities, on three image data sets: the raw measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._pandas import PANDAS, frame_columns
from archcast.data.base import Benchmark, register
from archcast.data.published._columns import as_benchmark, left_out
from archcast.data.published._files import find, reading, unpickled
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
GET = "Download metric_data.tar (links in https://github.com/automl/jahs_bench_201) and unpack it; raw.pkl.gz is read."


@register(
    "jahs-bench-201",
    summary="JAHS-Bench-201, raw measurements of cells with hyperparameters and fidelities, three data sets",
    paper="Bansal et al. 2022, https://openreview.net/forum?id=_HLcjaVlqJ",
    tasks=tuple(DATASETS),
    needs="$ARCHCAST_DATA",
    patterns=("cifar10/raw.pkl.gz", "colorectal_histology/raw.pkl.gz", "fashion_mnist/raw.pkl.gz"),
    licence="MIT",
    files="<data set>/raw.pkl.gz",
    holds="times, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read ``<data set>/raw.pkl.gz``, a pickled frame of pandas; its classes are replaced by stand-ins.

    A row is a configuration after its last epoch. Metrics are ``val_accuracy`` (default), ``test_accuracy`` and
    ``train_accuracy`` in percent as published. Decisions are operations, depth ``N``, width ``W``, resolution,
    augmentation, activation, learning rate and weight decay; numbers with more than 30 values are put into 30
    classes. The surrogates of the benchmark are pickled XGBoost models, which would have to be executed: they are
    refused.
    """
    name = DATASETS[task]
    part = find([f"{name}/raw.pkl"], folder, benchmark=f"jahs-bench-201/{task}", get=GET)[0]
    value = unpickled(part, PANDAS, limit=1 << 32, max_opcodes=500_000_000)
    with reading(part, "a raw table of JAHS-Bench-201"):
        columns: dict[str, NDArray[Any]] = {}
        for label, values in frame_columns(value).items():
            columns.setdefault(str(label[-1] if isinstance(label, tuple) else label), values)
        names = [name for name in CONFIGURATION if name in columns]
        if missing := set(OPERATIONS) - set(names):
            raise InvalidFileError(f"{part} has no column {min(missing)!r}; it has {', '.join(list(columns)[:30])}.")
        raw = list(zip(*(columns[name].tolist() for name in names)))
        epochs = columns["epoch"].astype(float) if "epoch" in columns else np.zeros(len(raw))
        last: dict[tuple[Any, ...], int] = {}
        for place, key in enumerate(raw):
            if key not in last or epochs[place] >= epochs[last[key]]:
                last[key] = place
        keep = list(last.values())
        decisions = {name: binned([raw[place][k] for place in keep]) for k, name in enumerate(names)}
        rows = list(zip(*decisions.values()))
        first = sorted({row: k for k, row in reversed(list(enumerate(rows)))}.values())
        places = np.array(keep)[first]
        metrics = {new: columns[old].astype(float)[places] for old, new in METRICS.items() if old in columns}
        return as_benchmark(
            f"jahs-bench-201/{task}",
            {name: [values[k] for k in first] for name, values in decisions.items()},
            metrics,
            "val_accuracy" if "val_accuracy" in metrics else next(iter(metrics)),
            costs={new: columns[old].astype(float)[places] for old, new in COSTS.items() if old in columns},
            train_seconds=columns["runtime"].astype(float)[places] if "runtime" in columns else None,
            source=str(part.path),
            test_metric="test_accuracy" if "test_accuracy" in metrics else None,
            left_out=left_out(
                earlier_epochs=len(raw) - len(keep), configurations_equal_in_all_classes=len(keep) - len(first)
            ),
        )
