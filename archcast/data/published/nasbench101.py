"""NAS-Bench-101: 423,624 cells, three runs each of 4, 12, 36 and 108 epochs on CIFAR-10."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data._tfrecord import frames
from archcast.data._torch_archive import mapped
from archcast.data.base import Benchmark, register
from archcast.data.published._files import Part, reading, unpacked, unpickled
from archcast.data.published._finding import find
from archcast.data.published._gather import shards
from archcast.data.published._nasbench101_records import FIELDS, LABELS, LENGTHS, cell, read_records
from archcast.data.published._tables import PROXIES, clean, read_csv
from archcast.errors import InvalidFileError, InvalidInputError
from archcast.spaces.base import get_space

__all__ = ["module_hash", "read", "read_cells", "read_files"]

CELLS = 423_624
RECORDS_A_SHARD = 60_000
FILES = ("nasbench_full.tfrecord", "nasbench_only108.tfrecord", "nasbench_only108.pkl")
TABLE = "nb101.csv.gz"
TABLE_LABELS = {"0": "input", "1": "output", "2": "maxpool3x3", "3": "conv1x1-bn-relu", "4": "conv3x3-bn-relu"}
ACCURACIES = ("val_accuracy", "test_accuracy", "train_accuracy")
GET = (
    f"Download https://storage.googleapis.com/nasbench/{FILES[1]} (499 MB, 108 epochs) or {FILES[0]} (1.95 GB, all lengths), or "
    f"NASLib's {FILES[2]} (https://github.com/automl/NASLib)."
)


def module_hash(text: str) -> str:
    """The benchmark's hash of a cell in the notation of space ``nasbench101``: equal for equal labelled graphs."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    lines, _, names = text.partition("|")
    matrix = [list(map(int, line)) for line in lines.split(";")]
    labels = [{"input": -1, "output": -2}.get(name, LABELS.get(name)) for name in names.split(",")]
    nodes = range(len(labels))
    into = [[i for i in nodes if matrix[i][k]] for k in nodes]
    out = [[j for j in nodes if matrix[k][j]] for k in nodes]
    hashes = [md5(str((len(out[k]), len(into[k]), labels[k]))) for k in nodes]
    for _ in nodes:
        hashes = [
            md5("|".join(["".join(sorted(hashes[i] for i in some[k])) for some in (into, out)] + [hashes[k]]))
            for k in nodes
        ]
    return md5(str(sorted(hashes)))


