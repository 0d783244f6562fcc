"""Read the numbers of a pickle without executing anything that it asks for.

Published benchmarks come as pickles, and unpickling runs whatever code the file names. Here every class a file may name is
replaced by an inert one of our own; any other name is refused.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archcast.errors import InvalidFileError

__all__ = ["NUMPY_SCALARS", "Record", "read_pickle"]


class Record:
    """An object of the file: its attributes, and nothing else."""


class _DType:
    """Stands for ``numpy.dtype``; keeps the type code only."""

    def __init__(self, code: str, align: object = None, copy: object = None) -> None:
        self.code = code
        self.order = "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1] if state[1] in ("<", ">") else "<"


_FORMATS = {"f8": "d", "f4": "f", "i8": "q", "i4": "i"}


def _scalar(dtype: _DType, data: bytes) -> float:
    """Stands for ``numpy.core.multiarray.scalar``; gives a Python number."""
    return struct.unpack(dtype.order + _FORMATS[dtype.code], data)[0]


NUMPY_SCALARS: Mapping[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy", "dtype"): _DType,
}
"""Stand-ins that turn numpy scalars into Python numbers."""


class _Unpickler(pickle.Unpickler):
    allowed: Mapping[tuple[str, str], Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self.allowed:
            return self.allowed[module, name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it asks for a persistent object")


def read_pickle(path: Path, allowed: Mapping[tuple[str, str], Any]) -> Any:
    """Read ``path``, in which only the (module, name) pairs of ``allowed`` may occur, each replaced by its stand-in.

    Raises:
        InvalidFileError: the file is damaged or names anything else.
    """
    try:
        with path.open("rb") as file:
            unpickler = _Unpickler(file)
            unpickler.allowed = allowed
            return unpickler.load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError,
            ImportError, MemoryError, OverflowError, struct.error, UnicodeDecodeError) as error:  # fmt: skip
        raise InvalidFileError(f"{str(path)!r} could not be read as plain data: {error}.") from error
