"""What the checks are made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from archcast.errors import ArchcastError

__all__ = ["expect_error", "require"]


def require(condition: Any, message: str) -> None:
    """``assert`` that also works under ``python -O``."""
    if not condition:
        raise AssertionError(message)


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
