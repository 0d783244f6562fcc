"""NAS-Bench-Macro: all 6,561 chains of eight layers, trained three times on CIFAR-10."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archcast.data.base import Benchmark, register
from archcast.data.published._columns import column_array
from archcast.data.published._files import read_json, reading
from archcast.data.published._finding import find
from archcast.spaces.base import get_space

__all__ = ["read"]

ARCHITECTURES = 6_561
GET = "Download data/nas-bench-macro_cifar10.json of https://github.com/xiusu/NAS-Bench-Macro."


@register(
    "nasbench-macro",
    summary="NAS-Bench-Macro, CIFAR-10, three runs; 6,561 chains",
    paper="Su et al. 2021, https://arxiv.org/abs/2103.11922",
    space="nasbench-macro",
    needs="$ARCHCAST_DATA",
    patterns=("nas-bench-macro_cifar10*.json",),
    architectures=6_561,
    licence="Apache-2.0",
    files="nas-bench-macro_cifar10.json",
    holds="seeds, costs",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read ``nas-bench-macro_cifar10.json``.

    The metric is ``test_accuracy`` in percent, the mean of three runs, which are ``test_accuracy_run1`` to
    ``_run3``. There is no validation accuracy: who chooses by this metric chooses on the test images. Many rows
    are one function, for an identity may stand at several places; they were trained apart. Costs are ``params``
    and ``flops``.
    """
    part = find(["nas-bench-macro_cifar10*.json"], folder, benchmark="nasbench-macro", get=GET)[0]
    table = read_json(part, part.read(1 << 26))
    with reading(part, "the table of NAS-Bench-Macro"):
        archs = get_space("nasbench-macro").parse(list(table))
        rows = list(table.values())
        means = [row["mean_acc"] if "mean_acc" in row else np.mean(row["test_acc"]) for row in rows]
        metrics = {"test_accuracy": column_array(means, part, "mean_acc")}
        for k in range(max(len(row["test_acc"]) for row in rows)):
            runs = [row["test_acc"][k] if k < len(row["test_acc"]) else None for row in rows]
            metrics[f"test_accuracy_run{k + 1}"] = column_array(runs, part, "test_acc")
        missing = ARCHITECTURES - len(rows)
        return Benchmark(
            "nasbench-macro",
            get_space("nasbench-macro"),
            archs,
            metrics,
            "test_accuracy",
            costs={name: column_array([row.get(name) for row in rows], part, name) for name in ("params", "flops")},
            source=str(part.path),
            test_metric="test_accuracy",
            left_out=f"{missing:,} chains that the file does not hold" if missing > 0 else "",
        )
