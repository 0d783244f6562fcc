"""NDS: networks sampled from nine design spaces and trained on CIFAR-10 and ImageNet (Radosavovic et al. 2019)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data.base import Benchmark, register
from archcast.data.published._columns import as_benchmark, column_array, firsts, flatten, in_space, left_out
from archcast.data.published._files import contents, read_json, reading
from archcast.data.published._finding import find
from archcast.data.published._gather import stack

__all__ = ["read"]

FAMILIES = {"nasnet": "NASNet", "amoeba": "Amoeba", "pnas": "PNAS", "enas": "ENAS", "darts": "DARTS", "resnet": "ResNet",
            "resnet-b": "ResNet-B", "resnext-a": "ResNeXt-A", "resnext-b": "ResNeXt-B", "vanilla": "Vanilla"}  # fmt: skip
VARIANTS = ("", "fix-w-d", "lr-wd", "in", "fix-w-d-in", "lr-wd-in")
AGAIN = ("reruns", "rng1", "rng2", "rng3")
"""Files of the same networks trained several times, and of other random numbers: of ResNet and of plain networks."""

TASKS = {
    f"{family}-{variant}".rstrip("-"): f"{name}_{variant.replace('-in', '_in')}".rstrip("_")
    for family, name in FAMILIES.items()
    for variant in (*VARIANTS, *(AGAIN if family in ("resnet", "vanilla") else ()))
}
GET = "Download https://dl.fbaipublicfiles.com/nds/data.zip (links in https://github.com/facebookresearch/nds)."


@register(
    "nds",
    summary="NDS, sampled networks of nine design spaces on CIFAR-10 and ImageNet, with curves; 100 to 25,000 each",
    paper="Radosavovic et al. 2019, https://arxiv.org/abs/1905.13214",
    tasks=tuple(TASKS),
    needs="$ARCHCAST_DATA",
    patterns=(
        "NASNet*.json",
        "Amoeba*.json",
        "PNAS*.json",
        "ENAS*.json",
        "DARTS*.json",
        "ResNe*.json",
        "Vanilla*.json",
    ),
    licence="MIT",
    files="<Family>[_fix-w-d|_lr-wd][_in].json",
    holds="curves, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read ``<Family>.json``: CIFAR-10, with ``-in`` ImageNet; ``-fix-w-d`` has one width and depth, ``-lr-wd``
    varies learning rate and weight decay.

    The file holds **errors** in percent; here they are accuracies, 100 minus the error, on the test images:
    ``test_accuracy`` (default) after the last epoch and ``test_accuracy_best`` of the best. Networks are rows of the
    space ``nds-<family>`` where it has all of them. Those of ImageNet are wider and deeper, and the plain family has no
    space: there the decisions are the numbers of the network (width, depth, operation and source of each part of a cell,
    and so on) that are not the same in all networks.

    Learning rate and weight decay, parameters, flops and seconds of an iteration are costs.
    Files of ImageNet are a dictionary of two lists, ``top`` and ``mid``, which are read together. A network that
    was trained again counts once unless learning rate or weight decay differ; in ``-reruns`` its metrics are means, and
    ``test_accuracy_run1`` and so on its trainings (curves are those of the first).
    """
    file = f"{TASKS[task]}.json"
    part = find([file], folder, benchmark=f"nds/{task}", get=GET, archives=["*nds*.zip", "data.zip"])[0]
    data = next(contents([part], 1 << 31))[1]
    with reading(part, "a file of NDS"):
        table = read_json(part, data)
        jobs: list[Mapping[str, Any]] = [*table["top"], *table["mid"]] if isinstance(table, dict) else table
        nets = [flatten({name: value for name, value in job["net"].items() if name != "aux"}) for job in jobs]
        columns = dict.fromkeys(name for net in nets for name in net)
        training = [tuple((job.get("optim") or {}).get(name) for name in ("base_lr", "wd", "max_ep")) for job in jobs]
        keys = [(*(net.get(name) for name in columns), *some) for net, some in zip(nets, training)]
        keep = firsts(keys)
        of = {keys[place]: k for k, place in enumerate(keep)}
        groups: list[list[Mapping[str, Any]]] = [[] for _ in keep]
        for key, job in zip(keys, jobs):
            groups[of[key]].append(job)
        decisions = {name: [nets[place].get(name) for place in keep] for name in columns}
        varying = {name: values for name, values in decisions.items() if len(set(values)) > 1} or decisions
        kept = [jobs[place] for place in keep]
        family = next(name for name in sorted(FAMILIES, key=len, reverse=True) if task.startswith(name))
        rows = in_space(f"nds-{family}", [json.dumps(job["net"]) for job in kept])
        curves = stack([_curves(job) for job in kept])
        costs = {
            name: column_array([job.get(name) for job in kept], part, name) for name in ("params", "flops", "iter_time")
        }
        for k, name in enumerate(("base_lr", "wd", "max_ep")):
            costs[name] = column_array([training[place][k] for place in keep], part, name)
        metrics = {
            name: column_array([_accuracies(job)[name] for job in kept], part, name)
            for name in ("test_accuracy", "test_accuracy_best")
        }
        if task.endswith("-reruns"):
            for k in range(max(map(len, groups))):
                runs = [100 - some[k]["test_ep_top1"][-1] if k < len(some) else None for some in groups]
                metrics[f"test_accuracy_run{k + 1}"] = column_array(runs, part, "test_ep_top1")
            for name in ("test_accuracy", "test_accuracy_best"):
                means = [np.mean([_accuracies(job)[name] for job in some]) for some in groups]
                metrics[name] = column_array(means, part, name)
        fields: dict[str, Any] = {
            "costs": costs,
            "curves": {name: values.astype(float) for name, values in curves.items()},
            "source": str(part.path),
            "left_out": "" if task.endswith("-reruns") else left_out(repeated_networks=len(jobs) - len(keep)),
        }
        if rows is not None:
            return Benchmark(f"nds/{task}", *rows, metrics, "test_accuracy", **fields)
        return as_benchmark(f"nds/{task}", varying, metrics, "test_accuracy", **fields)


def _accuracies(job: Mapping[str, Any]) -> dict[str, float]:
    errors = job["test_ep_top1"]
    return {"test_accuracy": 100 - errors[-1], "test_accuracy_best": 100 - job.get("min_test_top1", min(errors))}


def _curves(job: Mapping[str, Any]) -> dict[str, Any]:
    """Those that a job has; its errors are accuracies here."""
    out: dict[str, Any] = {"test_accuracy": 100 - np.array(job["test_ep_top1"], dtype=float)}
    if job.get("train_ep_top1") is not None:
        out["train_accuracy"] = 100 - np.array(job["train_ep_top1"], dtype=float)
    if job.get("train_ep_loss") is not None:
        out["train_loss"] = np.array(job["train_ep_loss"], dtype=float)
    return out
