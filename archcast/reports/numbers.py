"""How numbers look in reports and on the screen: one place, so that one number looks the same in both."""

from __future__ import annotations

import math

__all__ = ["UNKNOWN", "compact", "counted", "fixed", "mean_and_error", "significant"]

UNKNOWN = "–"
"""Stands where there is no number."""


def fixed(value: float, places: int = 3) -> str:
    """``places`` decimals, thousands apart.

    Examples:
        >>> fixed(1234.5, 2), fixed(math.nan)
        ('1,234.50', '–')
    """
    return UNKNOWN if math.isnan(value) else f"{value:,.{places}f}"


def counted(n: int, noun: str) -> str:
    """A number of things.

    Examples:
        >>> counted(1, "table"), counted(1200, "table")
        ('1 table', '1,200 tables')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def compact(value: float, digits: int = 2) -> str:
    """At least ``digits`` significant digits, never an exponent; nothing below 0.0001 is told from it.

    Examples:
        >>> compact(0.01234), compact(3.21), compact(321.7)
        ('0.012', '3.2', '322')
    """
    if math.isnan(value):
        return UNKNOWN
    size = max(abs(value), 1e-4)
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(size)))}f}"


def significant(value: float, digits: int = 3) -> str:
    """``digits`` significant digits, written out.

    Examples:
        >>> significant(0.000123456), significant(98765.0)
        ('0.000123', '98,800')
    """
    if not math.isfinite(value):
        return UNKNOWN if math.isnan(value) else str(value)
    return f"{float(f'{value:.{digits}g}'):,.10f}".rstrip("0").rstrip(".")


def mean_and_error(mean: float, error: float, places: int = 3) -> tuple[str, str]:
    """A mean, and its standard error with the sign before it; the second is empty where it is not known.

    Examples:
        >>> mean_and_error(0.5, 0.0123), mean_and_error(math.nan, math.nan)
        (('0.500', '± 0.012'), ('–', ''))
    """
    if math.isnan(mean):
        return UNKNOWN, ""
    return fixed(mean, places), "" if math.isnan(error) else f"± {error:.{places}f}"
