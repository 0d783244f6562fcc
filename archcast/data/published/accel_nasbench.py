"""Accel-NASBench: 5,138 networks of EfficientNet's kind on ImageNet, and their speed on six accelerators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archcast.data.base import Benchmark, register
from archcast.data.published._columns import column_array, firsts, left_out
from archcast.data.published._files import contents, read_json, reading
from archcast.data.published._finding import find
from archcast.spaces.base import get_space

__all__ = ["read"]

METRICS = ("val_top1", "val_top5")
GET = "Download the folder anb_dataset_jsons (or its archive) from https://github.com/afzalxo/Accel-NASBench."


@register(
    "accel-nasbench",
    summary="Accel-NASBench, ImageNet with a shortened training, speed on six accelerators; 5,138 MBConv networks",
    paper="Ahmad et al. 2024, https://arxiv.org/abs/2404.08005",
    needs="$ARCHCAST_DATA",
    patterns=(
        "result_*.json",
        "*anb*.tar.gz",
    ),
    architectures=5_125,
    licence="Apache-2.0",
    files="anb_dataset_jsons/result_*.json",
    holds="costs, times",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read ``result_<n>.json``, or an archive of them.

    Metrics are ``val_top1`` (default) and ``val_top5``, percent on ImageNet's validation images after a shortened training of one
    seed: they do not compare with accuracies of a usual training. Costs are ``macs`` and ``params`` in millions and, by device,
    ``latency_<device>`` in milliseconds and ``throughput_<device>`` in images a second. An architecture that was trained twice
    counts once, with the first file.
    """
    found = find(["result_*.json"], folder, benchmark="accel-nasbench", get=GET, archives=["*anb*"])
    rows: list[dict[str, Any]] = []
    untrained = 0
    space = get_space("accel-nasbench")
    order = {part: place for place, part in enumerate(found)}
    for part, data in sorted(contents(found, 1 << 20), key=lambda item: order[item[0]]):
        with reading(part, "a result of Accel-NASBench"):
            job = read_json(part, data)
            speeds = {
                device: (speed or {}).get(f"{device.partition('_')[0]}_mean")
                for device, speed in (job.get("platform_perf") or {}).items()
            }
            scores, sizes = job["metrics"], job.get("model_info") or {}
            if scores.get("val_top1") is None:
                untrained += 1
                continue
            rows.append(
                {
                    "arch": {column: job["architecture"][column] for column in space.columns},
                    "metrics": {name: None if scores.get(name) is None else float(scores[name]) for name in METRICS},
                    "seconds": scores.get("train_time"),
                    "costs": {name: sizes.get(name) for name in ("macs", "params")} | speeds,
                }
            )
    with reading(found[0].path, "a folder of Accel-NASBench"):
        archs = space.parse([json.dumps(row["arch"]) for row in rows])
        keep = firsts([tuple(row) for row in archs.tolist()])
        kept = [rows[place] for place in keep]
        costs = sorted({name for row in kept for name in row["costs"]})
        return Benchmark(
            "accel-nasbench",
            space,
            archs[keep],
            {
                name: column_array([row["metrics"][name] for row in kept], found[0].path, name)
                for name in METRICS
                if any(row["metrics"][name] is not None for row in kept)
            },
            "val_top1",
            costs={name: column_array([row["costs"].get(name) for row in kept], found[0].path, name) for name in costs},
            train_seconds=column_array([row["seconds"] for row in kept], found[0].path, "train_time"),
            source=str(found[0].path if found[0].inside else found[0].path.parent),
            left_out=left_out(repeated_architectures=len(rows) - len(kept), results_without_accuracy=untrained),
        )
