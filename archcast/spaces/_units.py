"""Numbers that a table writes with a unit, such as ``16MB``, ``1.5k``, ``30 ms`` or ``3x``."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

__all__ = ["Quantity", "has_mixed_units", "quantities", "reading"]

WRITTEN = re.compile(r"[x×]?([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?) *((?:[^\W\d_]|[°×/ ])*)")
"""A number, and a unit without digits, or x before it: ``3x3`` is none."""

SCALES = {"": "1", "k": "1e3", "K": "1e3", "M": "1e6", "G": "1e9", "B": "1e9", "T": "1e12"}
"""What a letter after a number, or before a unit of :data:`COUNTED`, multiplies it by."""

COUNTED = re.compile(r"([kKMGBT]?)(flops?|macs?|madds?|params?|parameters)", re.IGNORECASE)

UNITS = {
    **{
        unit: ("MB", f"1e{3 * i - 6}")
        for i, letter in enumerate("KMGT", 1)
        for unit in (f"{letter}B", f"{letter}b".lower())
    },
    "kB": ("MB", "1e-3"),
    **{f"{letter}iB": ("MB", str(Decimal(1024) ** i / 1_000_000)) for i, letter in enumerate("KMGT", 1)},
    **dict.fromkeys(("ns",), ("ms", "1e-6")),
    **dict.fromkeys(("us", "µs", "μs"), ("ms", "1e-3")),
    "ms": ("ms", "1"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("ms", "1e3")),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("ms", "6e4")),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), ("ms", "36e5")),
}
"""Unit -> the unit that its numbers are given in, and the factor: whatever unit each of two tables has, their numbers compare."""


class Quantity(float):
    """A number as a table wrote it: it is the number, in the unit of all numbers of its kind, and its text is what was written.

    Attributes:
        text: what was written.
        unit: what the number counts: ``"MB"``, ``"ms"``, a unit that is not known here as it was written, or nothing.

    Examples:
        >>> memory = Quantity("2GB", 2000.0, "MB")
        >>> memory + 0, str(memory), memory.unit
        (2000.0, '2GB', 'MB')
    """

    text: str
    unit: str

    def __new__(cls, text: str, value: float, unit: str) -> Quantity:
        out = super().__new__(cls, value)
        out.text, out.unit = text, unit
        return out

    def __getnewargs__(self) -> tuple[str, float, str]:  # type: ignore[override]
        return self.text, float(self), self.unit

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return repr(self.text)

    @property
    def plain(self) -> int | float:
        """The number alone; a whole one without a point."""
        return int(self) if self.is_integer() else float(self)


def quantities(values: Sequence[Any], *, comma: bool = False) -> list[Any] | None:
    """The values of a column as quantities, if all that are known are numbers and some have a unit, all of one kind.

    Bytes are given in MB, times in ms; ``k``, ``M``, ``G``, ``B`` and ``T`` alone are thousands to trillions; another unit is kept
    as it is. A zero needs no unit.

    Args:
        values: texts, ``None`` where there is none.
        comma: whether numbers have decimal commas, ``12,5 ms``; those with points are then read, too.

    Returns:
        The quantities, or ``None`` where the column is something else.

    Examples:
        >>> [value.plain for value in quantities(["512MB", "1GB", "0"])]
        [512, 1000, 0]
        >>> quantities(["3x3", "5x5"]), quantities(["2 ms", "3 MB"])
        (None, None)
    """
    found = _read(values, comma)
    if found is None or not _one_kind([one for one in found if one is not None]):
        return None
    unit = next((one.unit for one in found if one is not None and one.unit), "")
    return [None if one is None else Quantity(one.text, float(one), unit) for one in found]


def has_mixed_units(values: Sequence[Any]) -> bool:
    """Whether the known values are numbers with units that cannot be compared."""
    found = _read(values)
    return found is not None and not _one_kind([one for one in found if one is not None])


def reading(values: Sequence[Any]) -> str:
    """How the values of a column were read, in words: ``'2GB' is read as 2000 MB``; empty where nothing was to be read."""
    first = next((value for value in values if isinstance(value, Quantity) and value), None)
    unit = "" if first is None or first.unit not in UNITS else f" {first.unit}"
    return "" if first is None else f"{first!r} is read as {first.plain}{unit}"


def _read(values: Sequence[Any], comma: bool = False) -> list[Quantity | None] | None:
    """Each value by itself; ``None`` where one is no number, or none has a unit."""
    read: dict[str, Quantity] = {}
    some = False
    for value in values:
        if value is None or value in read:
            continue
        text = value.strip() if isinstance(value, str) else ""
        if comma and "." not in text:
            text = text.replace(",", ".", 1)
        found = WRITTEN.fullmatch(text)
        if found is None:
            return None
        some = some or bool(found[2])
        times = text[0] in "x×"
        if times and found[2]:
            return None
        unit, factor = _unit("x" if times else found[2].replace(" ", "").replace("×", "x"))
        some = some or times
        try:
            number = float(Decimal(found[1]) * Decimal(factor))
        except ArithmeticError:  # an exponent that no number has
            return None
        if not math.isfinite(number):
            return None
        read[value] = Quantity(value, number, unit)
    return [None if value is None else read[value] for value in values] if some else None


def _unit(text: str) -> tuple[str, str]:
    """The unit that numbers are given in, and the factor."""
    if text in SCALES:
        return "", SCALES[text]
    if counted := COUNTED.fullmatch(text):
        scale = counted[1] if counted[1] in SCALES else counted[1].upper()
        return counted[2].rstrip("s").lower(), SCALES[scale]
    return UNITS.get(text, (text, "1"))


def _one_kind(found: Sequence[Quantity]) -> bool:
    return len({one.unit for one in found if one}) <= 1
