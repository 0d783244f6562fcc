"""NAS-Bench-ASR: 8,242 cells for speech recognition on TIMIT, three seeds, and latency on two devices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data._unpickle import unpickle
from archcast.data.base import Benchmark, register
from archcast.data.published._columns import left_out
from archcast.data.published._files import Part, reading
from archcast.data.published._finding import find
from archcast.data.published._gather import stack
from archcast.errors import DataNotFoundError
from archcast.spaces.base import get_space

__all__ = ["read", "read_table"]

OPERATIONS = ("linear", "conv5", "conv5d2", "conv7", "conv7d2", "zero")
NODES = 3
TRAINING = re.compile(r"nb-asr-e(\d+)-(\d+)\.pickle")
DEVICE = re.compile(r"nb-asr-bench-(.+)\.pickle")
GET = (
    "Download nb-asr-e40-1234.pickle, -1235, -1236, nb-asr-info.pickle and nb-asr-bench-*.pickle from the releases (v1.1.0) of "
    "https://github.com/SamsungLabs/nb-asr."
)


@register(
    "nasbench-asr",
    summary="NAS-Bench-ASR, TIMIT, three seeds, curves of 40 epochs, latency on two devices; 8,242 cells",
    paper="Mehrotra et al. 2021, https://openreview.net/forum?id=CU0APx9LMaL",
    needs="$ARCHCAST_DATA",
    patterns=("nb-asr-e*.pickle",),
    architectures=8_242,
    licence="Apache-2.0",
    files="nb-asr-e40-<seed>.pickle, nb-asr-bench-<device>.pickle, nb-asr-info.pickle",
    holds="curves, seeds, costs",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read the files of the longest training that are there (``e40``), and of devices and parameters beside them.

    The published values are phoneme error rates, fractions of which less is better; metrics turn the sign:
    ``neg_val_per`` (default) at the best epoch of validation, ``neg_test_per`` at that same epoch, means over
    seeds, ``..._seed1234`` of one. The curve ``val_per`` is the error itself. Costs are ``latency_<device>`` in
    seconds and what the file of parameters holds. Cells of equal hash are one.
    """
    found = find(["nb-asr-*.pickle"], folder, benchmark="nasbench-asr", get=GET)
    if len(found) == 1 and folder is not None and folder.is_file():
        found = [*found, *(Part(file) for file in folder.parent.glob("nb-asr-*.pickle") if _beside(file, folder))]
    tables = [(part, *read_table(part)) for part in found]
    trainings = [(part, head, rows) for part, head, rows in tables if "val_per" in head["columns"]]
    if not trainings:
        raise DataNotFoundError(f"{found[0].path.parent} holds no training of NAS-Bench-ASR. {GET}")
    longest = max(_epochs(part, head) for part, head, _ in trainings)
    digests: dict[str, dict[str, Any]] = {}
    seeds: dict[str, list[dict[str, Any]]] = {}
    for part, head, rows in trainings:
        if _epochs(part, head) != longest:
            continue
        with reading(part, "a table of NAS-Bench-ASR"):
            seed = head.get("seed") or int(TRAINING.search(part.path.name)[2])  # type: ignore[index]
            for code, row in rows.items():
                val = np.array(row["val_per"], dtype=np.float64)
                run = {
                    "neg_val_per": -float(np.nanmin(val)),
                    "neg_test_per": -float(row["test_per"]),
                    "curve/val_per": val,
                }
                seeds.setdefault(code, []).append(run)
                digest = digests.setdefault(code, {"decisions": _decisions(row["arch_vec"])})
                digest |= {f"{name}_seed{int(seed)}": value for name, value in run.items() if name.startswith("neg_")}
    for code, digest in digests.items():
        for name in seeds[code][0]:
            digest[name] = np.mean(_equally_long([np.atleast_1d(run[name]) for run in seeds[code]]), axis=0)
            digest[name] = digest[name] if name.startswith("curve/") else float(digest[name][0])
    for part, head, rows in tables:
        if "val_per" in head["columns"]:
            continue
        device = head.get("device") or (match[1] if (match := DEVICE.search(part.path.name)) else "")
        with reading(part, "a table of NAS-Bench-ASR"):
            for code, row in rows.items():
                for name, value in row.items():
                    if isinstance(value, (int, float)) and code in digests:
                        digests[code][f"cost/{name}_{device}" if device else f"cost/{name}"] = float(value)
    with reading(found[0].path.parent, "a folder of NAS-Bench-ASR"):
        decisions = [digest.pop("decisions") for digest in digests.values()]
        arrays = stack(list(digests.values()))
        metrics = {
            name: arrays[name] for name in sorted(arrays, key=lambda name: "seed" in name) if name.startswith("neg_")
        }
        other = sum(_epochs(part, head) != longest for part, head, _ in trainings)
        space = get_space("nasbench-asr")
        codes = [[OPERATIONS.index(value) if isinstance(value, str) else value for value in row] for row in decisions]
        return Benchmark(
            "nasbench-asr",
            space,
            space.validate(codes),
            metrics,
            "neg_val_per",
            curves={"val_per": arrays["curve/val_per"].astype(np.float64)},
            costs={name.removeprefix("cost/"): column for name, column in arrays.items() if name.startswith("cost/")},
            source=str(found[0].path.parent),
            test_metric="neg_test_per",
            left_out=left_out(files_of_shorter_trainings=other),
        )


def _equally_long(runs: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """The epochs that all runs have."""
    shortest = min(map(len, runs))
    return [run[:shortest] for run in runs]


def _beside(file: Path, one: Path) -> bool:
    return file.name != one.name and ("bench" in file.name or "info" in file.name)


def _epochs(part: Part, head: Mapping[str, Any]) -> int:
    match = TRAINING.search(part.path.name)
    return int(head.get("epochs") or (match[1] if match else 0))


def read_table(part: Part) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Header of a file, and hash -> values by column. A file is two pickles in a row: the header and a list of rows."""
    data, allowed = part.read(), {**NUMPY, **CONTAINERS}
    head, at = unpickle(data, allowed, label=str(part))
    rows, _ = unpickle(data, allowed, label=str(part), start=at)
    with reading(part, "a table of NAS-Bench-ASR"):
        names = [str(name) for name in head["columns"]]
        if not isinstance(rows, list) or any(len(row) != len(names) for row in rows):
            raise ValueError(f"its rows do not have {len(names)} columns")
        by_hash = {}
        for row in rows:
            values = dict(zip(names, row))
            by_hash[str(values.pop("model_hash"))] = values
        return dict(head), by_hash


def _decisions(arch: Any) -> tuple[Any, ...]:
    """Operation and skips of each node; an operation is a number or a name."""
    if len(arch) != NODES:
        raise ValueError(f"an architecture has {len(arch)} nodes")
    out: list[Any] = []
    for node, (op, *skips) in enumerate(arch, 1):
        if len(skips) != node:
            raise ValueError(f"node {node} has {len(skips)} skips")
        out += [OPERATIONS[op] if isinstance(op, int) else str(op), *(int(skip) for skip in skips)]
    return tuple(out)
