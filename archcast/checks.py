"""Checks of arguments: each returns the value, or names the argument, the value and what is allowed."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Collection, Mapping
from numbers import Integral, Number, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from archcast.errors import USER_ERRORS, InvalidInputError, UnknownNameError, short
from archcast.registry import closest

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

__all__ = [
    "array_of",
    "bounded",
    "callback",
    "device_of",
    "generator",
    "imported",
    "instance",
    "label_of",
    "listed",
    "mapping",
    "numbers",
    "one_of",
    "path_of",
    "places",
    "real",
    "seed_of",
    "switch",
    "whole",
    "workers",
]


T = TypeVar("T")

LARGEST_SCORE = 1e150
"""Size of a score: the square of it is still a float."""
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


def callback(name: str, value: Any) -> None:
    """Refuse what cannot be called and is not ``None``.

    Raises:
        InvalidInputError: ``value`` is such a thing.
    """
    if value is not None and not callable(value):
        raise InvalidInputError(f"{name} must be a function or None, got {short(value)}.")


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


def places(name: str, value: Any, n: int) -> Any:
    """``value`` as what chooses some of ``n`` rows: a slice, or an array of whole numbers or of ``n`` truth values.

    Raises:
        InvalidInputError: it is something else, or beyond the rows.
    """
    if isinstance(value, slice):
        try:
            value.indices(n)
        except TypeError as error:
            raise InvalidInputError(f"{name} must be places of {n} rows, got {short(value)}.") from error
        return value
    array = array_of(name, value)
    array = array.reshape(1) if array.ndim == 0 else array
    array = array.astype(int) if array.size == 0 else array
    fits = array.ndim == 1 and (
        (array.dtype.kind == "b" and len(array) == n)
        or (array.dtype.kind in "iu" and bool(((array >= -n) & (array < n)).all()))
    )
    if not fits:
        raise InvalidInputError(f"{name} must be places of {n} rows, or {n} truth values, got {short(value)}.")
    return array


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


def generator(name: str, value: Any) -> np.random.Generator:
    """A random generator from a seed, a generator, or ``None`` for one that differs each time.

    Raises:
        InvalidInputError: something else.
    """
    import numpy as np

    seed = isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0
    if not seed and not isinstance(value, (np.random.Generator, np.random.SeedSequence, type(None))):
        raise InvalidInputError(
            f"{name} must be a whole number of at least 0, a numpy Generator or None, got {short(value)}."
        )
    return np.random.default_rng(value)


def device_of(name: str, value: Any) -> torch.device:
    """The device of torch that ``value`` names, if it is here and computes something.

    Raises:
        InvalidInputError: it is no name of a device, or one that is not here, or computes nothing, as ``meta``.
    """
    import torch

    if isinstance(value, bool) or not isinstance(value, (str, int, torch.device)):
        raise InvalidInputError(f"{name} must be the name of a device, such as cpu or cuda:1, got {short(value)}.")
    device = None
    try:
        device = torch.device(value)
        float(torch.zeros((), device=device))
    except Exception as error:  # torch raises half a dozen classes here
        if device is None:
            why = "no device has this name"
        elif device.type == "cuda":
            why = (str(error).strip().splitlines() or ["no reason given"])[0].partition(". ")[0].rstrip(".")
        else:
            why = "this torch computes nothing on it"
        raise InvalidInputError(
            f"{name} {short(value)} cannot be used: {why}. Use cpu or, on a machine with an NVIDIA GPU, cuda."
        ) from error
    return device


def array_of(name: str, value: Any) -> NDArray[Any]:
    """``value`` as an array of whatever type, in this machine's order of bytes; masked entries of numbers become NaN.

    Raises:
        InvalidInputError: it has no shape: rows of different lengths, say.
    """
    import numpy as np

    try:
        if isinstance(value, np.ma.MaskedArray):
            if value.dtype.kind in "iufb" and np.ma.getmaskarray(value).any():
                return np.asarray(np.ma.filled(value.astype(np.float64), np.nan))
            return np.asarray(value.filled())
        array = np.asarray(value)
        native = array.dtype.isnative or array.dtype.kind not in "iufc"
        return array if native else array.astype(array.dtype.newbyteorder("="))  # torch and others take no other order
    except Exception as error:  # whatever __array__, __len__ or __iter__ of the value raise
        why = short(str(error), 100)[1:-1]
        raise InvalidInputError(f"{name} must be an array, got {short(value)}: {why}") from error


def numbers(name: str, value: Any, *, truth: bool = False, of: str = "numbers") -> NDArray[np.float64]:
    """``value`` as an array of float64; what is masked or ``None`` becomes NaN.

    Texts, dates, durations, complex numbers and, without ``truth``, truth values are no numbers: they are refused, even where
    numpy would turn them into some. ``of`` is what errors ask for.

    Raises:
        InvalidInputError: it holds something else than numbers; the message names the first.
    """
    import numpy as np

    array = array_of(name, value)
    if array.dtype.kind == "O":
        for place, item in np.ndenumerate(array):
            if item is None or type(item).__name__ == "NAType":
                continue
            wrong = not isinstance(item, Number) or isinstance(item, (complex, np.complexfloating))
            if wrong or (isinstance(item, (bool, np.bool_)) and not truth):
                where = ", ".join(map(str, place))
                raise InvalidInputError(
                    f"{name} must be an array of {of}, got {short(item)}" + f" at [{where}]." * bool(place)
                )
        known = [None if type(item).__name__ == "NAType" else item for item in array.ravel()]
        array = np.array(known, dtype=object).reshape(array.shape)
    elif array.dtype.kind not in ("iufb" if truth else "iuf"):
        raise InvalidInputError(
            f"{name} must be an array of {of}, got {_KINDS.get(array.dtype.kind, 'something else')}: {short(value)}."
        )
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"{name} must be an array of {of}: {error}.") from error


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


def bounded(name: str, values: NDArray[np.float64]) -> None:
    """Refuse numbers whose squares and sums a float cannot hold: what learns from them would answer with NaN.

    Raises:
        InvalidInputError: names the first of more than ``LARGEST_SCORE``.
    """
    import numpy as np

    beyond = np.flatnonzero(np.abs(values) > LARGEST_SCORE)
    if len(beyond):
        i = int(beyond[0])
        raise InvalidInputError(
            f"{name}[{i}] is {values[i]:.6g}: scores must lie within -{LARGEST_SCORE} and {LARGEST_SCORE}."
        )


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


_KINDS = {
    "b": "truth values",
    "c": "complex numbers",
    "S": "bytes",
    "U": "texts",
    "T": "texts",
    "M": "dates",
    "m": "durations",
    "V": "records",
}
"""Kind of a numpy type -> what it holds."""
