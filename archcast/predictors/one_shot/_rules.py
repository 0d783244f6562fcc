"""Rules for parameters that only one-shot predictors have: data sets, tasks, files, rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archcast.predictors.parameters import Rule
from archcast.spaces.base import Task

__all__ = ["DatasetRule", "FileRule", "RowsRule", "TaskRule"]


@dataclass(frozen=True)
class DatasetRule(Rule):
    """Name of a data set, a folder, a file, or a loaded :class:`~archcast.training.Dataset`."""

    def allows(self, value: Any) -> bool:
        return (isinstance(value, (str, Path)) and bool(str(value))) or hasattr(value, "augmentation")

    @property
    def wants(self) -> str:
        return "the name of a data set, a folder of images, an .npz file, or a Dataset"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return "", 3


@dataclass(frozen=True)
class TaskRule(Rule):
    """A task, or ``None``."""

    optional: bool = True

    def allows(self, value: Any) -> bool:
        return isinstance(value, Task)

    @property
    def wants(self) -> str:
        return "an archcast.Task, or None"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return "digits", 3


@dataclass(frozen=True)
class FileRule(Rule):
    """Path to a file, or ``None``."""

    optional: bool = True

    def allows(self, value: Any) -> bool:
        return isinstance(value, (str, Path)) and bool(str(value))

    @property
    def wants(self) -> str:
        return "a path to a file, or None"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return "", 3


@dataclass(frozen=True)
class RowsRule(Rule):
    """Architectures, or ``None``."""

    optional: bool = True

    def allows(self, value: Any) -> bool:
        try:
            return np.asarray(value).ndim == 2 and np.asarray(value).dtype.kind in "iu"
        except (ValueError, TypeError):
            return False

    @property
    def wants(self) -> str:
        return "rows of the space, an array of whole numbers of shape (n, d), or None"

    @property
    def wrong(self) -> tuple[Any, ...]:
        return "digits", 3
