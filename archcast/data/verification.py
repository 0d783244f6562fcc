"""What is known of a benchmark beforehand, and whether the files at hand agree: counts, optima, checksums."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data._tfrecord import frames
from archcast.data._torch_archive import mapped
from archcast.data.base import BENCHMARKS, data_folder, load_benchmark
from archcast.data.benchmark import Benchmark
from archcast.data.published._files import Part
from archcast.data.published._finding import find
from archcast.data.published._nasbench101_records import read_records
from archcast.data.published.nasbench101 import module_hash
from archcast.errors import InvalidInputError
from archcast.spaces.base import get_space

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

_CELL11 = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|"
_CELL0 = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
_FIRST = (
    "0100110;0010000;0001001;0000010;0000010;0000001;0000000|input,conv3x3-bn-relu,maxpool3x3,conv3x3-bn-relu,"
    "conv3x3-bn-relu,conv1x1-bn-relu,output"
)
_ASR = (
    '{"op1": "conv5", "skip1_0": 0, "op2": "conv5", "skip2_0": 0, "skip2_1": 0, "op3": "conv5", "skip3_0": 0, "skip3_1": 0, '
    '"skip3_2": 0}'
)
_NATS = {"val_accuracy_seed777": 87.748, "test_accuracy_half_train_seed777": 87.60, "test_accuracy_seed777": 91.79,
         "flops": 113.951, "params": 0.802}  # fmt: skip
KNOWN: dict[str, dict[str, dict[str, float]]] = {
    "nats-tss/cifar10": {_CELL11: _NATS},
    "nats-tss/cifar100": {_CELL11: {"val_accuracy_seed777": 67.72, "test_accuracy_seed777": 66.86}},
    "nats-tss/imagenet16-120": {_CELL11: {"val_accuracy_seed777": 29.367, "test_accuracy_seed777": 29.233}},
    "nats-sss/cifar10": {"8:8:8:8:8": {"test_accuracy": 79.79, "flops": 4.481}},
    "nats-sss/cifar100": {"8:8:8:8:8": {"val_accuracy": 32.24}},
    "nasbench101": {
        _FIRST: {
            "params": 8_555_530, "val_accuracy": 0.926416, "test_accuracy": 0.920606, "seconds": 1768.785,
        }
    },
    "hw-nas-bench/cifar10": {
        _CELL0: {
            "edgegpu_latency": 5.8074, "edgegpu_energy": 24.2266, "raspi4_latency": 10.4820, "edgetpu_latency": 0.95718,
            "pixel3_latency": 3.60585, "eyeriss_latency": 3.64562, "eyeriss_energy": 0.687283, "fpga_latency": 2.57296,
            "fpga_energy": 18.01072,
        }
    },
    "nasbench-asr": {
        _ASR: {"neg_test_per_seed1235": -0.242689, "latency_jetson-nano-fp32": 0.542114, "params": 26_338_848}
    },
    "nasbench-macro": {"22212220": {"test_accuracy": 93.12666}, "00000000": {"test_accuracy": 45.36333}},
}  # fmt: skip
"""Benchmark -> architecture -> published value of a metric or cost, to the digits that are published."""

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
    checks += _values(benchmark, KNOWN.get(name, {}))
    finite = int(np.isfinite(benchmark.scores()).sum())
    checks.append(Check(f"values of {benchmark.default_metric}", finite > 0, f"{finite:,} of {n:,}"))
    if benchmark.left_out:
        checks.append(Check("left out", None, benchmark.left_out))
    return benchmark, checks


def _values(benchmark: Benchmark, known: Mapping[str, Mapping[str, float]]) -> Iterator[Check]:
    """Values of single architectures, where these are there."""
    columns = {**benchmark.costs, **benchmark.metrics}
    if benchmark.train_seconds is not None:
        columns["seconds"] = benchmark.train_seconds
    for text, values in known.items():
        try:
            row = benchmark.space.parse(text)[0]
        except InvalidInputError:
            continue  # a part of the benchmark whose columns do not take it
        found = np.flatnonzero((benchmark.archs == row).all(axis=1))
        for name, value in values.items() if len(found) else ():
            if name in columns and np.isfinite(columns[name][found[0]]):
                mine = float(columns[name][found[0]])
                digits = len(f"{value}".partition(".")[2]) if value != int(value) else 0
                agrees = abs(mine - value) <= 0.51 * 10.0**-digits
                checks_of = text if len(text) <= 40 else text[:37] + "..."
                yield Check(f"{name} of {checks_of}", agrees, f"{mine:.8g}, published {value:g}")


def _files(name: str, info: Any, path: str | Path | None, report: Callable[[int, int], None] | None) -> Iterator[Check]:
    folder = data_folder() if path is None else Path(path)
    if "patterns" not in info or folder is None or folder.suffix == ".npz":
        return
    for part in find(list(info["patterns"]), folder, benchmark=name, get="", optional=True):
        file = part.path
        match = MD5_IN_NAME.fullmatch(file.name)
        if file.suffix == ".tfrecord" and name == "nasbench101":
            yield _hashes(part)
        if file.name in SHA256:
            found = checksum(file, "sha256", report)
            yield Check(f"SHA-256 of {file.name}", found == SHA256[file.name], found)
        elif match is not None:
            found = checksum(file, "md5", report)
            yield Check(f"MD5 of {file.name}", found.endswith(match[1] or match[2]), found)


def _hashes(part: Part, records: int = 1_000) -> Check:
    """Whether the hash of the first records is that of their cells."""
    with mapped(part.path) as data:
        starts = np.fromiter(islice(frames(data, str(part)), records), dtype=np.int64)
    arrays = read_records(part, starts)
    texts = get_space("nasbench101").format(arrays["row"].astype(np.int64))
    wrong = sum(module_hash(text) != bytes(code).hex() for text, code in zip(texts, arrays["hash"]))
    return Check(f"module hashes of the first {len(starts):,} records", wrong == 0, f"{wrong:,} differ")


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
