"""What the columns of a table say of a space: which are decisions, and what their values mean."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archcast.spaces._frames import Columns, is_number
from archcast.spaces._units import Quantity, has_mixed_units, reading
from archcast.spaces.decisions import MOST_VALUES, Decision, Float, Int, decision, looks_geometric

__all__ = ["COUNTS", "NAME_IT", "Inferred", "counts_rows", "infer", "looks_like_score"]

COUNTS = "it counts the rows"
NAME_IT = "; name it among the columns if it is a decision"
FEW_LEVELS = 64
"""Numbers that take at most so many values keep these; others get a grid."""

GRID = 200
"""Values of that grid."""

IDENTIFIER = re.compile(
    r"(^|_)(id|uid|uuid|hash|index|name|run|trial|unnamed.*|arch|path|file|date|time(stamp)?)$|^column1$", re.I
)
SCORE = re.compile(
    r"(^|[^a-z])(val|valid|validation|test|train)?[^a-z]*(score|acc|accuracy|top\W?_?[15]|miou|iou|map|auc|f1|bleu|r2|loss|error|err|"
    r"perplexity|ppl|wer|per|rmse|mse|mae|reward|fitness|objective)([^a-z]|$)",
    re.I,
)


@dataclass(frozen=True)
class Inferred:
    """What was found.

    Attributes:
        decisions: name -> decision, of the columns that are decisions.
        conditions: name -> parent -> values with which it is active.
        left_out: name -> why it is no decision.
        readings: name -> how texts with units were read.
    """

    decisions: dict[str, Decision]
    conditions: dict[str, dict[str, list[Any]]]
    left_out: dict[str, str]
    readings: dict[str, str]


def infer(columns: Columns, *, chosen: Sequence[str] | None = None) -> Inferred:
    """Decisions of a table.

    Args:
        columns: of the table.
        chosen: names of the columns that are decisions; by default all that look like one.
    """
    left_out = (
        {} if chosen is not None else {name: why for name, v in columns.items() if (why := _no_decision(name, v))}
    )
    names = [name for name in (columns if chosen is None else chosen) if name not in left_out]
    decisions: dict[str, Decision] = {}
    conditions: dict[str, dict[str, list[Any]]] = {}
    readings: dict[str, str] = {}
    gaps = {name for name in names if any(value is None for value in columns[name])}
    for name in names:
        known = [value for value in columns[name] if value is not None]
        if not known:
            left_out[name] = "it is empty"
            continue
        parent = _parent(name, columns, [other for other in names if other not in gaps]) if name in gaps else None
        decisions[name] = _decision(name, known, absent=name in gaps and parent is None)
        if parent is not None:
            conditions[name] = parent
        if said := "its units differ" if has_mixed_units(known) else reading(known):
            readings[name] = said
    return Inferred(decisions, conditions, left_out, readings)


def looks_like_score(name: str, values: Sequence[Any]) -> bool:
    """Whether a column looks like a measured result: its name does, and its values are numbers."""
    return bool(SCORE.search(name)) and any(is_number(value) for value in values) and not _few(values)


def counts_rows(values: Sequence[Any]) -> bool:
    """Whether values are whole numbers, each one more than the one before, in five rows and more."""
    if len(values) <= 4 or not all(map(is_number, values)):
        return False
    return [*values] == [*range(int(values[0]), int(values[0]) + len(values))]


def _few(values: Sequence[Any]) -> bool:
    """Whether numbers take few values for their number, as settings do and measurements do not."""
    return len({value for value in values if value is not None}) <= max(2, len(values) // 10)


def _no_decision(name: str, values: Sequence[Any]) -> str | None:
    """Why a column is no decision, or ``None``."""
    known = [value for value in values if value is not None]
    if not known:
        return "it is empty"
    distinct = {repr(value) for value in known}
    numeric = all(is_number(value) for value in known)
    if looks_like_score(name, values):
        return f"its name looks like a result{NAME_IT}"
    if len(known) > 4 and len(distinct) == len(known):
        if not numeric and len(known) > 8:
            return "every row has another text: it looks like a name"
        if numeric and IDENTIFIER.search(name):
            return "every row has another number, and its name looks like an identifier"
        if counts_rows(known):
            return COUNTS
    if not numeric and len(distinct) > max(20, len(known) // 2):
        return f"it has {len(distinct)} different texts in {len(known)} rows"
    if len(distinct) > MOST_VALUES and not numeric:
        return f"it has {len(distinct)} different texts"
    return None


def _decision(name: str, known: Sequence[Any], *, absent: bool) -> Decision:
    """The decision of a column's known values; ``absent`` where a gap is one of its values."""
    known = [value.plain if isinstance(value, Quantity) else value for value in known]
    if all(is_number(value) for value in known):
        found = _numbers(sorted(set(known)))
        return Decision((None, *found.values), True, found.log, found.between) if absent else found
    kinds = {type(value) for value in known}
    values = sorted(set(known)) if len(kinds) == 1 and kinds <= {str, bool, int} else list(dict.fromkeys(known))
    return decision(name, [None, *values] if absent else values)


def _numbers(levels: list[Any]) -> Decision:
    if len(levels) <= FEW_LEVELS:
        return decision("", levels)
    low, high = levels[0], levels[-1]
    if all(isinstance(level, int) or float(level).is_integer() for level in levels):
        low, high = int(low), int(high)
        step = math.gcd(*(int(level) - low for level in levels))
        log = looks_geometric(_quantiles(levels))
        if (high - low) // step < MOST_VALUES // 2:
            return decision("", Int(low, high, step=step, log=log and low > 0))
        return decision("", Int(low, high, log=log and low > 0, levels=GRID))
    log = looks_geometric(_quantiles(levels))
    return decision("", Float(low, high, log=log, levels=GRID))


def _quantiles(levels: Sequence[float]) -> list[float]:
    found = np.quantile(np.asarray(levels, dtype=np.float64), np.linspace(0, 1, 9)).tolist()
    return sorted(set(found))


def _parent(name: str, columns: Columns, others: Sequence[str]) -> dict[str, list[Any]] | None:
    """The column, and its values, with which this one has a value, and without which it has none: depth for the fourth layer.

    Values that are there once each, such as learning rates, separate the rows of any column.
    """
    there = [value is not None for value in columns[name]]
    for other in others:
        with_value = {value for value, known in zip(columns[other], there, strict=True) if known}
        without = {value for value, known in zip(columns[other], there, strict=True) if not known}
        levels = len(with_value | without)
        repeated = 2 * levels <= len(there) or levels == 2
        if with_value and without and not with_value & without and levels <= FEW_LEVELS and repeated:
            return {other: sorted(with_value, key=lambda value: (str(type(value)), value))}
    return None
