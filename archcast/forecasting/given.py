"""What ``archcast.forecast`` is given: curves of any form, a metric that may have to be guessed, the length of a full training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import listed, mapping, numbers, whole
from archcast.errors import InvalidInputError, short
from archcast.forecasting.metrics import Metric, direction

__all__ = ["full_length", "metric_of", "named_curves", "some_of", "without_gaps"]

Floats = NDArray[np.float64]


def named_curves(curves: Any) -> tuple[list[str], list[Floats]]:
    """Names, and one-dimensional arrays."""
    if hasattr(curves, "columns") and hasattr(curves, "index"):
        names, many = [str(name) for name in curves.index], list(np.asarray(curves))
        if all(type(name) is int for name in curves.index):
            names = [f"run {name}" for name in curves.index]
    elif isinstance(curves, Mapping):
        named = mapping("curves", curves, "names to lists of numbers")
        names, many = [str(name) for name in named], list(named.values())
    else:
        many = listed("curves", curves, "lists of numbers")
        if many and all(getattr(value, "ndim", int(hasattr(value, "__iter__"))) == 0 for value in many):
            many = [many]
        names = [f"run {i}" for i in range(len(many))]
    if not many:
        raise InvalidInputError("curves is empty: give a list of numbers for each training.")
    rows = []
    for name, values in zip(names, many):
        row = numbers(f"the curve of {short(name)} in curves", values)
        if row.ndim != 1:
            raise InvalidInputError(f"the curve of {name!r} must be a list of numbers, got shape {row.shape}.")
        if not np.isfinite(row).any():
            raise InvalidInputError(f"the curve of {name!r} has no known value. Leave it out.")
        rows.append(row)
    return names, rows


def metric_of(name: str | None, better: str | None, rows: list[Floats]) -> tuple[Metric, list[str]]:
    """The metric, and what was guessed of it."""
    if not isinstance(name, (str, type(None))):
        raise InvalidInputError(f"metric must be the name of a metric, got {short(name)}.")
    if name is not None or better is not None:
        named = Metric.of(name or "metric", better)
        if named is None:
            raise InvalidInputError(
                f"metric {name!r} does not tell which way is better. Say better='higher' or 'lower'."
            )
        return (named if name else _by_range(named.falls, rows)), []
    falls = direction([row[np.isfinite(row)] for row in rows])
    if falls is None:
        raise InvalidInputError(
            "which way is better cannot be told from the curves. Name the metric, metric='val_accuracy', or say "
            "better='higher' or 'lower' (--metric, --better)."
        )
    found = _by_range(falls, rows)
    told = "fall, so lower is" if falls else "rise, so higher is"
    return found, [f"The metric has no name. Its values {told} better; taken as {_article(found.name)}."]


def _by_range(falls: bool, rows: list[Floats]) -> Metric:
    """A metric without a name: a loss, an accuracy where all values fit one, or a score."""
    values = np.concatenate([row[np.isfinite(row)] for row in rows])
    kind = "loss" if falls else "accuracy" if values.min() >= 0 and values.max() <= 100 else "score"
    return Metric(kind, kind, falls)


def without_gaps(names: list[str], rows: list[Floats]) -> tuple[list[Floats], list[int | None], list[str]]:
    """Curves without gaps that end at their last value; the epochs before a divergence; the names of those with gaps."""
    out: list[Floats] = []
    diverged: list[int | None] = []
    filled = []
    for name, row in zip(names, rows):
        known = np.flatnonzero(np.isfinite(row))
        end = int(known[-1]) + 1
        diverged.append(end if np.isinf(row[end:]).any() else None)
        if len(known) < end:
            filled.append(name)
        out.append(np.interp(np.arange(end), known, row[known]))
    return out, diverged, filled


def full_length(epochs: int | None, curves: list[Floats]) -> tuple[int, list[str]]:
    """Epochs of a full training, and what is to be said of them."""
    lengths = np.array([len(curve) for curve in curves])
    longest = int(lengths.max())
    if epochs is None:
        if lengths.min() == longest:
            raise InvalidInputError(
                f"how long a full training is cannot be told: {'the curve has' if len(lengths) == 1 else 'all curves have'} "
                f"{longest} epochs. Give the number of epochs, for example epochs={max(50, 2 * longest)} "
                f"(--epochs {max(50, 2 * longest)})."
            )
        done = int((lengths == longest).sum())
        return longest, [
            f"A full training is taken to have {longest} epochs, as the longest of {len(lengths)} curves; {done} finished."
        ]
    total = whole("epochs", epochs, 1)
    beyond = int((lengths > total).sum())
    return total, [f"{beyond} longer than {total} epochs: cut there."] if beyond else []


def some_of(names: list[str]) -> str:
    """The first three names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _article(word: str) -> str:
    return ("an " if word[0] in "aeiou" else "a ") + word
