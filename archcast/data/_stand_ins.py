"""Stand-ins for the classes and functions that a pickle of data may name: inert, and our own.

A stand-in is called with the arguments that the file has for the original. What it returns is a plain value, a container,
an array, or an object with ``build(state)``, which the file's state is given to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = [
    "CONTAINERS",
    "NUMPY",
    "NUMPY_SCALARS",
    "PLAIN",
    "Inline",
    "Models",
    "Record",
    "Replaced",
    "check_key",
    "set_of",
]

MAX_RANGE = 10_000
"""Most numbers of a range."""

MAX_KEY_ITEMS, MAX_KEY_DEPTH = 256, 8
"""Most values, and deepest nesting, of a tuple that is a key."""

PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
"""Types whose values cost little to hash."""

_TYPE_CODES = frozenset({"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", "O8"})


class Record:
    """An object of the file: its attributes, and nothing else."""

    def build(self, state: Any) -> Record:
        for part in state if isinstance(state, tuple) else (state,):
            if part is not None:
                vars(self).update({str(name): value for name, value in part.items() if not str(name).startswith("__")})
        return self


class Replaced:
    """A stand-in that its own state turns into something else: ``build(state)`` returns that."""

    slot: int | None = None

    def build(self, state: Any) -> Any:
        raise NotImplementedError


class Inline(Replaced):
    """An array of joblib, whose bytes stand in the file right behind its description."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def build(self, state: Any) -> Any:
        self.state = dict(state)
        return self

    def take(self, data: Any, at: int) -> tuple[np.ndarray[Any, Any], int]:
        """The array that begins at byte ``at``, and the byte after it."""
        dtype, shape = self.state["dtype"].dtype, self.state["shape"]
        if dtype.hasobject:
            raise ValueError("an array holds objects")
        if self.state.get("numpy_array_alignment_bytes") is not None:
            at += 1 + data[at]
        size = dtype.itemsize
        for length in shape:
            if type(length) is not int or not 0 <= length <= len(data):
                raise ValueError("an array has a shape that no file can hold")
            size *= length
        if size > len(data) - at:
            raise IndexError
        return _array(bytes(data[at : at + size]), self.state["dtype"], shape, self.state["order"]), at + size


class _DType:
    """Stands for ``numpy.dtype``; keeps type code and byte order."""

    sized: tuple[str, ...] = ("U", "S")

    def __init__(self, code: str, align: object = None, copy: object = None) -> None:
        if code not in _TYPE_CODES and not (code[:1] in self.sized and code[1:].isdigit() and int(code[1:]) <= 4096):
            raise ValueError(f"type code {code!r} is not a plain number or text")
        self.code, self.order = code, "<"

    def build(self, state: tuple[Any, ...]) -> _DType:
        self.order = ">" if state[1] == ">" else "<"
        return self

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


class _AnyDType(_DType):
    """The same where numbers do not matter: records are bytes."""

    sized = ("U", "S", "V")


def _scalar(dtype: _DType, data: bytes) -> Any:
    """Stands for ``numpy.core.multiarray.scalar``; gives a Python number."""
    if dtype.code == "O8" or len(data) != dtype.dtype.itemsize:
        raise ValueError(f"a scalar of type {dtype.code!r} holds {len(data)} bytes")
    return np.frombuffer(data, dtype.dtype)[0].item()


