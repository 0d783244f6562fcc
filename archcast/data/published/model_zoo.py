"""Real models with published ImageNet accuracies: torchvision's, from the installed package, and timm's, from its tables."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data.base import Benchmark, register
from archcast.data.published._files import reading
from archcast.data.published._finding import find
from archcast.errors import InvalidFileError, require
from archcast.spaces.model_zoo import ModelZoo

__all__ = ["family_of", "read"]

GET = (
    "Download results-imagenet.csv, and benchmark-infer-*.csv for operations and speed, from "
    "https://github.com/huggingface/pytorch-image-models/tree/main/results."
)
MOST_BYTES = 1 << 26


@register(
    "model-zoo",
    summary="ImageNet models of torchvision (78) and timm (1,556 results), with their costs; families are never split",
    paper="Wightman 2019, https://github.com/huggingface/pytorch-image-models; https://pytorch.org/vision/stable/models.html",
    tasks=("timm", "torchvision"),
    licence="timm: Apache-2.0; torchvision: BSD-3",
    files="timm: results-imagenet.csv, benchmark-infer-*.csv; torchvision: the installed package",
    holds="costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read ``model-zoo/timm`` from its published tables or ``model-zoo/torchvision`` from the metadata of its weights.

    A row is a model with its weights and size of images, so its accuracy depends on its recipe as well. ``top1`` and ``top5`` are
    test accuracies in per cent. ``groups`` are families, from the letters that begin a name.
    """
    return _timm(folder) if task == "timm" else _torchvision()


def family_of(name: str) -> str:
    """The letters and underscores that begin the name of an architecture.

    Examples:
        >>> family_of("resnet50.a1_in1k"), family_of("vit_base_patch16_224"), family_of("seresnet50")
        ('resnet', 'vit_base_patch', 'seresnet')
    """
    found = re.match(r"[a-z_]+", name.lower())
    return found.group().strip("_") if found else name


def _timm(folder: Path | None) -> Benchmark:
    parts = find(["results-imagenet.csv"], folder, benchmark="model-zoo/timm", get=GET)
    rows = _csv(parts[0], ("model", "img_size", "top1", "top5", "param_count"))
    costs: dict[str, dict[str, str]] = {}
    beside = parts[0].path.parent
    for part in find(["benchmark-infer-*.csv"], beside, benchmark="model-zoo/timm", get=GET, optional=True):
        for row in _csv(part, ("model", "infer_img_size", "infer_gmacs", "infer_macts")):
            costs.setdefault(f"{row['model']}@{row['infer_img_size']}", row)
    with reading(parts[0], "timm's table of results"):
        names = [f"{row['model']}@{row['img_size']}" for row in rows]
        keep = [i for i, name in enumerate(names) if name not in names[:i]]
        rows, names = [rows[i] for i in keep], [names[i] for i in keep]
        known = [costs.get(f"{row['model'].partition('.')[0]}@{row['img_size']}", {}) for row in rows]
        counts = {
            "params": _numbers(row["param_count"] for row in rows) * 1e6,
            "macs": _numbers(row.get("infer_gmacs") for row in known) * 1e9,
            "activations": _numbers(row.get("infer_macts") for row in known) * 1e6,
            "resolution": _numbers(row["img_size"] for row in rows),
        }
        speed = _numbers(row.get("infer_samples_per_sec") for row in known)
        metrics = {name: _numbers(row[name] for row in rows) for name in ("top1", "top5")}
    return _benchmark("timm", names, counts, metrics, str(parts[0].path), {"images_per_second": speed}, make_timm)


def _torchvision() -> Benchmark:
    models: Any = require("torchvision.models", extra="vision", feature="model-zoo/torchvision")
    names, rows = [], []
    for name in models.list_models():
        for weights in models.get_model_weights(name):
            meta = weights.meta
            found = meta.get("_metrics", {}).get("ImageNet-1K")
            if found:
                names.append(f"{name}.{weights.name}")
                crop = weights.transforms().crop_size
                rows.append((found["acc@1"], found["acc@5"], meta["num_params"], meta["_ops"] * 1e9, crop[0]))
    top1, top5, params, macs, size = np.array(rows, dtype=np.float64).T
    counts = {"params": params, "macs": macs, "resolution": size}
    metrics = {"top1": top1, "top5": top5}
    return _benchmark("torchvision", names, counts, metrics, "installed torchvision", {}, make_torchvision)


def make_timm(name: str) -> Any:
    """The network of a row of timm's table, without weights: for images of its size if it takes one."""
    timm: Any = require("timm", extra="vision", feature="model-zoo/timm")
    architecture, size = name.partition("@")[0].partition(".")[0], int(name.rpartition("@")[2])
    try:
        return timm.create_model(architecture, pretrained=False, img_size=size)
    except TypeError:  # it takes images of any size
        return timm.create_model(architecture, pretrained=False)


def make_torchvision(name: str) -> Any:
    """The network of a row of torchvision's list, without weights."""
    models: Any = require("torchvision.models", extra="vision", feature="model-zoo/torchvision")
    return models.get_model(name.partition(".")[0], weights=None)


def _benchmark(
    task: str, names: list[str], counts: Any, metrics: Any, source: str, costs: Any, make: Callable[[str], Any]
) -> Benchmark:
    families = np.unique([family_of(name) for name in names], return_inverse=True)[1]
    kept = {name: values for name, values in {**counts, **costs}.items() if np.isfinite(values).any()}
    return Benchmark(
        f"model-zoo/{task}",
        ModelZoo(names, counts, make),
        np.arange(len(names))[:, None],
        metrics,
        "top1",
        costs=kept,
        source=source,
        groups=families.ravel(),
    )


def _csv(part: Any, needs: Iterable[str]) -> list[dict[str, str]]:
    text = part.read(MOST_BYTES).decode("utf-8-sig", errors="replace")
    rows = list(csv.DictReader(io.StringIO(text)))
    missing = [name for name in needs if not rows or name not in rows[0]]
    if missing:
        raise InvalidFileError(f"{part} is not a table of timm: it has no column {missing[0]!r}.")
    return rows


def _numbers(values: Iterable[str | None]) -> Any:
    """``(n,)`` numbers; thousands may be set apart by commas, and what is empty is NaN."""
    return np.array([float(value.replace(",", "")) if value else np.nan for value in values])
