"""NAS-Bench-Suite-Zero: thirteen zero-cost proxies of five spaces on 28 tasks, with the time that each took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from archcast.data.base import Benchmark, register
from archcast.data.naslib import native, suite_zero, suite_zero_scores
from archcast.data.published._columns import column_array, firsts, left_out
from archcast.data.published._files import reading, unpacked
from archcast.data.published._finding import find
from archcast.errors import InvalidFileError
from archcast.spaces.base import get_space

__all__ = ["read"]

MORE = ("ninapro", "svhn", "scifar100")
VISION = ("class_scene", "class_object", "room_layout", "jigsaw", "segmentsemantic", "normal", "autoencoder", *MORE)
DATASETS = {
    "nasbench101": ("cifar10",),
    "nasbench201": ("cifar10", "cifar100", "imagenet16-120", *MORE),
    "nasbench301": ("cifar10", *MORE),
    "transbench101_micro": VISION,
    "transbench101_macro": VISION,
}
SPACES = {
    "nasbench301": "darts",
    "transbench101_micro": "transnasbench101-micro",
    "transbench101_macro": "transnasbench101-macro",
}
TEST = {"cifar10": "test_accuracy_half_train", "cifar100": "test_accuracy", "imagenet16-120": "test_accuracy"}
"""What is called val_accuracy in the file of NAS-Bench-201: see that benchmark."""

GET = "Download zc_{}.json (linked by https://github.com/automl/NASLib, branch zerocost)."


@register(
    "nas-bench-suite-zero",
    summary="NAS-Bench-Suite-Zero, thirteen zero-cost proxies with their times, 28 tasks of five spaces",
    paper="Krishnakumar et al. 2022, https://arxiv.org/abs/2210.03230",
    tasks=tuple(f"{name}/{dataset}" for name, datasets in DATASETS.items() for dataset in datasets),
    needs="$ARCHCAST_DATA",
    patterns=("zc_*.json",),
    licence="Apache-2.0",
    files="zc_<space>.json",
    holds="proxies, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read ``zc_<space>.json``; a task is a space and a data set, ``nasbench201/cifar10``.

    The metric is the published ``val_accuracy`` in percent. Of NAS-Bench-201 it is **a test accuracy**, and named
    so: ``test_accuracy_half_train`` on CIFAR-10 (of the net trained on half of the images), ``test_accuracy`` on
    the other two. Of TransNAS-Bench-101 it is that of the best epoch; of ``room_layout`` it is ``val_neg_loss``, and
    so it is negative. A proxy that failed (-1e8) is unknown. Costs are the seconds of each proxy,
    ``synflow_seconds`` and so on. The same file serves as evidence for another benchmark of the space:
    ``archcast.data.read_evidence(path, benchmark)``.
    """
    name, _, wanted = task.partition("/")
    part = find([f"zc_{name}.json"], folder, benchmark=f"nas-bench-suite-zero/{task}", get=GET.format(name))[0]
    with unpacked(part) as plain:
        table = suite_zero(plain.path)
    dataset = next((key for key in table if key.lower() == wanted), None)
    if dataset is None:
        raise InvalidFileError(f"{part} has no data set {wanted!r}; it has {', '.join(table)}.")
    space = get_space(SPACES.get(name, name))
    with reading(part, "a file of NAS-Bench-Suite-Zero"):
        texts, entries = list(table[dataset]), list(table[dataset].values())
        archs = space.parse(native(space, texts))
        keep = firsts(list(map(bytes, archs)))
        metric = "val_neg_loss" if wanted == "room_layout" else "val_accuracy"
        metric = TEST.get(wanted, metric) if name == "nasbench201" else metric
        scores = [suite_zero_scores(entries[place]) for place in keep]
        proxies = dict.fromkeys(proxy for row in scores for proxy in row)
        values = column_array([entries[place].get("val_accuracy") for place in keep], part, "val_accuracy")
        seconds = {
            f"{proxy}_seconds": column_array(
                [_seconds(entries[place].get(proxy)) for place in keep], part, f"time of {proxy}"
            )
            for proxy in proxies
        }
        failed = sum(np.isnan(list(row.values())).sum() for row in scores)
        return Benchmark(
            f"nas-bench-suite-zero/{task}",
            space,
            archs[keep],
            {metric: values},
            metric,
            proxies={proxy: column_array([row.get(proxy) for row in scores], part, proxy) for proxy in proxies},
            costs={proxy: column for proxy, column in seconds.items() if not np.isnan(column).all()},
            source=str(part.path),
            left_out=left_out(failed_proxies=int(failed), repeated_architectures=len(archs) - len(keep)),
        )


def _seconds(proxy: Any) -> float | None:
    """The time of a proxy, which files before the release do not have."""
    return proxy.get("time") if isinstance(proxy, dict) else None
