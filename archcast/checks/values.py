"""Checks of numbers, names, paths, lists and functions."""

from __future__ import annotations

import importlib
import inspect
import math
import os
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

from archcast.errors import USER_ERRORS, InvalidInputError, UnknownNameError, short
from archcast.registry import closest

__all__ = [
    "callback",
    "imported",
    "instance",
    "label_of",
    "listed",
    "mapping",
    "one_of",
    "path_of",
    "real",
    "seed_of",
    "switch",
    "whole",
    "workers",
]


T = TypeVar("T")

LARGEST_WHOLE = 10**9
"""Largest whole number of anything that is made, drawn or repeated: of more there is no memory and no time."""
LARGEST_SEED = 2**63 - 1
"""Largest seed that torch takes."""
MOST_WORKERS = 10_000
"""Most worker processes of a machine."""
LONGEST_LABEL = 200
"""Characters of a label."""
LONGEST_NAME = 255
"""Bytes of the name of a file or folder."""


def whole(name: str, value: Any, least: int, most: int | None = LARGEST_WHOLE) -> int:
    """``value`` as an int of at least ``least`` and at most ``most``; ``None`` is no limit.

    Raises:
        InvalidInputError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InvalidInputError(f"{name} must be a whole number of at least {least}, got {short(value)}.")
    if most is not None and int(value) > most:
        raise InvalidInputError(f"{name} must be a whole number of at most {most:,}, got {short(value)}.")
    return int(value)


def seed_of(name: str, value: Any) -> int:
    """``value`` as a seed: a whole number of at least 0, however large.

    Raises:
        InvalidInputError: it is not.
    """
    return whole(name, value, 0, None)


def switch(name: str, value: Any) -> bool:
    """``value`` if it is a truth value.

    Raises:
        InvalidInputError: it is not, even if Python would take it for one.
    """
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return bool(value)
    raise InvalidInputError(f"{name} must be True or False, got {short(value)}.")


def callback(name: str, value: Any, takes: int = 1) -> None:
    """Refuse what is not ``None`` and cannot be called with so many arguments. What does not say what it takes is believed.

    Raises:
        InvalidInputError: ``value`` is such a thing.
    """
    if value is None:
        return
    wanted = f"{name} must be None or a function that can be called with {takes} argument{'s' * (takes > 1)}"
    if not callable(value):
        raise InvalidInputError(f"{wanted}, got {short(value)}.")
    try:
        signature = inspect.signature(value)
    except Exception:  # a function of C, or whatever else a value's own attributes raise
        return
    try:
        signature.bind(*range(takes))
    except TypeError as error:
        raise InvalidInputError(f"{wanted}, and {short(value)} cannot: {error}.") from error


def real(name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, inside: bool = False) -> float:
    """``value`` as a finite float from ``low`` to ``high``, or, ``inside``, between the two.

    Raises:
        InvalidInputError: it is not.
    """
    known = isinstance(value, Real) and type(value).__name__ not in ("bool", "bool_")
    try:
        number = float(value) if known else math.nan
    except (OverflowError, ValueError):
        number = math.nan
    if math.isfinite(number) and (low < number < high if inside else low <= number <= high):
        return number
    ends = [f"{word} {end:g}" for word, end in (("at least", low), ("at most", high)) if math.isfinite(end)]
    allowed = f" between {low:g} and {high:g}" if inside else f" of {' and '.join(ends)}" if ends else ""
    raise InvalidInputError(f"{name} must be a finite number{allowed}, got {short(value)}.")


def instance(name: str, value: Any, kind: type[T], of: str) -> T:
    """``value`` if it is one of a class; ``of`` says of which, e.g. ``"an archcast.Benchmark"``.

    Raises:
        InvalidInputError: it is something else.
    """
    if isinstance(value, kind):
        return value
    raise InvalidInputError(f"{name} must be {of}, got {short(value)}.")


def one_of(name: str, value: Any, allowed: Collection[str]) -> str:
    """``value`` if it is one of the names allowed.

    Raises:
        UnknownNameError: with the closest names.
    """
    if not isinstance(value, str) or value not in allowed:
        raise UnknownNameError(f"Unknown {name} {short(value)}. {closest(value, list(allowed))}")
    return value


def mapping(name: str, value: Any, of: str) -> dict[Any, Any]:
    """``value`` as a dictionary; ``of`` says what it holds, e.g. ``"names to arrays"``; its keys are texts.

    Raises:
        InvalidInputError: it is no mapping, or a key is no text.
    """
    try:
        found = dict(value.items()) if isinstance(value, Mapping) else None
    except Exception as error:  # of an object that only says that it is one
        raise InvalidInputError(f"{name} must be a mapping of {of}, got {short(value)}.") from error
    if found is None:
        raise InvalidInputError(f"{name} must be a mapping of {of}, got {short(value)}.")
    for key in found:
        if not isinstance(key, str):
            raise InvalidInputError(f"{name} must be a mapping of {of}: the keys are texts, and {short(key)} is not.")
    return found


def imported(name: str, path: str, separator: str = ".") -> Any:
    """What a path such as ``"package.module.Class"`` or ``"module:function"`` names.

    Args:
        name: of the argument, for errors.
        path: names of module and member.
        separator: what stands between the two.

    Raises:
        InvalidInputError: there is no such thing, or its module raises, whatever it raises, or ends the process.
    """
    module, _, member = path.rpartition(separator)
    if not all(part.isidentifier() for part in [*module.split("."), member]):
        raise InvalidInputError(f"{name} must be a path such as 'module{separator}member', got {short(path)}.")
    try:
        return getattr(importlib.import_module(module), member)
    except USER_ERRORS as error:
        raise InvalidInputError(f"{name} {short(path)} cannot be imported: {type(error).__name__}: {error}") from error


def label_of(name: str, value: Any) -> str:
    """``value`` as a label, which tables, figures and messages show.

    Raises:
        InvalidInputError: it is no text, empty, longer than ``LONGEST_LABEL``, or holds what cannot be printed in one line.
    """
    text = str.__str__(value) if isinstance(value, str) else ""
    if not text.strip() or len(text) > LONGEST_LABEL or not text.isprintable():
        raise InvalidInputError(
            f"{name} must be one line of 1 to {LONGEST_LABEL} letters, digits and signs, got {short(value)}."
        )
    return text


def path_of(name: str, value: Any) -> Path:
    """``value`` as a path.

    Raises:
        InvalidInputError: it is no text and no path, or the empty text.
    """
    if not isinstance(value, (str, os.PathLike)) or not str(value) or "\0" in str(value):
        raise InvalidInputError(f"{name} must be the path of a file or folder, got {short(value)}.")
    # of a subclass of str, whose methods may fail, the text
    path = Path(str.__str__(value) if isinstance(value, str) else value)
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
        raise InvalidInputError(f"{name} must be the path of a file or folder, and {short(value)} is too long for one.")
    return path


def listed(name: str, value: Any, of: str) -> list[Any]:
    """``value`` as a list of whatever it holds; ``of`` says what that should be, e.g. ``"whole numbers"``.

    Raises:
        InvalidInputError: it is a text, or nothing that holds values.
    """
    try:
        if not isinstance(value, (str, bytes, Mapping)):
            return list(value)
    except Exception as error:  # whatever its own __iter__ raises
        raise InvalidInputError(f"{name} must be a list of {of}, got {short(value)}.") from error
    raise InvalidInputError(f"{name} must be a list of {of}, got {short(value)}.")


def workers(name: str, value: Any) -> int | None:
    """``value`` as a number of worker processes: at least 1, or -1 for one on each core; ``None`` leaves it to joblib.

    Raises:
        InvalidInputError: something else.
    """
    if value is None or (
        isinstance(value, Integral) and not isinstance(value, bool) and 0 != abs(int(value)) <= MOST_WORKERS
    ):
        return None if value is None else int(value)
    raise InvalidInputError(
        f"{name} must be a number of worker processes, or -1 for one on each core, got {short(value)}."
    )
