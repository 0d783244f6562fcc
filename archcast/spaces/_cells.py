"""Cells of a table that were texts: what number each is, if all of a column are numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from archcast.spaces._units import quantities

__all__ = ["typed", "united"]

UNKNOWN = {"", "nan", "na", "n/a", "none", "null", "<na>", "-nan", "nil", "missing", "n.d.", "-", "--", "?", "."}
UNKNOWN |= {"#n/a", "#na", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!", "-nan(ind)", "nan(ind)"}
UNKNOWN |= {"1.#qnan", "-1.#qnan", "1.#ind", "-1.#ind"}
"""Texts, in lower case, that say that a value is not known: of Python, pandas, Excel, C and people."""
POINTS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
COMMAS = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+,\d+|[-+]?\d{1,3}(?:\.\d{3}){2,}")
SPACED = re.compile(r"[-+]?\d{1,3}(?:[ '\u00a0\u2009\u202f\u2019]\d{3})+(?:[.,]\d+)?")
"""Numbers with their digits in groups of three: 1,234.5 and 1.234,5 and 1 234.5."""


def typed(texts: Sequence[str], *, commas: bool = False) -> list[Any]:
    """Numbers, truth values or texts, whichever all known fields of a column are; ``None`` for what is not known.

    Numbers may be percentages, all of a column, or have units of one kind (:mod:`archcast.spaces._units`), a minus sign of
    typography, and their digits in groups of three.

    Args:
        texts: the fields.
        commas: whether ``0,5`` is a half: where commas do not separate fields.

    Examples:
        >>> typed(["1", "-", "2.5"]), typed(["11,689,512", "900"]), typed(["0,5", "1.234,5"], commas=True)
        ([1, None, 2.5], [11689512, 900], [0.5, 1234.5])
        >>> typed(["93.1 %", "93%"]), typed(["TRUE", "false"]), typed(["1_0", ""])
        ([93.1, 93], [True, False], ['1_0', None])
    """
    known = {text for text in texts if text.lower() not in UNKNOWN}
    number = partial(_number, commas=commas)
    for convert in (_whole, _real, _truth, number, partial(_percentage, number=number)):
        try:
            values = {text: convert(text) for text in known}
        except ValueError:
            continue
        return [values.get(text) for text in texts]
    found = quantities([text if text.lower() not in UNKNOWN else None for text in texts], comma=commas)
    return found or [text if text else None for text in texts]


def united(values: list[Any]) -> list[Any]:
    """Numbers where all values are texts of numbers with one kind of unit."""
    return quantities(values) or values


def _whole(text: str) -> int:
    return int(_digits(text))


def _real(text: str) -> float:
    value = float(_digits(text))
    exact = math.isfinite(value) and value == int(value) and abs(value) < 2**53 and "e" not in text
    return int(value) if exact else value


def _number(text: str, *, commas: bool) -> float:
    """A number with a decimal comma, groups of three digits, or a minus sign of typography."""
    text = text.replace("\u2212", "-")
    if SPACED.fullmatch(text):
        text = re.sub("[ '\u00a0\u2009\u202f\u2019]", "", text)
    elif commas and COMMAS.fullmatch(text):
        text = text.replace(".", "")
    elif POINTS.fullmatch(text) and (not commas or "." in text or text.count(",") > 1):
        text = text.replace(",", "")
    if commas and text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    return _real(text)


def _percentage(text: str, *, number: Callable[[str], float]) -> float:
    """The number of a percentage, ``93.1 %`` or ``93,1%``."""
    if not text.endswith("%"):
        raise ValueError(text)
    text = text[:-1].rstrip()
    return number(text.replace(",", ".")) if text.count(",") == 1 and "." not in text else number(text)


def _digits(text: str) -> str:
    """The text, if it is a number as a person writes one: Python would read ``1_000`` and digits of all scripts as well."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"
