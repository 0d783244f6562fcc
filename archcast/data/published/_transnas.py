"""TransNAS-Bench-101's file for both spaces: seven vision tasks, curves of one seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._torch_archive import read_torch
from archcast.data.base import Benchmark
from archcast.data.published._columns import column_array
from archcast.data.published._files import Part, reading
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
    epoch. Losses are curves only.
    """
    table = read_torch(part.path, max_opcodes=1_000_000_000, finish=_compact)
    with reading(part, "the table of TransNAS-Bench-101"):
        results: list[Mapping[str, Any]] = []
        texts = []
        for text, by_task in table["data"][kind].items():
            if task in by_task:
                texts.append(text)
                results.append(by_task[task])
        curves: dict[str, NDArray[np.float64]] = {}
        for name in dict.fromkeys(name for result in results for name in result["metrics"]):
            rows = [np.atleast_1d(result["metrics"].get(name, np.nan)) for result in results]
            curves[str(name)] = np.stack([_padded(row, max(map(len, rows))) for row in rows])
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
        infos = [result.get("model_info") or {} for result in results]
        return Benchmark(
            f"transnasbench101-{kind}/{task}",
            get_space(f"transnasbench101-{kind}"),
            get_space(f"transnasbench101-{kind}").parse(texts),
            metrics,
            default,
            curves=curves,
            costs={
                name: column_array([info.get(name) for info in infos], part, name)
                for name in INFO
                if any(name in info for info in infos)
            },
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
