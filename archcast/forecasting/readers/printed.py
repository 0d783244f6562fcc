"""What training loops print: ``Epoch 3/30 - loss: 0.41 - val_acc: 0.87``, and whatever else people write to a log.

A number belongs to the words before it. Words that name a metric make a value, the word ``epoch`` (or ``step``, ``iter``,
``round``, or a line that starts with ``[12]``) makes the clock, the word ``run`` (or ``trial``, ``fold``, ``seed``) says whose
lines these are, and all other numbers are passed over: dates, times, averages in parentheses. A value belongs to the clock and the
run that were printed last; of several within an epoch the last one counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from archcast.errors import InvalidFileError
from archcast.forecasting.metrics import TEST, TRAIN, VALIDATION, Metric, words

__all__ = ["Printed", "columns_of_lines", "is_printed"]

EPOCHS, STEPS = {"epoch", "epochs", "ep"}, {"step", "steps", "iter", "iters", "iteration", "iterations", "round"}
RUNS = {"run", "trial", "fold", "seed", "experiment"}
NUMBER = re.compile(
    r"(?<![\w@.^])(?P<value>[-+]?(?:\d+(?:[.,]\d+)?|\.\d+)(?:[eE][-+]?\d+)?|nan|inf|-inf)"
    r"(?:/(?P<of>\d+))?(?P<percent>\s?%)?(?![\w.]*[a-zA-Z])",
    re.IGNORECASE,
)
BREAKS = re.compile(r"\s-\s|--+|[,;|()\[\]{}\t*]|\.\s")
FILLERS = {
    "average",
    "avg",
    "mean",
    "current",
    "final",
    "the",
    "is",
    "of",
    "on",
    "for",
    "set",
    "info",
    "result",
    "results",
}
LONGEST = 4
"""Most words that name a metric; what has more is a sentence."""


@dataclass
class Printed:
    """The numbers of a log.

    Attributes:
        columns: name -> cells, a row for each time that the clock moved; the clock, ``epoch`` or
            ``step``, comes first, if there is one, and before it ``run``, if there are several.
        epochs: epochs of a full training, where the log says ``Epoch 3/30``.
        again: names of which one epoch has several values.
    """

    columns: dict[str, list[object]]
    epochs: int | None = None
    again: set[str] = field(default_factory=set)


def is_printed(text: str) -> bool:
    """Whether the first two lines repeat their words, the name of a metric among them: ``epoch 1 loss 0.5``.

    Examples:
        >>> is_printed("epoch 1 loss 0.5\\nepoch 2 loss 0.4"), is_printed("epoch loss\\n1 0.5\\n2 0.4")
        (True, False)
    """
    lines = [line for line in text[:10_000].split("\n") if line.strip()][:2]
    if len(lines) < 2 or lines[0].lstrip()[0] in "{[":
        return False
    first, second = (re.sub(r"[-+]?\d[\d.,eE+-]*", "#", line).split() for line in lines)
    return first == second and bool(_line(lines[0])[1])


@dataclass
class _Row:
    clock: dict[str, float]
    values: dict[str, float | str] = field(default_factory=dict)


def columns_of_lines(text: str) -> Printed:
    """The metrics that lines of text hold.

    Raises:
        InvalidFileError: no line names a metric beside a number.

    Examples:
        >>> found = columns_of_lines("Epoch 1/9 loss: 0.7, val acc: 61 %\\nEpoch 2/9 loss: 0.5, val acc: 68 %")
        >>> found.epochs, found.columns
        (9, {'epoch': [1.0, 2.0], 'loss': ['0.7', '0.5'], 'val acc': ['61%', '68%']})
    """
    rows = [_Row({})]
    totals: set[int] = set()
    again: set[str] = set()
    for line in text.split("\n"):
        clock, values, total = _line(line)
        if total is not None:
            totals.add(total)
        now = rows[-1].clock
        moved = {kind: time for kind, time in clock.items() if now.get(kind) != time}
        if moved and (rows[-1].values or now.keys() & moved.keys()):
            kept = {kind: time for kind, time in now.items() if kind == "run" or "epoch" not in moved}
            rows.append(_Row({**({} if "run" in moved else kept), **clock}))
        else:
            now.update(clock)
        if not clock and not now.keys() - {"run"} and rows[-1].values.keys() & values.keys():
            rows.append(_Row(dict(now)))  # nothing counts the lines, so each is one
        again |= {name for name in clock and values if rows[-1].values.get(name, values[name]) != values[name]}
        rows[-1].values.update(values)
    rows = [row for row in rows if row.values]
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    if not names:
        raise InvalidFileError("no line names a metric beside a number, as in 'epoch 3: val_loss 0.41'.")
    kind = next((kind for kind in ("epoch", "step") if len({row.clock.get(kind) for row in rows} - {None}) > 1), None)
    columns: dict[str, list[object]] = {}
    if len({row.clock.get("run") for row in rows} - {None}) > 1:
        columns["run"] = [f"run {row.clock['run']:.0f}" if "run" in row.clock else "" for row in rows]
    if kind is not None:
        columns[kind] = [row.clock.get(kind) for row in rows]
    columns |= {name: [row.values.get(name) for row in rows] for name in names}
    return Printed(columns, totals.pop() if len(totals) == 1 else None, again)


def _line(line: str) -> tuple[dict[str, float], dict[str, float | str], int | None]:
    """What a line says: the clock, the values by name, the epochs of a full training."""
    clock: dict[str, float] = {}
    values: dict[str, float | str] = {}
    total, split, end = None, "", 0
    start = re.match(r"\s*\[(\d+)\]\s", line)  # of boosted trees
    if start:
        clock["step"] = float(start[1])
    for found in NUMBER.finditer(line):
        before, end = line[end : found.start()], found.end()
        part = BREAKS.split(before)[-1]
        told = words(part)
        split = _split(words(before)) or split
        counted = next((word for word in (told or words(before))[-2:] if word in EPOCHS | STEPS), None)
        value = found["value"].replace(",", ".")
        if told and told[-1] in RUNS and value.isdigit():
            clock.setdefault("run", float(value))
            continue
        if counted is not None and (not told or Metric.of(part) is None):
            clock.setdefault("epoch" if counted in EPOCHS else "step", float(value))
            if counted in EPOCHS and found["of"]:
                total = int(found["of"])
            continue
        named = [word for word in part.split() if word.strip(":='\"").lower() not in FILLERS]
        name = " ".join(named).strip(" :='\"-").replace(":", "")
        if not 0 < len(named) <= LONGEST or Metric.of(name) is None or not _last(name):
            continue
        if split and not _split(words(name)):
            name = f"{split} {name}"
        if found["of"]:
            values[name] = float(value) / max(float(found["of"]), 1.0)
        else:
            values[name] = value + ("%" if found["percent"] else "")
    return clock, values, total


def _last(name: str) -> bool:
    """Whether a metric is the last thing that is named, but for a number of its kind: ``loss``, ``mAP 50``, not ``loss weight``."""
    told = [word for word in words(name) if not word.isdigit()]
    return any(Metric.of(word) is not None for word in told[-2:])


def _split(told: list[str]) -> str:
    """The last word that says on which part of the data something was measured."""
    return next((word for word in reversed(told) if word in VALIDATION | TEST | TRAIN), "")
