"""NAS-HPO-Bench-II: 4,000 cells with learning rate and batch size, 12 epochs on CIFAR-10."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data.base import Benchmark, register
from archcast.data.published._columns import as_benchmark, left_out
from archcast.data.published._files import Part, reading, unpickled
from archcast.data.published._finding import find

__all__ = ["read"]

FILES = ("bench12.pkl", "cellinfo.pkl")
EDGES = ("0->1", "0->2", "1->2", "0->3", "1->3", "2->3")
OPERATIONS = (0, 1, 2, 3)
COLUMN = re.compile(r"(train|valid|test)_(acc|time)_(\d+)")
CURVES = {"train": "train_accuracy", "valid": "val_accuracy", "test": "test_accuracy"}
GET = f"Download {' and '.join(FILES)} from https://github.com/yoichii/nashpobench2api."


@register(
    "nas-hpo-bench-ii",
    summary="NAS-HPO-Bench-II, cells with learning rate and batch size, CIFAR-10, 12 epochs; 48,528 configurations",
    paper="Hirose et al. 2021, https://arxiv.org/abs/2110.10165",
    needs="$ARCHCAST_DATA",
    patterns=("bench12.pkl",),
    architectures=48_528,
    licence="MIT",
    files=" and ".join(FILES),
    holds="curves, seeds, times",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read ``bench12.pkl`` and, beside it, ``cellinfo.pkl``.

    Decisions are the operation of each of six edges (numbers of the file), the learning rate and the batch size.
    Metrics are ``val_accuracy`` (default), ``test_accuracy`` and ``train_accuracy`` after the last epoch as
    published, means over seeds, ``..._seed<n>`` of one; curves are those of 12 epochs. Cells of one hash are one.
    ``avgaccs200.pkl`` is not read: it holds the predictions of a surrogate model for 200 epochs, not
    measurements.
    """
    part = find([FILES[0]], folder, benchmark="nas-hpo-bench-ii", get=GET)[0]
    info = find([FILES[1]], part.path.parent, benchmark="nas-hpo-bench-ii", get=GET)[0]
    codes = _codes(info)
    runs, columns = _columns(part)
    with reading(part, "the table of NAS-HPO-Bench-II"):
        keys = [run[:3] for run in runs]
        known = {key: place for place, key in enumerate(dict.fromkeys(key for key in keys if key[0] in codes))}
        seeds = sorted({int(run[3]) for run in runs})
        of = np.array([known.get(key, -1) for key in keys])
        seed = np.searchsorted(seeds, [int(run[3]) for run in runs])
        arrays = _arrays(columns, of, seed, (len(known), len(seeds)), seeds)
        cells = [codes[code] for code, _, _ in known]
        decisions: dict[str, list[Any]] = {f"edge {edge}": [cell[k] for cell in cells] for k, edge in enumerate(EDGES)}
        decisions |= {"learning_rate": [key[1] for key in known], "batch_size": [key[2] for key in known]}
        metrics = {name: values for name, values in arrays.items() if "accuracy" in name and "/" not in name}
        return as_benchmark(
            "nas-hpo-bench-ii",
            decisions,
            metrics,
            "val_accuracy",
            choices=dict.fromkeys(list(decisions)[:6], OPERATIONS),
            curves={
                name.removeprefix("curve/"): values for name, values in arrays.items() if name.startswith("curve/")
            },
            train_seconds=arrays.get("seconds"),
            source=str(part.path),
            test_metric="test_accuracy" if "test_accuracy" in metrics else None,
            left_out=left_out(configurations_of_a_cell_without_code=len(set(keys)) - len(known)),
        )


def _codes(part: Part) -> dict[Any, tuple[int, ...]]:
    """Hash -> operations of the six edges, of the first cell that has it."""
    table = unpickled(part, {**NUMPY, **CONTAINERS}, max_opcodes=50_000_000)
    with reading(part, "the list of cells of NAS-HPO-Bench-II"):
        out: dict[Any, tuple[int, ...]] = {}
        for text, code in table["hash"].items():
            digits = tuple(int(digit) for digit in str(text) if digit.isdigit())
            if len(digits) != len(EDGES):
                raise ValueError(f"a cell {str(text)[:40]!r} has {len(digits)} operations, not six")
            out.setdefault(code, digits)
        return out


def _columns(part: Part) -> tuple[list[tuple[Any, ...]], dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]]:
    """All (hash, learning rate, batch size, seed), and for each column the places of its runs and their values.

    A column is a dictionary of half a million entries: each is taken up and emptied while it is read.
    """
    numbers: dict[tuple[Any, ...], int] = {}
    taken: dict[int, tuple[array[int], array[float]]] = {}

    def finish(box: dict[Any, Any]) -> None:
        if box and type(next(iter(box))) is tuple:
            places, values = taken.setdefault(id(box), (array("q"), array("d")))
            for key, value in box.items():
                if len(key) != 4:
                    raise ValueError("a key is not (hash, learning rate, batch size, seed)")
                places.append(numbers.setdefault(key, len(numbers)))
                values.append(float(value) if isinstance(value, (int, float)) else math.nan)  # the hash is a column too
            box.clear()

    table = unpickled(part, {**NUMPY, **CONTAINERS}, max_opcodes=800_000_000, limit=1 << 33, finish=finish)
    with reading(part, "the table of NAS-HPO-Bench-II"):
        columns = {}
        for name, box in table.items():
            places, values = taken.get(id(box), (array("q"), array("d")))
            columns[str(name)] = (np.array(places, dtype=np.int64), np.array(values, dtype=np.float64))
        return list(numbers), columns


def _arrays(
    columns: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]],
    of: NDArray[np.int64],
    seed: NDArray[np.int64],
    shape: tuple[int, int],
    seeds: Sequence[int],
) -> dict[str, NDArray[np.float64]]:
    """Metrics, ``curve/...`` and ``seconds`` by configuration."""
    cubes: dict[str, dict[int, NDArray[np.float64]]] = {}
    for column, (places, values) in columns.items():
        match = COLUMN.fullmatch(column)
        if match is not None and int(match[3]) <= 999:
            plane = np.full(shape, np.nan)
            ours = of[places] >= 0
            plane[of[places][ours], seed[places][ours]] = values[ours]
            cubes.setdefault(f"{match[1]}_{match[2]}", {})[int(match[3])] = plane
    out: dict[str, NDArray[np.float64]] = {}
    for split, name in CURVES.items():
        if planes := cubes.get(f"{split}_acc"):
            cube = np.stack([planes[epoch] for epoch in sorted(planes)], axis=2)
            last, known = cube[:, :, -1], np.isfinite(cube[:, :, -1])
            out[name] = _mean(last, known)
            out[f"curve/{name}"] = np.stack([_mean(cube[:, :, k], known) for k in range(cube.shape[2])], axis=1)
            if len(seeds) > 1:
                out |= {f"{name}_seed{one}": last[:, k] for k, one in enumerate(seeds)}
    if planes := cubes.get("train_time"):
        total = np.sum(list(planes.values()), axis=0)
        out["seconds"] = _mean(total, np.isfinite(total))
    return out


def _mean(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    count = known.sum(axis=1)
    return np.asarray(np.where(known, values, 0).sum(axis=1) / np.where(count > 0, count, np.nan))
