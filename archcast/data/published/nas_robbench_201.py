"""NAS-RobBench-201: adversarially trained NAS-Bench-201 cells, and how they stand attacks; three data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archcast.data.base import Benchmark, register
from archcast.data.published._columns import column_array
from archcast.data.published._files import read_json, reading
from archcast.data.published._finding import find
from archcast.spaces.base import get_space

__all__ = ["read"]

DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
FILE, META = "NAS-RobBench-201_all.json", "meta.json"
DEFAULT = "val_pgd_3.0_acc"
GET = f"Download {FILE} and {META} (links in https://github.com/TT2408/nasrobbench201)."


@register(
    "nas-robbench-201",
    summary="NAS-RobBench-201, adversarial training of NAS-Bench-201, accuracy under attack; 6,466 cells",
    paper="Wu et al. 2024, https://openreview.net/forum?id=cdUpf6t6LZ",
    space="nasbench201",
    tasks=tuple(DATASETS),
    needs="$ARCHCAST_DATA",
    patterns=("NAS-RobBench-201_all.json",),
    architectures=6_466,
    licence="none stated",
    files=f"{FILE} and {META}",
    holds="seeds",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read ``NAS-RobBench-201_all.json``, and ``meta.json`` beside it for the cells of its numbers.

    Metrics keep their names, ``val_pgd_3.0_acc`` (default; projected gradient descent, radius 3/255),
    ``val_fgsm_3.0_acc`` and so on: fractions. Where a value is one a seed, the metric is their mean and
    ``..._seed<n>`` one of them.
    """
    part = find([FILE], folder, benchmark=f"nas-robbench-201/{task}", get=GET)[0]
    meta = find([META], part.path.parent, benchmark=f"nas-robbench-201/{task}", get=GET)[0]
    table = read_json(part, part.read())
    names = read_json(meta, meta.read(1 << 28))
    with reading(meta, "the list of cells of NAS-RobBench-201"):
        cells = {str(number): entry["nb201-string"] for number, entry in names["ids"].items()}
    with reading(part, "a table of NAS-RobBench-201"):
        key = next((key for key in table if key.lower() == DATASETS[task].lower()), task)
        rows = table[key]
        # of those published, the metrics are the ones whose values are one number a seed
        metrics: dict[str, np.ndarray] = {}
        for name in dict.fromkeys(name for row in rows.values() for name in row):
            values = [_by_seed(row.get(name)) for row in rows.values()]
            seeds = sorted({seed for some in values for seed in some})
            columns = [column_array([some.get(seed) for some in values], part, name) for seed in seeds]
            if not columns:
                continue
            known = np.isfinite(columns).sum(axis=0)
            metrics[name] = np.nansum(columns, axis=0) / np.where(known > 0, known, np.nan)
            if len(seeds) > 1:
                metrics |= {f"{name}_seed{seed}": column for seed, column in zip(seeds, columns)}
        space = get_space("nasbench201")
        return Benchmark(
            f"nas-robbench-201/{task}",
            space,
            space.parse([cells[number] for number in rows]),
            metrics,
            DEFAULT if DEFAULT in metrics else next(iter(metrics)),
            source=str(part.path),
        )


def _by_seed(value: object) -> dict[str, float]:
    if isinstance(value, dict):
        return {str(seed): float(one) for seed, one in value.items() if isinstance(one, (int, float))}
    return {"1": float(value)} if isinstance(value, (int, float)) else {}
