"""What all readers answer: curves with names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Run", "arrange", "number"]

Floats = NDArray[np.float64]
LONGEST = 100_000
"""A number of an epoch beyond this is none; rows are then counted."""
THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:(?:,\d{3})+\.\d+|(?:,\d{3}){2,})")
RESTARTS = 3
"""A log whose epochs go back more often is not in the order of time."""


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        name: of the run; empty if the file is all there is to name it.
        values: ``(epochs,)``; NaN is unknown, an infinite last value a divergence.
        metric: name of what was measured, or ``None`` if the file does not say.
        notes: what was changed while reading.
        epochs: epochs of a full training, where the file says so.
    """

    name: str
    values: Floats
    metric: str | None
    notes: list[str] = field(default_factory=list)
    epochs: int | None = None


def number(cell: object) -> float | None:
    """A cell as a number: NaN for the words of it, ``None`` for what is none.

    ``0,5`` is 0.5, ``1,234.5`` is 1234.5, ``93 %`` is 93.

    Examples:
        >>> number("0,5"), number(" 93.1% "), number(True), number("abc"), number("")
        (0.5, 93.1, None, None, None)
    """
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, (int, float)):
        return float(cell)
    text = str(cell).strip().rstrip("%").strip()
    if THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    elif text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    if text.startswith("tensor(") and text.endswith(")"):  # of torch, printed
        text = text[7:-1].split(",")[0]
    if "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def arrange(
    epochs: Sequence[float] | None, values: Sequence[float], *, first: int | None = None
) -> tuple[Floats, list[str]]:
    """A curve from rows in the order of the log.

    An epoch that is there more than once counts with its last value. Where epochs go back, the training was restarted: what was
    there from that epoch on is forgotten.

    Args:
        epochs: number of each row; ``None`` counts the rows.
        values: the metric, NaN where a row does not have it.
        first: number of the first epoch, 0 or 1; ``None`` takes 0 if it occurs.

    Returns:
        Values from the first epoch on, NaN in gaps, and what is to be said.
    """
    value = np.asarray(values, dtype=np.float64)
    if epochs is None:
        return value[~np.isnan(value)], []
    time = np.asarray(epochs, dtype=np.float64)
    notes: list[str] = []
    there = np.isfinite(time) & ~np.isnan(value) & (time >= 0)
    time, value = time[there], value[there]
    if not len(time):
        return value, notes
    if (time != np.floor(time)).any():
        place = np.maximum(
            np.ceil(time).astype(np.int64) - 1, 0
        )  # within an epoch: it belongs to the epoch that ends next
    else:
        start = first if first is not None else int(time.min() > 0)
        place = np.maximum(time.astype(np.int64) - start, 0)
    if place.max() >= LONGEST:
        return value, ["Numbers of epochs are too large to be any: rows are counted."]
    back = np.flatnonzero(np.diff(place) < 0)
    if len(back) > RESTARTS:
        order = np.argsort(place, kind="stable")
        place, value, back = place[order], value[order], back[:0]
    curve = np.full(int(place.max()) + 1, np.nan)
    end = 0
    for spot, one in zip(place, value):
        if spot + 1 < end:
            curve[spot:] = np.nan
        curve[spot], end = one, int(spot) + 1
    if len(back):
        notes.append(f"restarted {len(back)} time{'s' * (len(back) > 1)}: the last start counts")
    elif (repeated := len(place) - len(np.unique(place))) > 0:
        notes.append(f"{repeated} rows repeat an epoch: the last one counts")
    return curve[: int(np.flatnonzero(~np.isnan(curve))[-1]) + 1], notes
