"""TensorBoard's event files, read by TensorBoard itself: scalars of PyTorch, Lightning and Keras."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from archcast.errors import InvalidFileError, InvalidInputError, require
from archcast.forecasting.readers.runs import Run
from archcast.forecasting.readers.table import runs_of

__all__ = ["columns_of_scalars", "is_events", "runs_of_events"]

SPLITS = ("train", "validation", "val", "valid", "eval", "test")


def is_events(path: Path) -> bool:
    """Whether a file has the name of TensorBoard's event files."""
    return "tfevents" in path.name


def runs_of_events(paths: list[Path], metric: str | None) -> list[tuple[Path, list[Run]]]:
    """Curves of event files; those in one folder are one training, and so are a ``train`` and a ``validation`` folder side by side.

    Returns:
        The folder and the curves of each training.

    Raises:
        MissingDependencyError: tensorboard is not installed.
        InvalidFileError: a file cannot be read, or holds no scalars.
    """
    trainings: dict[Path, dict[str, list[tuple[int, float]]]] = {}
    for path in sorted(paths):
        folder, before = path.parent, ""
        if folder.name.lower() in SPLITS:
            folder, before = folder.parent, f"{folder.name}/"
        for tag, points in _scalars(path).items():
            trainings.setdefault(folder, {}).setdefault(before + tag, []).extend(points)
    out = []
    for folder, scalars in trainings.items():
        try:
            out.append((folder, runs_of(columns_of_scalars(scalars), metric)))
        except InvalidInputError as error:
            raise InvalidFileError(f"{folder}: {error}") from error
    return out


def _scalars(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag -> (step, value), in the order of the file."""
    module: Any = require(
        "tensorboard.backend.event_processing.event_accumulator", extra="tensorboard", feature=f"Reading {path.name}"
    )
    from tensorboard.util import tensor_util

    loggers = [logging.getLogger(name) for name in ("tensorboard",)]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        events = module.EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        tags = events.Tags()
        out = {tag: [(event.step, float(event.value)) for event in events.Scalars(tag)] for tag in tags["scalars"]}
        for tag in tags["tensors"]:  # scalars of TensorFlow 2 and Keras
            if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
                out[tag] = [(e.step, float(tensor_util.make_ndarray(e.tensor_proto))) for e in events.Tensors(tag)]
    except Exception as error:  # TensorBoard raises whatever its protocol buffers raise
        raise InvalidFileError(f"{path} cannot be read as TensorBoard events: {error}") from error
    finally:
        for logger, level in zip(loggers, before):
            logger.setLevel(level)
    if not out:
        raise InvalidFileError(f"{path} holds no scalars of TensorBoard.")
    return out


def columns_of_scalars(scalars: dict[str, list[tuple[int, float]]]) -> dict[str, list[object]]:
    """A row for each point. Steps that count from 0 or 1 on are epochs; a scalar ``epoch``, as of Lightning, tells them: a tag
    with one point, such as its ``hp_metric``, is then not looked at.
    """
    told = dict(scalars.get("epoch", []))
    tags = {tag: points for tag, points in scalars.items() if tag != "epoch"}
    curves = {tag: points for tag, points in tags.items() if len(points) > 1 or points[0][0] in told}
    if told and curves and all(step in told for points in curves.values() for step, _ in points):
        tags = curves
    rows: list[tuple[str, int, float]] = [(tag, step, value) for tag, points in tags.items() for step, value in points]
    names = list(tags)
    steps = [step for _, step, _ in rows]
    if told and tags is curves:
        clock, name = [told[step] for step in steps], "epoch"
    else:
        distinct = np.unique(steps)
        counts = len(distinct) < 2 or bool((np.diff(distinct) == 1).all() and distinct[0] <= 1)
        clock, name = [float(step) for step in steps], "epoch" if counts else "step"
    out: dict[str, list[object]] = {name: list(clock)}
    for one in names:
        out[one] = [value if tag == one else None for tag, _, value in rows]
    return out
