"""Values of named decisions as the numbers of a row."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError, short
from archcast.spaces._frames import Columns, is_number
from archcast.spaces._units import Quantity
from archcast.spaces.decisions import Decision

__all__ = ["code_of", "codes_of", "coded"]

TOLERANCE = 1e-6
"""Part of a number, or of the step to the next value, by which it may differ from a value of the space."""


def code_of(what: str, found: Decision, value: Any, *, nearest: bool = False) -> int:
    """Number of a value of a decision; of the nearest one, if that will do.

    Args:
        what: what an error calls it.
        found: the decision.
        value: a value; a text for a number, or the other way round, where that is how the decision has it.
        nearest: take the nearest value for any number.

    Raises:
        InvalidInputError: there is no such value.
    """
    value = value.item() if isinstance(value, np.generic) else tuple(value) if isinstance(value, list) else value
    for code, known in enumerate(found.values):
        if known == value and isinstance(known, bool) == isinstance(value, bool):
            return code
    numbers = found.numbers
    if is_number(value) and numbers is not None and (not found.log or value > 0) and is_number(found.values[-1]):
        place = np.log(value) if found.log else float(value)
        code = int(np.nanargmin(np.abs(np.asarray(numbers) - place)))
        close = abs(found.values[code] - value) <= TOLERANCE * max(abs(value), abs(found.values[code]))
        inside = next(v for v in found.values if v is not None) <= value <= found.values[-1]
        if nearest or close or (found.between and inside):
            return code
    elif isinstance(value, str) and value in (texts := [str(known) for known in found.values]):
        return texts.index(value)
    elif isinstance(value, (bool, int, float)) and str(value) in found.values:
        return found.values.index(str(value))
    raise InvalidInputError(f"{what}: {short(value)} is none of its values, {_which(found)}.")


def codes_of(what: str, found: Decision, values: Any) -> tuple[int, ...]:
    """Numbers of one or several values of a decision, each once, in order."""
    several = isinstance(values, (list, tuple, set, frozenset, range)) or (
        isinstance(values, np.ndarray) and bool(values.ndim)
    )
    one = not several or (not isinstance(values, np.ndarray) and any(known == values for known in found.values))
    return tuple(sorted({code_of(what, found, value) for value in ([values] if one else values)}))


def coded(
    decisions: Mapping[str, Decision], columns: Columns, *, nearest: bool
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """``(n, d)`` rows of a table, and where a value is missing that more than one could stand for.

    Raises:
        InvalidInputError: names the first row and column whose value is none of the decision's.
    """
    n = len(next(iter(columns.values()), []))
    rows, unknown = np.zeros((n, len(decisions)), dtype=np.int64), np.zeros((n, len(decisions)), dtype=bool)
    for j, (name, found) in enumerate(decisions.items()):
        codes: dict[Any, int | None] = {}
        for i, value in enumerate(columns.get(name, [None] * n)):
            if not isinstance(value, Hashable):
                raise InvalidInputError(f"row {i + 1}: {name}: {short(value)} is none of its values, {_which(found)}.")
            key = (type(value), value.text if isinstance(value, Quantity) else value)
            try:
                if key not in codes:
                    missing = value is None and len(found.values) > 1 and None not in found.values
                    codes[key] = (
                        None if missing else 0 if value is None else code_of(name, found, value, nearest=nearest)
                    )
            except InvalidInputError as error:
                raise InvalidInputError(f"row {i + 1}: {error}") from None
            code = codes[key]
            rows[i, j], unknown[i, j] = (0, True) if code is None else (code, False)
    return rows, unknown


def _which(found: Decision) -> str:
    """The values of a decision as the end of a sentence."""
    return f"which are {found}" if len(found.values) > 1 else f"it is {found}"
