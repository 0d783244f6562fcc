"""Combinations of values that a space of named decisions forbids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError
from archcast.spaces._frames import is_number
from archcast.spaces.decisions import Decision

__all__ = ["Clause", "Codes", "Rule", "allowed"]

Clause = Mapping[str, Any]
"""Name -> value or values that may not occur together."""
Codes = tuple[tuple[str, tuple[int, ...]], ...]
"""A clause as numbers of the values."""
Rule = Callable[[Mapping[str, NDArray[Any]]], NDArray[np.bool_]]
"""Name -> ``(n,)`` values to ``(n,)`` bool, true where a row is forbidden."""


def allowed(
    forbidden: Sequence[Codes | Rule],
    decisions: Mapping[str, Decision],
    archs: NDArray[np.int64],
    active: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """``(n,)`` bool: rows that hold no forbidden combination of active decisions.

    Args:
        forbidden: clauses and rules.
        decisions: name -> decision, one for each column.
        archs: ``(n, d)`` rows.
        active: ``(n, d)`` bool, which decisions play a part.

    Raises:
        InvalidInputError: a rule answers something else than a truth value for each row.
    """
    out = np.ones(len(archs), dtype=bool)
    number = {name: j for j, name in enumerate(decisions)}
    for clause in forbidden:
        if callable(clause):
            out &= ~_ruled(clause, decisions, archs, active)
            continue
        holds = [active[:, number[name]] & np.isin(archs[:, number[name]], codes) for name, codes in clause]
        out &= ~np.logical_and.reduce(holds)
    return out


def _ruled(
    rule: Rule, decisions: Mapping[str, Decision], archs: NDArray[np.int64], active: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """``(n,)`` answers of a rule; it sees NaN or ``None`` where a decision is inactive."""
    values: dict[str, NDArray[Any]] = {}
    for j, (name, found) in enumerate(decisions.items()):
        plain, everywhere = all(is_number(value) for value in found.values), bool(active[:, j].all())
        column = np.array(found.values, dtype=None if plain and everywhere else float if plain else object)
        empty: Any = np.nan if plain else None
        values[name] = (
            column[archs[:, j]] if plain and everywhere else np.where(active[:, j], column[archs[:, j]], empty)
        )
    answer = np.asarray(rule(values))
    if answer.shape != (len(archs),) or answer.dtype != bool:
        raise InvalidInputError(
            f"forbidden: the function must return ({len(archs)},) true or false, got {answer.dtype} of shape {answer.shape}."
        )
    return answer