@register(
    "nasbench101",
    summary="NAS-Bench-101, CIFAR-10, three runs of 4, 12, 36 and 108 epochs; 423,624 cells",
    paper="Ying et al. 2019, https://arxiv.org/abs/1902.09635",
    space="nasbench101",
    needs="$ARCHCAST_DATA",
    patterns=(
        "nasbench_full.tfrecord",
        "nasbench_only108.tfrecord",
        "nasbench_only108.pkl",
        "nb101.csv.gz",
    ),
    architectures=423_624,
    licence="Apache-2.0",
    files=f"{FILES[0]}, {FILES[1]}, {FILES[2]} or {TABLE}",
    holds="seeds, times, costs",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read the first that is there of the following files.

    ``nasbench_full.tfrecord``, ``nasbench_only108.tfrecord`` (checksums are compared) or NASLib's
    ``nasbench_only108.pkl``. Accuracies are **fractions**: ``val_accuracy`` (default), ``test_accuracy`` and
    ``train_accuracy`` after 108 epochs are means of the three runs, ``..._median`` their medians (some runs
    failed and have an accuracy near .1, which a mean does not survive), ``..._run1`` to ``..._run3`` the runs,
    ``..._half`` the mean in the middle of the training, and ``..._4ep``, ``_12ep`` and ``_36ep`` those of shorter
    trainings. Costs are ``params``; training seconds are those of 108 epochs.

    ``nb101.csv.gz``, a table with ``val_acc`` in percent and proxies: the rows that have ``val_acc``. Proxies are
    the table's columns of those names.
    """
    return read_files(folder, "nasbench101")


def read_files(folder: Path | None, name: str) -> Benchmark:
    """What :func:`read` reads, for a benchmark called ``name``."""
    wanted = [*FILES, TABLE]
    renamed = ["*nasbench*.tfrecord", "*only108*.tfrecord", "*nb101*.pkl"]
    found = find(wanted, folder, benchmark=name, get=GET, renamed=renamed)
    part = min(found, key=lambda part: [*(name == Path(part.name).name for name in wanted), True].index(True))
    if Path(part.name).name in ("nb101.csv", TABLE) or part.name.endswith(".csv"):
        return _read_table(part, name)
    with unpacked(part) as plain:
        cells = _read_naslib(plain) if _is_pickle(plain) else read_cells(plain)
    metrics, seconds = _metrics(cells)
    default = next((name for name in ("val_accuracy", "val_accuracy_36ep") if name in metrics), next(iter(metrics)))
    n = len(cells["row"])
    return Benchmark(
        name,
        get_space("nasbench101"),
        cells["row"],
        metrics,
        default,
        costs={"params": cells["params"]},
        train_seconds=seconds,
        source=str(part.path),
        test_metric=default.replace("val", "test"),
        left_out=f"{CELLS - n:,} cells that the file does not hold" if n < CELLS else "",
    )


def _is_pickle(part: Part) -> bool:
    with part.path.open("rb") as file:
        return file.read(1) == b"\x80" and part.path.suffix != ".tfrecord"


def read_cells(part: Part) -> dict[str, NDArray[Any]]:
    """All cells of a TFRecord file in the order of their first record.

    Returns:
        ``hash`` (n, 16), ``row`` (n, 26), ``params`` (n,) and, for each training length, ``values/<epochs>`` of shape
        (n, runs, 2, 4): :data:`FIELDS` in the middle and at the end, NaN for a run that is not there.
    """
    with mapped(part.path) as data:
        starts = np.fromiter(frames(data, str(part)), dtype=np.int64)
    if not len(starts):
        raise InvalidFileError(f"{part} is empty.")
    stat = part.path.stat()
    groups = [starts[k : k + RECORDS_A_SHARD] for k in range(0, len(starts), RECORDS_A_SHARD)]
    key = f"{part.path} {stat.st_size} {stat.st_mtime_ns}"
    parts = shards(read_records, [(f"nasbench101 {key} {group[0]}", len(group), (part, group)) for group in groups])
    records = {name: np.concatenate([arrays[name] for arrays in parts]) for name in parts[0]}
    codes = np.ascontiguousarray(records["hash"]).view("V16").ravel()
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    of = number[inverse.ravel()]
    first = first[order]
    cells: dict[str, NDArray[Any]] = {name: records[name][first] for name in ("hash", "row", "params")}
    for epochs in np.unique(records["epochs"]).tolist():
        rows = np.flatnonzero(records["epochs"] == epochs)
        rows = rows[np.argsort(of[rows], kind="stable")]
        begins = np.searchsorted(of[rows], of[rows], side="left")
        run = np.arange(len(rows)) - begins
        if run.max() > 99:
            raise InvalidFileError(f"{part} holds {run.max() + 1:,} runs of one cell.")
        values = np.full((len(first), run.max() + 1, 2, len(FIELDS)), np.nan)
        values[of[rows], run] = records["values"][rows]
        cells[f"values/{epochs}"] = values
    return cells


NASLIB = [
    [f"{when}_{field}" for field in ("training_time", "train_accuracy", "validation_accuracy", "test_accuracy")]
    for when in ("halfway", "final")
]
"""Names of a run's values in NASLib's pickle, in the order of :data:`FIELDS`."""


def _read_naslib(part: Part) -> dict[str, NDArray[Any]]:
    """NASLib's pickle: hash -> (matrix, operations, parameters), {108: [run, run, run]}."""

    def finish(box: dict[Any, Any]) -> None:
        """What is known of a cell becomes an array as soon as it is read: the file has 423,624."""
        if 108 in box:
            box[108] = np.array([[[run[name] for name in some] for some in NASLIB] for run in box[108]])
        elif "module_adjacency" in box:
            matrix = np.asarray(box["module_adjacency"]).ravel().tolist()
            inner = [LABELS[name] for name in box["module_operations"][1:-1]]
            row = np.array(cell("".join(map(str, matrix)), inner), dtype=np.int8)
            params = float(box["trainable_parameters"])
            box.clear()
            box |= {"row": row, "params": params}

    table = unpickled(part, {**NUMPY, **CONTAINERS}, max_opcodes=400_000_000, limit=1 << 33, finish=finish)
    with reading(part, "NASLib's table of NAS-Bench-101"):
        fixed, runs = [entry[0] for entry in table.values()], [entry[1][108] for entry in table.values()]
        values = np.full((len(runs), max(map(len, runs)), 2, len(FIELDS)), np.nan)
        for k, some in enumerate(runs):
            values[k, : len(some)] = some
        codes = np.frombuffer(bytes.fromhex("".join(table)), dtype=np.uint8).reshape(len(runs), 16)
        params = np.array([entry["params"] for entry in fixed])
        return {
            "hash": codes,
            "row": np.array([entry["row"] for entry in fixed]),
            "params": params,
            "values/108": values,
        }


def _metrics(cells: dict[str, NDArray[Any]]) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64] | None]:
    metrics, seconds = {}, None
    for epochs in reversed(LENGTHS):
        values = cells.get(f"values/{epochs}")
        if values is None:
            continue
        suffix = "" if epochs == LENGTHS[-1] else f"_{epochs}ep"
        known = np.isfinite(values).sum(axis=1)
        mean = np.nansum(values, axis=1) / np.where(known > 0, known, np.nan)
        for name in ACCURACIES if not suffix else ACCURACIES[:2]:
            runs = values[:, :, 1, FIELDS.index(name)]
            metrics[name + suffix] = mean[:, 1, FIELDS.index(name)]
            if not suffix:
                metrics[f"{name}_median"] = _median(runs)
            metrics |= {f"{name}{suffix}_run{k + 1}": runs[:, k] for k in range(runs.shape[1])}
            metrics[f"{name}{suffix}_half"] = mean[:, 0, FIELDS.index(name)]
        if not suffix:
            seconds = mean[:, 1, FIELDS.index("seconds")]
    return metrics, seconds


