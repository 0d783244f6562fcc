"""BLOX: 91,125 networks of three different cells on CIFAR-100, 200 epochs, one seed, latency on devices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data.base import Benchmark, register
from archcast.data.published._blox_file import CELLS, NODE, read_blox
from archcast.data.published._columns import as_benchmark, left_out
from archcast.data.published._files import Part, reading
from archcast.data.published._finding import find
from archcast.errors import DataNotFoundError

__all__ = ["read"]

OPERATIONS = ("conv", "mbconv", "bconv")
ENDINGS = (".blox", ".csv", ".pickle")
ENVIRONMENT = re.compile(r"blox-env.*")
"""Files that say on what machine each network was trained, which is not read."""

CHOICES = {
    name: values
    for cell in range(1, CELLS + 1)
    for name, values in (
        (f"cell{cell}_op1", OPERATIONS),
        (f"cell{cell}_op2", OPERATIONS),
        *((f"cell{cell}_link{link}", (0, 1)) for link in range(1, NODE - 1)),
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
    found = [part for part in found if not ENVIRONMENT.fullmatch(Path(part.name).stem)]
    by_kind: dict[str, list[tuple[Part, dict[str, Any], dict[str, Any]]]] = {}
    for part in _one_form(found):
        head, columns = read_blox(part)
        by_kind.setdefault(str(head.get("dataset_type")), []).append((part, head, columns))
    for wanted, needed in (("static", "blox-info"), ("training", "blox-base-<seed>")):
        if wanted not in by_kind:
            raise DataNotFoundError(f"{str(found[0].path.parent)!r} holds no {needed}. {GET}")
    part, _about, static = by_kind["static"][0]
    arrays: dict[str, NDArray[Any]] = {}
    with reading(part, "a file of BLOX"):
        archs, codes = static["arch_vec"], {code: k for k, code in enumerate(static["model_hash"])}
        arrays |= {f"cost/{size}": np.asarray(static[size], dtype=np.float64) for size in ("params", "flops")}
    seeds = list(dict.fromkeys(str(head.get("seed")) for _, head, _ in by_kind["training"]))
    strangers = 0
    for part, about, columns in [*by_kind["training"], *by_kind.get("benchmarking", [])]:
        with reading(part, "a file of BLOX"):
            place = np.array([codes.get(code, -1) for code in columns.pop("model_hash")])
            known = np.flatnonzero(place >= 0)
            strangers += (len(place) - len(known)) * (about.get("part") == "base")
            if "device" in about:
                named = {f"cost/latency_{about['device']}": np.asarray(columns["latency"], dtype=np.float64)}
            else:
                named = {f"{name}#{about.get('seed')}": values for name, values in _training(columns).items()}
            for name, values in named.items():
                arrays[name] = np.full((len(archs), *values.shape[1:]), np.nan, dtype=values.dtype)
                arrays[name][place[known]] = values[known]
    with reading(found[0].path.parent, "a folder of BLOX"):
        scored = [values for name, values in arrays.items() if name.startswith("metric/val_top1#")]
        trained = np.flatnonzero(np.any([np.isfinite(values) for values in scored], axis=0))
        arrays = _over_seeds({name: values[trained] for name, values in arrays.items()}, seeds)
        decisions = archs[trained].reshape(len(trained), CELLS, NODE)
        metrics = {name.removeprefix("metric/"): values for name, values in arrays.items() if name[:7] == "metric/"}
        return as_benchmark(
            "blox",
            {
                name: [values[k] for k in decisions[:, place // NODE, place % NODE].tolist()]
                for place, (name, values) in enumerate(CHOICES.items())
            },
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
                architectures_without_training=len(archs) - len(trained),
            ),
        )


def _one_form(parts: list[Part]) -> list[Part]:
    """Of each file the first form that is there."""
    chosen: dict[str, Part] = {}
    for part in sorted(parts, key=lambda part: ENDINGS.index(Path(part.name).suffix.lower())):
        chosen.setdefault(str(Path(part.name).with_suffix("")), part)
    return list(chosen.values())


def _training(columns: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Metrics, curves and seconds; a value for each epoch is a curve, and its last one a metric."""
    out: dict[str, NDArray[Any]] = {}
    for name, values in columns.items():
        if name == "train_time_s":
            out["seconds"] = np.asarray(values, dtype=np.float64)
        elif isinstance(values, np.ndarray) and values.ndim == 2:
            out[f"curve/{name}"] = values
            if "top" in name and not name.startswith("train"):
                out[f"metric/{name}"] = last_known(values)
        elif "top" in name:
            out[f"metric/{name}"] = np.asarray(values, dtype=np.float64)
    return out


def last_known(curves: NDArray[Any]) -> NDArray[np.float64]:
    """``(n,)`` last number of each of ``(n, T)`` curves."""
    known = np.isfinite(curves)
    place = curves.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), curves[np.arange(len(curves)), place], np.nan).astype(np.float64)


def _over_seeds(arrays: dict[str, Any], seeds: list[str]) -> dict[str, Any]:
    """Means over seeds, and the metrics of each where there are several."""
    out: dict[str, Any] = {name: values for name, values in arrays.items() if "#" not in name}
    for name in dict.fromkeys(name.partition("#")[0] for name in arrays if "#" in name):
        runs = [arrays[f"{name}#{seed}"] for seed in seeds if f"{name}#{seed}" in arrays]
        if len(runs) == 1:
            out[name] = runs[0]
            continue
        shortest = min(run.shape[-1] for run in runs)  # of curves, the epochs that all have
        runs = [run[..., :shortest].astype(np.float64) if run.ndim > 1 else run for run in runs]
        known = sum(np.isfinite(run) for run in runs)
        with np.errstate(invalid="ignore"):
            out[name] = sum(np.nan_to_num(run) for run in runs) / np.where(known > 0, known, np.nan)
        if name.startswith("metric/") and len(seeds) > 1:
            out |= {f"{name}_seed{s}": arrays[f"{name}#{s}"] for s in seeds if f"{name}#{s}" in arrays}
    return out