class _Array(Replaced):
    """Stands for a ``numpy.ndarray`` while its state is read."""

    def __init__(self, *_: Any) -> None: ...

    def build(self, state: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        _, shape, dtype, fortran, raw = state
        return _array(raw, dtype, shape, "F" if fortran else "C")


def _array(raw: Any, dtype: _DType, shape: tuple[int, ...], order: str) -> np.ndarray[Any, Any]:
    if isinstance(raw, list):  # an object array: only plain values may be in it
        if not {*map(type, raw)} <= PLAIN:
            raise ValueError("an object array holds more than numbers and texts")
        flat = np.empty(len(raw), dtype=object)
        flat[:] = raw
        return flat.reshape(shape, order=order)  # type: ignore[call-overload]
    if dtype.code == "O8":
        raise ValueError("an object array has no list of values")
    return np.frombuffer(raw, dtype.dtype).reshape(shape, order=order).copy()  # type: ignore[call-overload]


def _frombuffer(raw: Any, dtype: _DType, shape: tuple[int, ...], order: str) -> np.ndarray[Any, Any]:
    """Stands for ``numpy.core.numeric._frombuffer``."""
    return _array(bytes(raw), dtype, shape, order)


def _encode(text: str, encoding: str) -> bytes:
    """Stands for ``_codecs.encode``, by which protocol 2 of Python 3 stores bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"encoding {encoding!r} is not latin1")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    """Stands for ``bytes``, by which protocol 2 stores the empty one."""
    return b""


def _bytes_of(data: Any = b"", encoding: str = "latin-1") -> bytes:
    """Stands for ``bytearray``: of bytes, or in protocol 2 of a text."""
    return _encode(data, encoding) if isinstance(data, str) else bytes(memoryview(data))


def _ordered(pairs: Any = ()) -> dict[Any, Any]:
    """Stands for ``collections.OrderedDict``; a dict keeps its order."""
    out: dict[Any, Any] = {}
    for key, value in pairs:
        check_key(key)
        out[key] = value
    return out


def set_of(items: Any = ()) -> set[Any]:
    for item in items:
        check_key(item)
    return set(items)


def _frozen(items: Any = ()) -> frozenset[Any]:
    return frozenset(set_of(items))


NUMPY_SCALARS: Mapping[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
}
"""Stand-ins that turn numpy scalars into Python numbers."""

NUMPY: Mapping[tuple[str, str], Any] = {
    **NUMPY_SCALARS,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
    ("numpy", "ndarray"): "ndarray",
}
"""Stand-ins for numpy's scalars and arrays of numbers or text."""


class Factory:
    """Stands for a type that a ``defaultdict`` makes its missing values of: it makes nothing here."""


def _default(_: Any = None, pairs: Any = ()) -> dict[Any, Any]:
    """Stands for ``collections.defaultdict``; what it makes of missing keys is forgotten."""
    return _ordered(pairs.items() if isinstance(pairs, dict) else pairs)


def _counter(counts: Any = ()) -> dict[Any, Any]:
    """Stands for ``collections.Counter``."""
    return _ordered(counts.items() if isinstance(counts, dict) else counts)


def _range(*bounds: Any) -> list[int]:
    """Stands for ``range``: the numbers, which are few."""
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise ValueError(f"a range has {len(numbers):,} numbers")
    return list(numbers)


CONTAINERS: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _ordered,
    ("collections", "defaultdict"): _default,
    ("collections", "Counter"): _counter,
    **{(module, name): stand_in for module in ("builtins", "__builtin__") for name, stand_in in
       {"set": set_of, "frozenset": _frozen, "range": _range, "xrange": _range, "bytearray": _bytes_of, "list": Factory,
        "dict": Factory, "int": Factory, "float": Factory, "str": Factory, "tuple": Factory, "bool": Factory}.items()},
}  # fmt: skip
"""Stand-ins for containers that are no opcode of their own."""


class Opaque:
    """Stands for an object whose class would have to be executed: it keeps nothing."""

    def __init__(self, *_: Any) -> None: ...

    def build(self, _: Any) -> Opaque:
        return self


class Models(dict[tuple[str, str], Any]):
    """Stand-ins for a file of joblib that holds models and arrays: of the models nothing is kept, no code of theirs is run.

    Args:
        packages: the packages whose classes the file may name.
    """

    def __init__(self, packages: tuple[str, ...]) -> None:
        super().__init__({**NUMPY, **CONTAINERS, ("numpy", "dtype"): _AnyDType})
        self[("joblib.numpy_pickle", "NumpyArrayWrapper")] = Inline
        self[("collections", "defaultdict")] = lambda *_: {}
        self.packages = packages

    def __contains__(self, key: object) -> bool:
        known = isinstance(key, tuple) and isinstance(key[0], str) and key[0].partition(".")[0] in self.packages
        return known or super().__contains__(key)

    def __missing__(self, key: tuple[str, str]) -> Any:
        return Opaque


def check_key(key: Any) -> None:
    """A key is a plain value, or a tuple of few of them: hashing what a file made must cost little."""
    todo, items = [(key, 0)], 0
    while todo:
        value, depth = todo.pop()
        items += 1
        if type(value) is tuple and depth < MAX_KEY_DEPTH and len(value) + items <= MAX_KEY_ITEMS:
            todo += [(part, depth + 1) for part in value]
        elif type(value) not in PLAIN:
            raise ValueError(f"a key is a {type(value).__name__}, or too large a tuple")
