"""BLOX: 91,125 networks of three different cells on CIFAR-100, 200 epochs, one seed, latency on devices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from archcast.data.base import Benchmark, register
from archcast.data.published._blox_file import read_blox
from archcast.data.published._columns import as_benchmark, left_out
from archcast.data.published._files import Part, find, reading
from archcast.data.published._gather import stack
from archcast.errors import DataNotFoundError

__all__ = ["read"]

OPERATIONS, CELLS, LINKS = ("conv", "mbconv", "bconv"), 3, 3
ENDINGS = (".blox", ".csv", ".pickle")
CHOICES = {
    name: values
    for cell in range(1, CELLS + 1)
    for name, values in (
        (f"cell{cell}_op1", OPERATIONS),
        (f"cell{cell}_op2", OPERATIONS),
        *((f"cell{cell}_link{link}", (0, 1)) for link in range(1, LINKS + 1)),
    )
}
GET = (
    "Download blox-info and blox-base-<seed>, if you like blox-ext-<seed> and blox-bench-<device>, as .blox, .csv or .pickle, from "
    "the releases of https://github.com/SamsungLabs/blox."
)


@register(
    "blox",
    summary="BLOX, networks of three different cells on CIFAR-100, curves of 200 epochs; 91,125 networks",
    paper="Chau et al. 2022, https://arxiv.org/abs/2210.07271",
    needs="$ARCHCAST_DATA",
    patterns=("blox-base-*",),
    architectures=91_125,
    licence="CC BY-NC 4.0",
    files="blox-info, blox-base-<seed>, blox-ext-<seed>, blox-bench-<device> (.blox, .csv or .pickle)",
    holds="curves, times, costs",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read the files in any of their three forms; of one that is there in several, the first of ``.blox``, ``.csv``, ``.pickle``.

    Metrics are percent on CIFAR-100: ``val_top1`` (default), the last epoch on 5,000 images that were not trained on, and
    ``test_top1``; ``..._seed0`` of one seed where there are several, and ``*_top5`` where the extension is there. Curves are
    ``val_top1`` and, of the extension, ``train_loss``, ``train_top1`` and so on. Costs are ``params``, ``flops`` and, by device,
    ``latency_<device>``. The figures of the release are those after a fault was mended: they differ from the paper's.
    """
    found = find([f"blox-*{ending}" for ending in ENDINGS], folder, benchmark="blox", get=GET)
    if len(found) == 1 and folder is not None and folder.is_file():
        beside = [file for ending in ENDINGS for file in folder.parent.glob(f"blox-*{ending}")]
        found = [*found, *(Part(file) for file in sorted(beside) if not file.name.startswith(folder.stem))]
    by_kind: dict[str, list[tuple[Part, dict[str, Any], list[dict[str, Any]]]]] = {}
    for part in _one_form(found):
        head, rows = read_blox(part)
        by_kind.setdefault(str(head.get("dataset_type")), []).append((part, head, rows))
    for wanted, file in (("static", "blox-info"), ("training", "blox-base-<seed>")):
        if wanted not in by_kind:
            raise DataNotFoundError(f"{str(found[0].path.parent)!r} holds no {file}. {GET}")
    part, head, rows = by_kind["static"][0]
    with reading(part, "a file of BLOX"):
        sizes = ("params", "flops")
        digests: dict[str, dict[str, Any]] = {
            row["model_hash"]: {f"cost/{size}": float(row[size]) for size in sizes} for row in rows
        }
        archs = {row["model_hash"]: _decisions(row["arch_vec"]) for row in rows}
    seeds = list(dict.fromkeys(str(head.get("seed")) for _, head, _ in by_kind["training"]))
    strangers = 0
    for part, head, rows in by_kind["training"]:
        with reading(part, "a file of BLOX"):
            for row in rows:
                if row["model_hash"] not in digests:
                    strangers += head.get("part") == "base"
                    continue
                digests[row["model_hash"]] |= {f"{name}#{head.get('seed')}": v for name, v in _training(row).items()}
    for part, head, rows in by_kind.get("benchmarking", []):
        with reading(part, "a file of BLOX"):
            for row in rows:
                if row["model_hash"] in digests:
                    digests[row["model_hash"]][f"cost/latency_{head['device']}"] = float(row["latency"])
    trained = [code for code, digest in digests.items() if any(name.startswith("metric/val_top1#") for name in digest)]
    with reading(found[0].path.parent, "a folder of BLOX"):
        arrays = _over_seeds(stack([digests[code] for code in trained]), seeds)
        metrics = {name.removeprefix("metric/"): values for name, values in arrays.items() if name[:7] == "metric/"}
        return as_benchmark(
            "blox",
            {name: [archs[code][place] for code in trained] for place, name in enumerate(CHOICES)},
            metrics,
            "val_top1",
            choices=CHOICES,
            curves={name[6:]: values for name, values in arrays.items() if name.startswith("curve/")},
            costs={name[5:]: values for name, values in arrays.items() if name.startswith("cost/")},
            train_seconds=arrays.get("seconds"),
            source=str(found[0].path.parent),
            test_metric="test_top1" if "test_top1" in metrics else None,
            left_out=left_out(
                trainings_of_unknown_architectures=strangers,
                architectures_without_training=len(digests) - len(trained),
            ),
        )


def _one_form(parts: list[Part]) -> list[Part]:
    """Of each file the first form that is there."""
    chosen: dict[str, Part] = {}
    for part in sorted(parts, key=lambda part: ENDINGS.index(Path(part.name).suffix)):
        chosen.setdefault(str(Path(part.name).with_suffix("")), part)
    return list(chosen.values())


def _decisions(arch: Any) -> tuple[Any, ...]:
    """Operations and connections of the three cells."""
    out: list[Any] = []
    if len(arch) != CELLS:
        raise ValueError(f"an architecture has {len(arch)} cells")
    for (first,), (second, *links) in arch:
        if len(links) != LINKS:
            raise ValueError(f"a cell has {len(links)} connections")
        out += [OPERATIONS[first], OPERATIONS[second], *(int(link) for link in links)]
    return tuple(out)


def _training(row: dict[str, Any]) -> dict[str, Any]:
    """Metrics, curves and seconds of one row; a value for each epoch is a curve, and its last one a metric."""
    out: dict[str, Any] = {}
    for name, value in row.items():
        if name == "train_time_s":
            out["seconds"] = float(value)
        elif isinstance(value, (list, tuple)):
            out[f"curve/{name}"] = np.array(value, dtype=np.float64)
            if "top" in name and not name.startswith("train"):
                out[f"metric/{name}"] = float(value[-1])
        elif "top" in name:
            out[f"metric/{name}"] = float(value)
    return out


def _over_seeds(arrays: dict[str, Any], seeds: list[str]) -> dict[str, Any]:
    """Means over seeds, and the metrics of each where there are several."""
    out: dict[str, Any] = {name: values.astype(np.float64) for name, values in arrays.items() if "#" not in name}
    for name in dict.fromkeys(name.partition("#")[0] for name in arrays if "#" in name):
        runs = [arrays[f"{name}#{seed}"].astype(np.float64) for seed in seeds if f"{name}#{seed}" in arrays]
        known = sum(np.isfinite(run) for run in runs)
        with np.errstate(invalid="ignore"):
            out[name] = sum(np.nan_to_num(run) for run in runs) / np.where(known > 0, known, np.nan)
        if name.startswith("metric/") and len(seeds) > 1:
            out |= {f"{name}_seed{s}": arrays[f"{name}#{s}"] for s in seeds if f"{name}#{s}" in arrays}
    return out