def _median(runs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of what is known in each row."""
    ordered, known = np.sort(runs, axis=1), np.isfinite(runs).sum(axis=1)
    place = np.arange(len(runs))
    low, high = ordered[place, np.maximum(known - 1, 0) // 2], ordered[place, np.minimum(known // 2, runs.shape[1] - 1)]
    return np.where(known > 0, (low + high) / 2, np.nan)


def _read_table(part: Part, name: str) -> Benchmark:
    table = read_csv(part.path, ["adjacency", "ops", "val_acc"])
    whole = len(table)
    table = table[table["val_acc"].notna()]
    space = get_space("nasbench101")
    archs = []
    for line, matrix, ops in zip(table.index + 2, table["adjacency"], table["ops"]):
        try:
            archs.append(space.parse(f"{matrix}|{','.join(TABLE_LABELS.get(op, op) for op in ops)}")[0])
        except InvalidInputError as error:
            raise InvalidFileError(f"{part}, line {line}: {error}") from error
    return Benchmark(
        name,
        space,
        np.array(archs),
        {"val_acc": table["val_acc"].to_numpy(float)},
        "val_acc",
        proxies={name: clean(table[name].to_numpy(float)) for name in PROXIES if name in table},
        source=str(part.path),
        left_out=f"{whole - len(table):,} cells without val_acc" if len(table) < whole else "",
    )
