"""Checks of arguments: each returns the value, or names the argument, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral
from typing import Any

from archcast.errors import InvalidInputError
from archcast.registry import closest

__all__ = ["one_of", "whole"]


def whole(name: str, value: Any, least: int) -> int:
    """``value`` as an int of at least ``least``.

    Raises:
        InvalidInputError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InvalidInputError(f"{name} must be a whole number of at least {least}, got {value!r}.")
    return int(value)


def one_of(name: str, value: Any, allowed: Collection[str]) -> str:
    """``value`` if it is one of the names allowed.

    Raises:
        InvalidInputError: with the closest names.
    """
    if not isinstance(value, str) or value not in allowed:
        raise InvalidInputError(f"Unknown {name} {value!r}. {closest(str(value), list(allowed))}")
    return value
