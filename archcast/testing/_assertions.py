"""What all checks are made of: how they are found and run, and what they assert."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from archcast.errors import ArchcastError

__all__ = ["checks_in", "expect_error", "require", "require_equal", "run"]


def checks_in(*modules: ModuleType) -> list[Callable[[Any], None]]:
    """The checks of modules: their functions ``check_...``, as they stand there."""
    return [check for module in modules for name, check in vars(module).items() if name.startswith("check_")]


def run(checks: list[Callable[[Any], None]], component: object) -> None:
    """Run every check on ``component``.

    Raises:
        AssertionError: names the first check that failed and says why.
    """
    for check in checks:
        try:
            check(component)
        except Exception as error:
            raise AssertionError(f"{type(component).__name__} fails {check.__name__}: {error}") from error


def require(condition: Any, message: str) -> None:
    """``assert`` that also works under ``python -O``."""
    if not condition:
        raise AssertionError(message)


def require_equal(a: object, b: object, what: str) -> None:
    """Two arrays of the same shape and the same values."""
    require(np.array_equal(np.asarray(a), np.asarray(b)), what)


@contextmanager
def expect_error(kind: type[Exception], what: str, mentions: str = "") -> Iterator[None]:
    """Expect an error of one line that belongs to archcast's family and mentions something."""
    try:
        yield
    except kind as error:
        require(isinstance(error, ArchcastError), f"{what}: {type(error).__name__} is not an ArchcastError")
        require("\n" not in str(error).strip(), f"{what}: the message has more than one line: {error}")
        require(mentions in str(error), f"{what}: the message does not mention {mentions!r}: {error}")
    else:
        raise AssertionError(f"{what}: no {kind.__name__} was raised")
