"""The one exception family of archcast: ``except ArchcastError`` catches everything raised on purpose.

Each message is one line that names the argument, the value it got, what is allowed and the next step. The children also
inherit the built-in error a Python programmer would expect (``ValueError``, ``ImportError``, ...), so generic handlers,
scikit-learn's among them, keep working.
"""

from __future__ import annotations

import importlib
from types import ModuleType

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
]


class ArchcastError(Exception):
    """Root of every error that archcast raises on purpose."""


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
