"""TransNAS-Bench-101's file for both spaces: seven vision tasks, curves of one seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._torch_archive import read_torch
from archcast.data.base import Benchmark
from archcast.data.published._columns import column_array
from archcast.data.published._files import Part, reading, unpacked
from archcast.data.published._gather import Arrays, once
from archcast.spaces.base import get_space

__all__ = ["FILE", "GET", "METRICS", "TASKS", "read_official"]

FILE = "transnas-bench_v10141024.pth"
GET = f"Download {FILE} (Google Drive, linked by https://github.com/yawen-d/TransNASBench)."
METRICS = {
    "class_scene": "top1",
    "class_object": "top1",
    "room_layout": "neg_loss",
    "jigsaw": "top1",
    "segmentsemantic": "acc",
    "normal": "ssim",
    "autoencoder": "ssim",
}
"""Task -> what is to be maximised."""

TASKS = tuple(METRICS)
HIGHER_IS_BETTER = ("top1", "top5", "neg_loss", "acc", "ssim", "mIoU")
SPLITS = ("valid", "test", "train")
INFO = ("inference_time", "encoder_params", "model_params", "model_FLOPs", "encoder_FLOPs")
MAX_EPOCHS = 1_000


def _digest(part: Part) -> Arrays:
    """Everything of both spaces: ``<space>/<task>/text`` and ``/info/<name>``, ``/curve/<name>`` of its architectures."""
    with unpacked(part) as plain:
        table = read_torch(plain.path, max_opcodes=1_000_000_000, finish=_compact)
    out: Arrays = {}
    with reading(part, "the table of TransNAS-Bench-101"):
        for kind, by_text in table["data"].items():
            for task in TASKS:
                results = {str(text): by_task[task] for text, by_task in by_text.items() if task in by_task}
                if not results:
                    continue
                above = f"{kind}/{task}"
                out[f"{above}/text"] = np.array(list(results), dtype=np.str_)
                infos = [result.get("model_info") or {} for result in results.values()]
                for name in INFO:
                    if any(name in info for info in infos):
                        out[f"{above}/info/{name}"] = column_array([info.get(name) for info in infos], part, name)
                for name in dict.fromkeys(name for result in results.values() for name in result["metrics"]):
                    rows = [np.atleast_1d(result["metrics"].get(name, np.nan)) for result in results.values()]
                    width = max(map(len, rows))
                    out[f"{above}/curve/{name}"] = np.stack([_padded(row, width) for row in rows])
    return out


def _compact(box: dict[Any, Any]) -> None:
    """Curves of one architecture and task as arrays, as soon as they are read."""
    metrics = box.get("metrics")
    if "total_epochs" in box and isinstance(metrics, dict):
        for name, values in metrics.items():
            if isinstance(values, list):
                if len(values) > MAX_EPOCHS:
                    raise ValueError(f"{str(name)[:40]} has {len(values):,} epochs")
                metrics[name] = np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def read_official(part: Part, kind: str, task: str) -> Benchmark:
    """One task of the ``micro`` or ``macro`` space.

    Every metric of which more is better is given as it was at the end of the training, and with ``_best`` at its best
    epoch. Losses are curves only. A conversion reads the file once for all tasks of both spaces.
    """
    arrays = once(_digest, part)
    with reading(part, "the table of TransNAS-Bench-101"):
        if f"{kind}/{task}/text" not in arrays:
            raise ValueError(f"it holds nothing of task {task} in the {kind} space")
        above = f"{kind}/{task}/"
        texts = arrays[f"{above}text"].tolist()
        curves = {
            name.removeprefix(f"{above}curve/"): values.astype(np.float64)
            for name, values in arrays.items()
            if name.startswith(f"{above}curve/")
        }
        metrics: dict[str, NDArray[np.float64]] = {}
        for split in SPLITS:
            for kind_of in HIGHER_IS_BETTER:
                if (name := f"{split}_{kind_of}") in curves:
                    metrics[name] = _last(curves[name])
                    metrics[f"{name}_best"] = np.nanmax(np.where(np.isnan(curves[name]), -np.inf, curves[name]), axis=1)
                    metrics[f"{name}_best"][np.isnan(metrics[name])] = np.nan
        default = f"valid_{METRICS[task]}"
        seconds = None
        if (elapsed := curves.pop("time_elapsed", None)) is not None:
            rising = (np.diff(elapsed, axis=1) >= 0).all() and elapsed.shape[1] > 2
            seconds = _last(elapsed) if rising else np.nansum(elapsed, axis=1)
        return Benchmark(
            f"transnasbench101-{kind}/{task}",
            get_space(f"transnasbench101-{kind}"),
            get_space(f"transnasbench101-{kind}").parse(texts),
            metrics,
            default,
            curves=curves,
            costs={name: arrays[f"{above}info/{name}"] for name in INFO if f"{above}info/{name}" in arrays},
            train_seconds=seconds,
            source=str(part.path),
            test_metric=f"test_{METRICS[task]}" if f"test_{METRICS[task]}" in metrics else None,
        )


def _padded(row: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    return np.concatenate([row, np.full(width - len(row), np.nan)])


def _last(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """The last value of each row that is known."""
    known = np.isfinite(curve)
    place = curve.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), curve[np.arange(len(curve)), place], np.nan)
