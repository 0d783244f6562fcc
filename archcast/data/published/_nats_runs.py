"""Results as AutoDL-Projects writes them, in NAS-Bench-201 and NATS-Bench: runs of an architecture, by data set
and seed.

A run holds accuracies (percent) and losses by epoch. What the evaluation sets are depends on the data set:

- ``cifar10-valid`` is trained on half of CIFAR-10's training images: ``x-valid`` is the other half (validation), ``ori-test`` the
  10,000 test images.
- ``cifar10`` is trained on all 50,000: ``ori-test`` is the test set, there is no validation.
- ``cifar100`` and ``ImageNet16-120``: ``ori-test`` is the union of ``x-valid`` (validation) and ``x-test`` (test). Of a 200-epoch
  training only the last epoch of the halves is known, so that its curve is one of **validation and test together**.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DATASETS", "benchmark_fields", "compact", "digest_runs"]

DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
"""Name of a task -> name of the data set in the files."""

MAX_EPOCHS = 1_000
SIGNALS = {"accuracy": "eval_acc1es", "loss": "eval_losses"}


def compact(run: dict[Any, Any]) -> None:
    """Turn a run's dictionaries into arrays, in place; any other dictionary is left as it is."""
    if "eval_acc1es" not in run or "train_acc1es" not in run:
        return
    epochs = int(run["epochs"])
    if not 1 <= epochs <= MAX_EPOCHS:
        raise ValueError(f"a run has {epochs} epochs")
    latency = [float(value) for value in run.get("latency") or ()]
    kept: dict[str, Any] = {"epochs": epochs, "params": float(run["params"]), "flops": float(run["flop"])}
    if latency:
        kept["latency"] = float(np.mean(latency))
    if run.get("train_times"):
        kept["seconds"] = float(sum(run["train_times"].values()))
    for signal, key in (("accuracy", "train_acc1es"), ("loss", "train_losses")):
        kept[f"train/{signal}"] = _by_epoch(run[key], epochs)
    for signal, key in SIGNALS.items():
        by_set: dict[str, dict[int, float]] = {}
        for name, value in (run[key] or {}).items():
            which, _, epoch = name.partition("@")
            by_set.setdefault(which, {})[int(epoch)] = value
        kept |= {f"{which}/{signal}": _by_epoch(values, epochs) for which, values in by_set.items()}
    run.clear()
    run.update(kept)


def _by_epoch(values: Mapping[int, float] | None, epochs: int) -> NDArray[np.float64]:
    out = np.full(epochs, np.nan)
    for epoch, value in (values or {}).items():
        if not 0 <= epoch < epochs:
            raise ValueError(f"epoch {epoch} of {epochs}")
        out[epoch] = np.nan if value is None else value
    return out


def digest_runs(
    runs: Mapping[tuple[str, int], Mapping[str, Any]], suffix: str, datasets: Mapping[str, str] = DATASETS
) -> dict[str, Any]:
    """What is kept of the runs of one training length: ``<task>/<kind>/<name><suffix>`` -> number or curve, means
    over seeds.

    Args:
        runs: (data set, seed) -> a run that :func:`compact` went over.
        suffix: ``""`` for the longest training, else e.g. ``"_12ep"``.
        datasets: name of a task -> name of its data set.
    """
    out: dict[str, Any] = {}
    for task, dataset in datasets.items():
        by_seed = {seed: run for (name, seed), run in runs.items() if name == dataset}
        if task == "cifar10":
            half = {seed: run for (name, seed), run in runs.items() if name == "cifar10-valid"}
            sets = [(half, "x-valid", "val"), (half, "ori-test", "test_half_train"), (by_seed, "ori-test", "test")]
        else:
            half = by_seed
            halves = any("x-valid/accuracy" in run for run in half.values())
            sets = [(half, "x-valid", "val"), (half, "x-test", "test")]
            sets.append((half, "ori-test", "val_and_test" if halves else "test"))
        for some, which, label in sets:
            known = {seed: run for seed, run in some.items() if f"{which}/accuracy" in run}
            if not known:
                continue
            name = _metric(label)
            last = {seed: run[f"{which}/accuracy"][-1] for seed, run in known.items()}
            if label != "val_and_test":
                out[f"{task}/metrics/{name}{suffix}"] = _mean(list(last.values()))
                out |= {f"{task}/metrics/{name}{suffix}_seed{seed}": value for seed, value in last.items()}
            whole = [run for run in known.values() if np.isfinite(run[f"{which}/accuracy"]).all() and run["epochs"] > 1]
            if whole and not (label == "val_and_test" and f"{task}/curves/val_accuracy{suffix}" in out):
                out[f"{task}/curves/{name}{suffix}"] = _mean([run[f"{which}/accuracy"] for run in whole])
                out[f"{task}/curves/{_metric(label, 'loss')}{suffix}"] = _mean([run[f"{which}/loss"] for run in whole])
        runs_of = half or by_seed
        if runs_of:
            for signal in SIGNALS:
                out[f"{task}/curves/train_{signal}{suffix}"] = _mean(
                    [run[f"train/{signal}"] for run in runs_of.values()]
                )
            if not suffix:
                right = runs_of.get(888) or next(iter(runs_of.values()))
                out |= {f"{task}/costs/{name}": right[name] for name in ("params", "flops", "latency") if name in right}
                seconds = [run["seconds"] for run in runs_of.values() if "seconds" in run]
                if seconds:
                    out[f"{task}/seconds"] = float(np.mean(seconds))
    return out


def _metric(label: str, signal: str = "accuracy") -> str:
    return f"test_{signal}_half_train" if label == "test_half_train" else f"{label}_{signal}"


def _mean(values: list[Any]) -> NDArray[np.float64]:
    """Mean over seeds of what is known."""
    array = np.array(values, dtype=np.float64)
    known = np.isfinite(array).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(array, axis=0) / np.where(known > 0, known, np.nan))


def benchmark_fields(arrays: Mapping[str, NDArray[Any]], task: str) -> dict[str, Any]:
    """The arguments of a :class:`archcast.data.Benchmark` for one task, from stacked digests."""
    fields: dict[str, Any] = {"metrics": {}, "curves": {}, "costs": {}}
    for full, values in arrays.items():
        of, _, rest = full.partition("/")
        kind, _, name = rest.partition("/")
        if of == task and kind in fields:
            fields[kind][name] = values.astype(np.float64)
    fields["default_metric"] = "val_accuracy" if "val_accuracy" in fields["metrics"] else next(iter(fields["metrics"]))
    fields["test_metric"] = "test_accuracy" if "test_accuracy" in fields["metrics"] else None
    if f"{task}/seconds" in arrays:
        fields["train_seconds"] = arrays[f"{task}/seconds"].astype(np.float64)
    return fields
