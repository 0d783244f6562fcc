"""Surr-NAS-Bench-FBNet: a surrogate of FBNet's space on CIFAR-100, which cannot be read without running its code."""

from __future__ import annotations

from pathlib import Path

from archcast.data.base import Benchmark, register
from archcast.errors import InvalidFileError

__all__ = ["read"]


@register(
    "surr-nas-bench-fbnet",
    summary="Surr-NAS-Bench-FBNet, a surrogate of FBNet's space: refused, because it is code",
    paper="Zela et al. 2022, https://arxiv.org/abs/2008.09777",
    licence="Apache-2.0",
    holds="nothing that is data",
    needs="cannot be read",
)
def read(_: str, __: Path | None) -> Benchmark:
    """Refuse, and say what to do instead.

    Raises:
        InvalidFileError: always.
    """
    raise InvalidFileError(
        "surr-nas-bench-fbnet is a surrogate: pickled models, which run code when they are read, and nothing in a file is executed "
        "here. For a table, install https://github.com/automl/nasbench301 in an environment of its own, query it, and write "
        "architectures and scores to a CSV file: archcast bench --table table.csv --space fbnet reads it, and archcast surrogate "
        "table.csv --space fbnet makes a surrogate of it."
    )
