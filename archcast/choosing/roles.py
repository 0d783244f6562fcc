"""What each column of a table is: the score, costs, proxies, learning curves, and what has to be left out."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from archcast.checks import label_of
from archcast.errors import InvalidInputError, short
from archcast.forecasting.metrics import BETTER, Metric, words
from archcast.forecasting.metrics import choose as choose_metric
from archcast.names import PROXIES
from archcast.registry import closest
from archcast.spaces._cells import typed
from archcast.spaces._frames import Columns, is_number
from archcast.spaces._units import Quantity
from archcast.spaces.base import SearchSpace

__all__ = ["Roles", "falls_of", "is_measured", "others_of", "score_of", "series_of", "without_infinite"]

COSTS = {
    "params",
    "parameters",
    "flops",
    "macs",
    "gflops",
    "gmacs",
    "mflops",
    "mmacs",
    "madds",
    "latency",
    "memory",
    "energy",
    "activations",
}
COSTS |= {"acts", "size", "mb"}
SPEEDS = {"throughput", "fps", "speed"}
LATER = {"time", "runtime", "seconds", "hours", "minutes", "duration"}
"""What is known of a training only when it is over."""

TRACKED = re.compile(r"params[_.](?!(m|k|g|mb|count|total|number|millions?)$)\w", re.IGNORECASE)
"""How Optuna and MLflow call the columns of decisions."""
STUDY = {"number", "state", "run_id", "experiment_id"}
"""Columns by which their tables are known."""
NO_PARAMETER = "it is no parameter of the study"
"""Why their other columns are left out: numbers, states and times of trials."""

MEASURED = ("ms", "MB")
"""Units of numbers that are measured, where they take many values."""

PLAIN = ("score", "y", "target", "label", "objective", "fitness", "performance", "result", "value", "metric")
"""Names of a score that say nothing of what is measured."""


@dataclass(frozen=True)
class Roles:
    """Which column is what.

    Attributes:
        score: name of the column with the score.
        falls: whether lower scores are better.
        decisions: names of the columns that describe an architecture.
        costs: names of costs, such as parameters.
        proxies: names of other numbers that are known before a training.
        curves: name of a learning curve -> its columns, in the order of epochs.
        epochs: number of epochs of curves that are looked at.
    """

    score: str
    falls: bool
    decisions: tuple[str, ...]
    costs: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    curves: dict[str, tuple[str, ...]] = field(default_factory=dict)
    epochs: int = 0


def score_of(columns: Columns, asked: str | None, curves: set[str], name: str, notes: list[str]) -> str:
    """Name of the column with the score: the one asked for, else the one whose name says so, which is noted.

    Args:
        columns: of the table.
        asked: name that somebody gave, or ``None``.
        curves: names of columns that are epochs of a learning curve.
        name: what errors call the table.
        notes: what was inferred; longer after it.

    Raises:
        InvalidInputError: there is no such column, none is called like a score, or several are.
    """
    if asked is not None:
        label_of("score", asked)
        if asked not in columns:
            raise InvalidInputError(f"{name} has no column {asked!r}. {closest(asked, list(columns))}")
        return asked
    numeric = [
        column
        for column, values in columns.items()
        if column not in curves and any(map(is_number, values)) and all(v is None or is_number(v) for v in values)
    ]
    varied = [column for column in numeric if len({v for v in columns[column] if v is not None}) > 2]
    plain = next((column for word in PLAIN for column in numeric if column.lower() == word), None)
    try:
        found = plain or choose_metric(varied)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: {error}".replace("--metric", "--score")) from None
    if found is None:
        called = next((column for column in columns if column.lower() in PLAIN or choose_metric([column])), None)
        if called is not None:
            raise InvalidInputError(f"{name}: column {called!r} is called like a score, but {_unfit(columns[called])}.")
        raise InvalidInputError(
            f"{name}: no column's name says that it is the score. Name it with --score COLUMN; the columns are "
            f"{', '.join(columns)}."
        )
    notes.append(f"score: {found}, chosen by its name")
    return found


def _unfit(values: Sequence[Any]) -> str:
    """Why values are no scores."""
    others = [value for value in values if value is not None and not is_number(value)]
    said = {v: typed([v], commas=True)[0] if isinstance(v, str) else v for v in others}
    texts = [v for v, read in said.items() if not is_number(read)]
    wrong = next((v for v in texts if said[v] is not None), next(iter(texts), None))
    if wrong is not None:
        return f"it holds {short(wrong)}, which is no number"
    if others:
        return f"its numbers are not all written alike: {short(others[0])}, say"
    count = len({value for value in values if value is not None})
    return f"it holds {count} different number{'s' * (count != 1)}, where at least three are needed"


def is_measured(column: str) -> bool:
    """Whether a column is called like a metric, or like one at an epoch."""
    return Metric.of(re.sub(r"[\W_]*\d+$", "", column)) is not None


def without_infinite(values: list[Any]) -> list[Any]:
    """The values of a column of numbers, ``None`` in place of infinite ones: the loss of a run that diverged was not measured. What
    has infinite values and no three others is left as it is."""
    numbers = [value for value in values if is_number(value)]
    infinite = [isinstance(value, float) and math.isinf(value) for value in values]
    if not any(infinite) or len(set(numbers)) < 3 or len(numbers) + sum(infinite) + values.count(None) < len(values):
        return values
    return [None if bad else value for value, bad in zip(values, infinite, strict=True)]


def falls_of(score: str, better: str | None, notes: list[str]) -> bool:
    """Whether lower scores are better: as said by ``better``, else by the name of the score, which is noted."""
    if better is not None and (not isinstance(better, str) or better not in BETTER):
        raise InvalidInputError(f"better must be 'higher' or 'lower', got {short(better)}.")
    metric = Metric.of(score, better)
    falls = metric.falls if metric is not None else bool(set(words(score)) & (COSTS | LATER) - {"size"})
    if better is None and falls:
        notes.append(f"lower {score} is better, by its name")
    elif better is None and metric is None:
        notes.append(f"higher {score} is taken to be better; if lower is, say --better lower")
    return falls


def series_of(columns: Columns) -> dict[str, tuple[str, ...]]:
    """Learning curves: columns ``val_acc_1``, ``val_acc_2``, ... whose stem is the name of a metric."""
    found: dict[str, dict[int, str]] = {}
    for name, values in columns.items():
        match = re.fullmatch(r"(.*?)[\W_]*(?:epoch|ep|step|e)?[\W_]*(\d+)", name, re.IGNORECASE)
        swapped = re.fullmatch(r"(?:epoch|ep|step)[\W_]*(\d+)[\W_]+(.*)", name, re.IGNORECASE)
        if swapped:
            stem, number = swapped[2], int(swapped[1])
        elif match:
            stem, number = match[1], int(match[2])
        else:
            continue
        if all(value is None or is_number(value) for value in values):
            found.setdefault(stem.strip("_- ."), {})[number] = name
    out = {}
    for stem, members in found.items():
        numbers = sorted(members)
        even = (
            len(numbers) >= 3 and numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        )
        if even and Metric.of(stem) is not None:
            out[stem] = tuple(members[k] for k in numbers)
    return out


def others_of(
    columns: Columns, taken: set[str], space: SearchSpace | None
) -> tuple[list[str], list[str], dict[str, str]]:
    """Costs, proxies, and other columns that are no decisions, with why."""
    costs: list[str] = []
    proxies: list[str] = []
    left_out: dict[str, str] = {}
    own = set() if space is None else set(space.columns)
    tuned = {column for column in columns if TRACKED.match(column)}
    own |= tuned if len(tuned) > 1 else set()
    study = space is None and len(tuned) > 1 and bool(STUDY & set(columns))
    for column, values in columns.items():
        numeric = any(map(is_number, values)) and all(value is None or is_number(value) for value in values)
        if column in taken or column in own:
            continue
        if not numeric:
            if study:
                left_out[column] = NO_PARAMETER
            continue
        distinct = len({value for value in values if value is not None})
        said, many = set(words(column)), distinct > max(2, len(values) // 10)
        if column in PROXIES and column not in COSTS:
            proxies.append(column)
        elif many and said & LATER and not said & {"latency"}:
            left_out[column] = "it is known only after a training"
        elif many and said & SPEEDS:
            proxies.append(column)
        elif many and (said & COSTS - {"size"} or column in PROXIES):
            costs.append(column)
        elif many and Metric.of(column) is not None:
            left_out[column] = "it looks like another result"
        elif many and any(isinstance(value, Quantity) and value.unit in MEASURED for value in values):
            costs.append(column)
        elif study:
            left_out[column] = NO_PARAMETER
    return costs, proxies, left_out
