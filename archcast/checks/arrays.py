"""Checks of arrays, of places in them, of random generators and of devices. Neither numpy nor torch is imported before one is asked
for."""

from __future__ import annotations

from numbers import Integral, Number
from typing import TYPE_CHECKING, Any

from archcast.errors import InvalidInputError, short

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

__all__ = ["array_of", "bounded", "device_of", "generator", "numbers", "places"]

LARGEST_SCORE = 1e150
"""Size of a score: the square of it is still a float."""


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
