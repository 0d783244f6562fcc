"""What a value is in a few letters, so that a run is continued only by the same run; and file names of any label."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

__all__ = ["file_name", "fingerprint"]

DIGITS = 16
"""Hexadecimal digits of a fingerprint."""
LONGEST_NAME = 60


def file_name(label: str) -> str:
    """A file name for any label: the label itself where it is lower case letters, digits, dots, dashes and underscores, else what
    is left of it and six digits that tell it from others.

    Examples:
        >>> file_name("regularized-evolution"), file_name("../../etc")
        ('regularized-evolution', 'etc-74ccf3')
    """
    plain = re.sub(r"[^a-z0-9._-]+", "-", label.lower()).strip(".-")[:LONGEST_NAME]
    if plain and plain == label:
        return plain
    return f"{plain or 'label'}-{hashlib.sha256(label.encode(errors='surrogatepass')).hexdigest()[:6]}"


def fingerprint(*values: Any) -> str:
    """16 hexadecimal digits that are equal for equal values, in this process and in another.

    Arrays count with their contents, containers and objects with what they hold, functions and classes with the source of the
    module that defines them (their byte code where there is no source), their defaults and what they enclose. Lists, dicts and sets
    that a function encloses do not count: functions keep notes there. A path counts as a path: fingerprint the contents of the
    file where these matter.

    Examples:
        >>> fingerprint(np.arange(3)) == fingerprint(np.arange(3)), fingerprint({"a": 1}) == fingerprint({"a": 2})
        (True, False)
    """
    digest = hashlib.sha256()
    for part in _parts(values, set()):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:DIGITS]


def _parts(value: Any, above: set[int]) -> Iterator[bytes]:
    """The bytes that a value is made of; ``above`` are the containers that it is in."""
    if value is None or isinstance(value, (bool, int, float, complex, str, PurePath, np.generic)):
        yield f"{type(value).__name__} {value!r}".encode(errors="surrogatepass")
    elif isinstance(value, (bytes, bytearray)):
        yield bytes(value)
    elif isinstance(value, np.ndarray):
        yield f"array {value.dtype.str} {value.shape}".encode()
        if value.dtype.hasobject:
            yield from _parts(value.tolist(), above)
        else:
            yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, ModuleType):
        yield f"module {value.__name__}".encode()
    elif id(value) in above:
        yield b"itself"
    else:
        yield from _inner(value, above | {id(value)})


def _inner(value: Any, above: set[int]) -> Iterator[bytes]:
    """The bytes of a container, a function or an object."""
    if isinstance(value, Mapping):
        yield f"mapping {len(value)}".encode()
        for key, item in value.items():
            yield from _parts(key, above)
            yield from _parts(item, above)
    elif isinstance(value, (set, frozenset)):
        yield f"set {len(value)}".encode()
        yield from sorted(fingerprint(item).encode() for item in value)
    elif isinstance(value, (list, tuple)):
        yield f"sequence {len(value)}".encode()
        for item in value:
            yield from _parts(item, above)
    elif isinstance(value, type):
        yield from _source(value)
    elif isinstance(value, partial):
        yield from _parts(("partial", value.func, value.args, value.keywords), above)
    elif isinstance(value, MethodType):
        yield from _parts((value.__func__, value.__self__), above)
    elif isinstance(value, BuiltinFunctionType):
        yield value.__qualname__.encode()
    elif isinstance(value, FunctionType):
        yield from _source(value)
        yield from _parts((value.__defaults__, value.__kwdefaults__, _enclosed(value)), above)
    elif isinstance(value, np.random.Generator):
        yield from _parts(value.bit_generator.state, above)
    elif hasattr(value, "detach") and hasattr(value, "numpy"):  # a tensor
        yield from _parts(value.detach().cpu().numpy(), above)
    else:
        yield from _source(type(value))
        yield from _parts(_state(value), above)


def _state(value: Any) -> Any:
    """What an object holds; an object with a method ``describe`` says itself what decides its results."""
    if callable(getattr(value, "describe", None)):
        return value.describe()
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "get_params"):
        return (
            value.get_params(deep=False)
            if "deep" in inspect.signature(value.get_params).parameters
            else value.get_params()
        )
    state = value.__getstate__() if hasattr(value, "__getstate__") else getattr(value, "__dict__", None)
    return (
        state if state is not None else getattr(value, "__dict__", None) or re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    )


def _enclosed(function: FunctionType) -> list[Any]:
    cells = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # not filled yet
            if not isinstance(cell.cell_contents, (list, dict, set)):
                cells.append(cell.cell_contents)
    return cells


def _source(thing: Any) -> Iterable[bytes]:
    """Name of a function or class, and the source of its module; of a function without source, its byte code."""
    yield f"{thing.__module__}.{thing.__qualname__}".encode()
    if str(thing.__module__).partition(".")[0] in sys.stdlib_module_names - {"__main__"}:
        return
    module = sys.modules.get(thing.__module__)
    try:
        if module is None:
            raise OSError
        yield inspect.getsource(module).encode(errors="surrogatepass")
    except (OSError, TypeError):
        if isinstance(thing, FunctionType):
            yield from _code(thing.__code__)
        else:
            for name, member in sorted(vars(thing).items()):
                if isinstance(member, FunctionType):
                    yield name.encode()
                    yield from _code(member.__code__)


def _code(code: CodeType) -> Iterator[bytes]:
    yield code.co_code
    yield repr((code.co_names, code.co_varnames)).encode(errors="surrogatepass")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        elif isinstance(constant, frozenset):  # whose order differs between processes
            yield repr(sorted(map(repr, constant))).encode(errors="surrogatepass")
        else:
            yield repr(constant).encode(errors="surrogatepass")
