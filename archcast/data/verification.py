"""What is known of a benchmark beforehand, and whether the files at hand agree: counts, optima, checksums."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data.base import BENCHMARKS, data_folder, load_benchmark
from archcast.data.benchmark import Benchmark
from archcast.data.published._files import find

__all__ = ["Check", "checksum", "verify"]

SHA256 = {
    "nasbench_full.tfrecord": "3d64db8180fb1b0207212f9032205064312b6907a3bbc81eabea10db2f5c7e9c",
    "nasbench_only108.tfrecord": "4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1",
}
"""Checksums that the benchmarks publish."""

MD5_IN_NAME = re.compile(r"NAS-Bench-201-v1_\d-([0-9a-f]{6})\.pth|NATS-[ts]ss-v1_0-([0-9a-f]{5})\.pickle\.pbz2")
"""Names that end with the last digits of the file's MD5."""

OPTIMA: dict[str, dict[str, tuple[float, float]]] = {
    "nats-tss/cifar10": {"val_accuracy": (91.61, 0.005), "test_accuracy": (94.37, 0.005)},
    "nats-tss/cifar100": {"val_accuracy": (73.49, 0.005), "test_accuracy": (73.51, 0.005)},
    "nats-tss/imagenet16-120": {"val_accuracy": (46.77, 0.005), "test_accuracy": (47.31, 0.005)},
    "nasbench-macro": {"test_accuracy": (93.12666, 5e-5)},
    "nasbench-mr/seg": {"mIoU": (79.10, 0.005)},
    "nasbench-mr/cls-50-1000": {"top1": (86.16, 0.005)},
    "accel-nasbench": {"val_top1": (67.052, 5e-4)},
    "nas-bench-graph/cora": {"valid_perf": (0.8193, 5e-5)},
}
"""Best value of a metric in the whole benchmark, from its paper or its authors, and by how much it may differ."""

COUNTS = {"nas-bench-graph": 26_206, "nas-bench-graph/proteins": 2_021, "digits": 1_600, "analog-nasbench": 15_625}


@dataclass(frozen=True)
class Check:
    """One thing that was compared; ``passed`` is ``None`` where nothing is known to compare with."""

    what: str
    passed: bool | None
    detail: str


def verify(
    name: str, path: str | Path | None = None, *, report: Callable[[int, int], None] | None = None
) -> tuple[Benchmark, list[Check]]:
    """Load a benchmark and compare it with what is known of it.

    Args:
        name: of the benchmark, with its task.
        path: its files, as in ``load_benchmark``.
        report: told of the bytes of a file whose checksum is computed, (done, total).
    """
    benchmark = load_benchmark(name, path)
    info = BENCHMARKS.entry(name.partition("/")[0]).info
    checks = list(_files(name, info, path, report))
    expected = COUNTS.get(name) or COUNTS.get(name.partition("/")[0]) or info.get("architectures")
    n = len(benchmark)
    same = None if expected is None else n == expected
    checks.append(Check("architectures", same, f"{n:,}" + ("" if same is not False else f" of {expected:,}")))
    unique = len(np.unique(benchmark.archs, axis=0))
    checks.append(Check("architectures that occur once", unique == n, f"{unique:,}"))
    for metric, (value, tolerance) in OPTIMA.get(name, {}).items():
        if metric in benchmark.metrics:
            best = float(np.nanmax(benchmark.scores(metric)))
            agrees = abs(best - value) <= tolerance
            if same is False and best < value:
                checks.append(Check(f"best {metric} of these", None, f"{best:.6g}; of all {value:g} is published"))
            else:
                checks.append(Check(f"best {metric}", agrees, f"{best:.6g}, published {value:g}"))
    finite = int(np.isfinite(benchmark.scores()).sum())
    checks.append(Check(f"values of {benchmark.default_metric}", finite > 0, f"{finite:,} of {n:,}"))
    if benchmark.left_out:
        checks.append(Check("left out", None, benchmark.left_out))
    return benchmark, checks


def _files(name: str, info: Any, path: str | Path | None, report: Callable[[int, int], None] | None) -> Iterator[Check]:
    folder = data_folder() if path is None else Path(path)
    if "patterns" not in info or folder is None or folder.suffix == ".npz":
        return
    for part in find(list(info["patterns"]), folder, benchmark=name, get="", optional=True):
        file = part.path
        match = MD5_IN_NAME.fullmatch(file.name)
        if file.name in SHA256:
            found = checksum(file, "sha256", report)
            yield Check(f"SHA-256 of {file.name}", found == SHA256[file.name], found)
        elif match is not None:
            found = checksum(file, "md5", report)
            yield Check(f"MD5 of {file.name}", found.endswith(match[1] or match[2]), found)


def checksum(file: Path, kind: str = "sha256", report: Callable[[int, int], None] | None = None) -> str:
    """Checksum of a file as hexadecimal digits."""
    digest, total, done = hashlib.new(kind, usedforsecurity=False), file.stat().st_size, 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 22):
            digest.update(block)
            done += len(block)
            if report is not None:
                report(done, total)
    return digest.hexdigest()
