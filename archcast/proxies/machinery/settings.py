"""Settings of the whole process that a model may change while it is scored, and what puts them back.

They are read before and compared afterwards. What did not change is not set again: torch's switch of deterministic
algorithms imports its compiler, seconds of work that leave a variable in the environment and a filter of warnings behind.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch

__all__ = ["restore", "settings"]

Setting = tuple[Callable[[], Any], Callable[[Any], Any]]


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _cudnn() -> tuple[bool, bool, bool, bool]:
    flags = torch.backends.cudnn
    return flags.enabled, flags.benchmark, flags.deterministic, flags.allow_tf32


def _set_cudnn(values: tuple[bool, bool, bool, bool]) -> None:
    flags = torch.backends.cudnn
    flags.enabled, flags.benchmark, flags.deterministic, flags.allow_tf32 = values


def _folder() -> str:
    with suppress(OSError):  # somebody removed it
        return os.getcwd()
    return ""


def _set_folder(folder: str) -> None:
    if folder:
        os.chdir(folder)


def _set_environment(variables: dict[str, str]) -> None:
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)


SETTINGS: dict[str, Setting] = {
    "default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "precision of products": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "deterministic algorithms": (
        _deterministic,
        lambda mode: torch.use_deterministic_algorithms(mode[0], warn_only=mode[1]),
    ),
    "threads": (torch.get_num_threads, torch.set_num_threads),
    "gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
    "anomalies": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "cuDNN": (_cudnn, _set_cudnn),
    "numpy's errors": (np.geterr, lambda errors: np.seterr(**errors)),
    "recursion": (sys.getrecursionlimit, sys.setrecursionlimit),
    "working directory": (_folder, _set_folder),
    "environment": (lambda: dict(os.environ), _set_environment),
}
"""Name -> how a setting is read and set. The environment comes last, as setting others may change it."""


def settings() -> dict[str, Any]:
    """The settings as they are."""
    return {name: read() for name, (read, _) in SETTINGS.items()}


def restore(before: dict[str, Any]) -> None:
    """Set what is no longer as it was."""
    for name, (read, write) in SETTINGS.items():
        if read() != before[name]:
            write(before[name])
