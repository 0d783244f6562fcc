"""Robustness of NAS-Bench-201 to attacks and corruptions: accuracies of trained cells (Jung et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data.base import register
from archcast.data.benchmark import Benchmark
from archcast.data.published._columns import column_array
from archcast.data.published._files import read_json, reading
from archcast.data.published._finding import find
from archcast.spaces.base import get_space

__all__ = ["read"]

DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
SUFFIX = "_accuracy.json"
GET = "Download the data (links in https://github.com/steffen-jung/robustness-dataset): meta.json and <data set>/*_accuracy.json."


@register(
    "robustness-nasbench201",
    summary="NAS-Bench-201's cells under attacks and corruptions, three data sets; 6,466 cells",
    paper="Jung et al. 2023, https://arxiv.org/abs/2306.06712",
    space="nasbench201",
    tasks=tuple(DATASETS),
    needs="$ARCHCAST_DATA",
    patterns=("*/*_accuracy.json", "meta.zip"),
    licence="GPL-3.0 (code)",
    files="meta.json, <data set>/<attack>_accuracy.json; or meta.zip, <data set>.zip",
    holds="",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read every ``<attack>_accuracy.json`` of the data set, and ``meta.json`` for the cells of its numbers.

    Metrics are fractions: ``clean_accuracy`` (default where it is there), and ``<attack>_accuracy_<strength>``
    for each strength of an attack, as ``meta.json`` lists them; without such a list, as of corruptions, they are numbered. One
    seed. The archives ``<data set>.zip`` and ``meta.zip`` do as well as what is in them.
    """
    name = f"robustness-nasbench201/{task}"
    archives = [f"{DATASETS[task]}*.zip"]
    parts = find([f"{DATASETS[task]}/*{SUFFIX}"], folder, benchmark=name, get=GET, archives=archives)
    beside = parts[0].path.parent if parts[0].inside else parts[0].path.parent.parent
    near = beside if folder is None or folder.is_file() else folder
    meta = find(["meta.json"], near, benchmark=name, get=GET, archives=["meta*.zip", *archives])[0]
    with reading(meta, "the list of cells"):
        listed = read_json(meta, meta.read(1 << 28))
        cells = {str(number): entry["nb201-string"] for number, entry in listed["ids"].items()}
        strengths: Mapping[str, Any] = listed.get("epsilons") or {}
    columns: dict[str, dict[str, Any]] = {}
    for part in parts:
        attack = Path(part.name).name.removesuffix(SUFFIX)
        with reading(part, "a table of accuracies"):
            columns[attack] = _by_cell(read_json(part, part.read()), cells)
    numbers = list(dict.fromkeys(number for column in columns.values() for number in column))
    metrics: dict[str, NDArray[np.float64]] = {}
    for attack, column in columns.items():
        values = [column.get(number) for number in numbers]
        width = max((len(value) for value in values if isinstance(value, list)), default=0)
        if not width:
            metrics[f"{attack}_accuracy"] = column_array(values, parts[0], attack)
            continue
        known = strengths.get(attack)
        labels = known if isinstance(known, list) and len(known) == width else range(width)
        for k, label in enumerate(labels):
            of = [value[k] if isinstance(value, list) and k < len(value) else None for value in values]
            metrics[f"{attack}_accuracy_{label}"] = column_array(of, parts[0], attack)
    space = get_space("nasbench201")
    return Benchmark(
        name,
        space,
        space.parse([cells[number] for number in numbers]),
        metrics,
        "clean_accuracy" if "clean_accuracy" in metrics else next(iter(metrics)),
        source=str(parts[0].path.parent),
    )


def _by_cell(table: Any, cells: Mapping[str, str], depth: int = 0) -> dict[str, Any]:
    """Number of a cell -> accuracies; the file has them below the names of data set, attack and measure."""
    if not isinstance(table, dict) or not table or depth > 4:
        raise ValueError("no table of accuracies by cell is in it")
    if set(table) <= set(cells):
        return table
    if len(table) != 1:
        raise ValueError(f"{next(key for key in table if key not in cells)[:40]!r} is no cell of meta.json")
    return _by_cell(next(iter(table.values())), cells, depth + 1)
