"""The one exception family of archcast: ``except ArchcastError`` catches everything raised on purpose.

Each message is one line that names the argument, the value it got, what is allowed and the next step. The children also
inherit the built-in error a Python programmer would expect (``ValueError``, ``ImportError``, ...), so generic handlers,
scikit-learn's among them, keep working.
"""

from __future__ import annotations

import importlib
import reprlib
from types import ModuleType
from typing import Any

__all__ = [
    "ArchcastError",
    "DataNotFoundError",
    "DivergedError",
    "InvalidFileError",
    "InvalidInputError",
    "MissingDependencyError",
    "MissingEvidenceError",
    "UnknownNameError",
    "require",
    "short",
]

LONGEST = 400
"""Characters of a message; of a longer one the middle is left out: its two ends say what is wrong and what to do."""


USER_ERRORS = (Exception, SystemExit)
"""What code of a user's own may raise where one failure must not end the call: a model or an objective may call ``sys.exit``."""


class ArchcastError(Exception):
    """Root of every error that archcast raises on purpose. Its message is one line of at most ``LONGEST`` characters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*(_line(arg) if isinstance(arg, str) else arg for arg in args), **kwargs)


class InvalidInputError(ArchcastError, ValueError):
    """An argument has a wrong type, shape, range or value."""


class UnknownNameError(InvalidInputError):
    """A name is not in a registry; the message lists the closest ones."""


class MissingEvidenceError(InvalidInputError):
    """A predictor needs evidence (a proxy, a curve) that it was not given."""


class InvalidFileError(InvalidInputError):
    """A file exists but does not hold what its name promises."""


class DataNotFoundError(ArchcastError, FileNotFoundError):
    """A published data file is missing; the message says where to get it."""


class DivergedError(ArchcastError, FloatingPointError):
    """A training ended in numbers that are not finite; the message names the epoch."""


class MissingDependencyError(ArchcastError, ImportError):
    """An optional package is missing; the message is the install line."""


def short(value: object, most: int = 60) -> str:
    """A value as a message shows it: on one line, of at most ``most`` characters, whatever its ``repr`` does.

    Examples:
        >>> short("a" * 1000, 20)
        "'aaaaaa...aaaaaaaa'"
    """
    maker = reprlib.Repr()
    maker.maxstring = maker.maxlong = maker.maxother = most
    try:
        text = " ".join(maker.repr(value).split())
    except Exception:  # a repr of a user's own, or a number with more digits than Python writes
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= most else text[: most - 3] + "..."


def _line(text: str) -> str:
    text = " ".join(text.split()) if any(end in text for end in "\n\r\t") else text
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 152]} ... {text[-147:]}"


def require(module: str, *, extra: str, feature: str) -> ModuleType:
    """Import an optional ``module`` or say which extra installs it.

    Raises:
        MissingDependencyError: if ``module`` cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{feature} needs the package {module!r}, which could not be imported ({error}). "
            f"Install it with: pip install 'archcast[{extra}]'"
        ) from error
