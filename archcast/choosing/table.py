"""What the columns of a table are: the score, decisions, costs, proxies, learning curves; and what has to be left out."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import label_of, listed, whole
from archcast.errors import ArchcastError, DataNotFoundError, InvalidFileError, InvalidInputError, short
from archcast.evidence import Evidence, Source
from archcast.forecasting.metrics import BETTER, Metric, words
from archcast.forecasting.metrics import choose as choose_metric
from archcast.names import PROXIES, SPACES
from archcast.registry import closest
from archcast.spaces._frames import Columns, columns_of, is_number
from archcast.spaces.base import SearchSpace, get_space
from archcast.spaces.choices import Choices

__all__ = ["Roles", "Table", "evidence_of", "read_source", "read_table", "rows_of"]

LEAST_ROWS = 6
"""Fewest rows with a score that anything can be learned from and tested on."""

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
LATER = {"time", "seconds", "hours", "minutes", "duration"}
"""What is known of a training only when it is over."""

OPTUNA = re.compile(r"params_(?!(m|k|g|mb|count|total|number|millions?)$)\w", re.IGNORECASE)
"""How Optuna calls the columns of its decisions."""

PLAIN = ("score", "y", "target", "label", "objective", "fitness", "performance", "result", "value", "metric")
"""Names of a score that say nothing of what is measured."""

EPOCHS_SHARE = 5
"""Candidates are taken to be trained for one epoch in so many of a full training, unless somebody says otherwise."""


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


@dataclass(frozen=True, eq=False)
class Table:
    """A table with scores, ready to learn from.

    Attributes:
        space: what its rows mean.
        archs: ``(n, d)`` rows that have a score.
        scores: ``(n,)``, higher is better.
        evidence: costs, proxies and the beginnings of curves of these rows.
        roles: which column is what.
        notes: what was inferred and left out, a line each.
        name: of the table.
    """

    space: SearchSpace
    archs: NDArray[np.int64]
    scores: NDArray[np.float64]
    evidence: Evidence
    roles: Roles
    notes: tuple[str, ...]
    name: str

    def __len__(self) -> int:
        return len(self.archs)


def read_table(
    frame: Any,
    *,
    score: str | None = None,
    better: str | None = None,
    space: str | SearchSpace | None = None,
    epochs: int | None = None,
    beside: Sequence[Any] = (),
) -> Table:
    """Read a table of architectures and scores.

    Args:
        frame: path of a CSV, TSV or JSON file, a DataFrame, a mapping of columns, or a list of records.
        score: name of the column with the score; by default the one whose name says so.
        better: ``"higher"`` or ``"lower"`` scores; by default what the name says.
        space: name of a search space, a space, or the path of a JSON file of :meth:`Choices.to_json`; by default the columns of the
            table are the space.
        epochs: epochs of learning curves that candidates will have; by default a fifth of those in the table.
        beside: tables with the same columns, of other tasks; where the columns are the space, it holds their values too.

    Examples:
        >>> rows = [{"width": w, "act": a, "val_acc": w / 100 + (a == "gelu")} for w in (16, 32, 64) for a in ("relu", "gelu")]
        >>> table = read_table(rows)
        >>> table.roles.score, table.roles.decisions, len(table)
        ('val_acc', ('width', 'act'), 6)

    Raises:
        InvalidInputError: no column is the score, or the one named is not there, or has no two different numbers.
        InvalidFileError, DataNotFoundError: of files.
    """
    beside = listed("beside", beside, "tables")
    if score is not None:
        label_of("score", score)
    if epochs is not None:
        whole("epochs", epochs, 1)
    name = str(frame) if isinstance(frame, (str, Path)) else "the table"
    columns = columns_of(frame)
    if not columns or not next(iter(columns.values())):
        raise InvalidInputError(
            f"{name} has no rows. Give columns with a row for each architecture that was tried, one of them its score."
        )
    notes: list[str] = []
    columns = {
        column: _known(values) if column == score or _measured(column) else values for column, values in columns.items()
    }
    curves = _series(columns)
    inside = {column for members in curves.values() for column in members}
    score = _score(columns, score, inside, name, notes)
    inside.discard(score)
    falls = _falls(score, better, notes)
    values = _numbers(columns[score], score, name)
    known = np.isfinite(values)
    if known.sum() < LEAST_ROWS:
        raise InvalidInputError(
            f"{name}: {int(known.sum())} rows have a number in column {score!r}, at least {LEAST_ROWS} are needed."
        )
    if not known.all():
        notes.append(f"{int((~known).sum())} of {len(known)} rows have no {score} and are left out")
        columns = {key: [v for v, use in zip(column, known, strict=True) if use] for key, column in columns.items()}
        values = values[known]
    if (values == values[0]).all():
        raise InvalidInputError(f"{name}: column {score!r} is {values[0]:g} in every row. There is nothing to learn.")
    found = _space(space, columns, name)
    costs, proxies, left_out = _others(columns, {score, *inside}, found)
    rest = {key: column for key, column in columns.items() if key not in {score, *inside, *costs, *proxies, *left_out}}
    if found is None:
        try:
            own = Choices.from_table(_joined(rest, beside), name="table") if rest else None
        except InvalidInputError as error:
            raise InvalidInputError(f"{name}: {error}") from error
        if own is None:
            raise InvalidInputError(f"{name} has no column that describes an architecture besides {score!r}.")
        found, decisions = own, own.columns
        notes += own.describe().splitlines()[1:]
    else:
        column = _arch_column(found, columns)
        decisions = found.columns if column is None else (column,)
    if left_out and "Left out:" not in notes:
        notes.append("Left out:")
    notes += [f"  {column}: {why}" for column, why in left_out.items()]
    if isinstance(found, Choices) and (same := _constant(found)):
        notes.append(
            f"Nothing is learned from {', '.join(same)}: one value in every row. Candidates with another are marked."
        )
    longest = max((len(members) for members in curves.values()), default=0)
    if epochs is not None and epochs > longest:
        raise InvalidInputError(f"epochs is {epochs}: the curves of {name} have {longest} epochs.")
    seen = 0 if not longest else epochs or max(1, longest // EPOCHS_SHARE)
    roles = Roles(score, falls, tuple(decisions), tuple(costs), tuple(proxies), curves, seen)
    for what, names in (("cost", costs), ("proxy", proxies)):
        if names:
            notes.append(f"known beforehand ({what}): {', '.join(names)}")
    for curve, members in curves.items():
        notes.append(f"learning curve {curve}: {len(members)} epochs, of which the first {seen} are looked at")
    archs = _strictly(found, columns, roles, name)
    sign = -1.0 if falls else 1.0
    return Table(found, archs, sign * values, evidence_of(columns, roles), roles, tuple(notes), name)


def read_source(frame: Any, space: SearchSpace, *, score: str | None = None, better: str | None = None) -> Source:
    """Read a table of another task, of the architectures of a space that is known; rows that are none of the space are left out.

    Args:
        frame: as :func:`read_table` takes it.
        space: of the task that is to learn from it.
        score: name of the column with the score; by default the one whose name says so.
        better: ``"higher"`` or ``"lower"`` scores; by default what the name says.

    Examples:
        >>> rows = [{"width": w, "act": a, "val_acc": w / 100 + (a == "gelu")} for w in (16, 32, 64) for a in ("relu", "gelu")]
        >>> read_source(rows, Choices(width=[16, 32], act=["relu", "gelu"])).scores.tolist()
        [0.16, 1.16, 0.32, 1.32]

    Raises:
        InvalidInputError: no row has a score and is one of the space; the message says why the first is not.
    """
    name = str(frame) if isinstance(frame, (str, Path)) else "the source"
    columns = columns_of(frame)
    score = _score(columns, score, set(), name, [])
    values = _numbers(columns[score], score, name)
    falls = _falls(score, better, [])
    column = None if isinstance(space, Choices) else _arch_column(space, columns)
    costs, proxies, _ = _others(columns, {score}, space)
    decisions = space.columns if column is None else (column,)
    roles = Roles(score, falls, tuple(decisions), tuple(costs), tuple(proxies))
    rows, problems = rows_of(space, columns, roles, nearest=False)
    good = np.flatnonzero([problem is None for problem in problems] & np.isfinite(values))
    if not len(good):
        why = problems[0] or f"no row has a number in column {score!r}"
        raise InvalidInputError(f"{name}: none of its rows can be a source. Row 1: {why.rstrip('.')}.")
    evidence = evidence_of(columns, roles)
    sign = -1.0 if falls else 1.0
    return Source(space, rows[good], sign * values[good], evidence[good] if evidence else evidence)


def rows_of(
    space: SearchSpace, columns: Columns, roles: Roles, *, nearest: bool = True
) -> tuple[NDArray[np.int64], list[str | None]]:
    """Rows of all lines of a table, and for each why it has none; such a row is some row of the space. ``nearest`` says whether a
    number between or beyond the values of a decision stands for the nearest."""
    n = len(next(iter(columns.values()), []))
    try:
        return _rows(space, columns, roles, nearest), [None] * n
    except ArchcastError:
        pass
    rows, problems = space.sample(n, 0), list[str | None]([None] * n)
    for i in range(n):
        try:
            rows[i] = _rows(space, {name: [values[i]] for name, values in columns.items()}, roles, nearest)[0]
        except ArchcastError as error:
            problems[i] = re.sub(r"^row 1: ", "", str(error))
    return rows, problems


def evidence_of(columns: Columns, roles: Roles, *, fill: bool = False) -> Evidence:
    """Costs, proxies and the beginnings of curves, as far as the columns are there; ``fill`` makes the others unknown."""
    if fill:
        n = len(next(iter(columns.values())))
        named = [
            *roles.costs,
            *roles.proxies,
            *(m for members in roles.curves.values() for m in members[: roles.epochs]),
        ]
        columns = dict.fromkeys(named, [None] * n) | columns
    numbers = {name: _loose(columns[name]) for name in (*roles.costs, *roles.proxies) if name in columns}
    curves = {}
    for curve, members in roles.curves.items():
        there = [_loose(columns[m]) for m in members[: roles.epochs] if m in columns]
        if there:
            unknown = np.full(len(there[0]), np.nan)
            curves[curve] = np.stack([*there, *[unknown] * (roles.epochs - len(there))], axis=1)
    return Evidence(
        curves,
        {name: numbers[name] for name in roles.proxies if name in numbers},
        {name: numbers[name] for name in roles.costs if name in numbers},
    )


def _joined(columns: Columns, tables: Sequence[Any]) -> Columns:
    """The columns, longer by those of other tables that have them all."""
    for frame in tables:
        others = columns_of(frame, "each of beside")
        if set(columns) <= set(others):
            columns = {name: [*values, *others[name]] for name, values in columns.items()}
    return columns


def _score(columns: Columns, asked: str | None, curves: set[str], name: str, notes: list[str]) -> str:
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


def _constant(space: Choices) -> list[str]:
    """Names of the decisions that leave no choice."""
    return [name for name, size in zip(space.columns, space.cardinalities, strict=True) if size == 1]


def _unfit(values: Sequence[Any]) -> str:
    """Why values are no scores."""
    wrong = next((value for value in values if value is not None and not is_number(value)), None)
    if wrong is not None:
        return f"it holds {short(wrong)}, which is no number"
    count = len({value for value in values if value is not None})
    return f"it holds {count} different number{'s' * (count != 1)}, where at least three are needed"


def _measured(column: str) -> bool:
    """Whether a column is called like a metric, or like one at an epoch."""
    return Metric.of(re.sub(r"[\W_]*\d+$", "", column)) is not None


def _known(values: list[Any]) -> list[Any]:
    """The values of a column of numbers, ``None`` in place of infinite ones: the loss of a run that diverged was not measured. What
    has infinite values and no three others is left as it is."""
    numbers = [value for value in values if is_number(value)]
    infinite = [isinstance(value, float) and math.isinf(value) for value in values]
    if not any(infinite) or len(set(numbers)) < 3 or len(numbers) + sum(infinite) + values.count(None) < len(values):
        return values
    return [None if bad else value for value, bad in zip(values, infinite, strict=True)]


def _falls(score: str, better: str | None, notes: list[str]) -> bool:
    if better is not None and (not isinstance(better, str) or better not in BETTER):
        raise InvalidInputError(f"better must be 'higher' or 'lower', got {short(better)}.")
    metric = Metric.of(score, better)
    falls = metric.falls if metric is not None else bool(set(words(score)) & (COSTS | LATER) - {"size"})
    if better is None and falls:
        notes.append(f"lower {score} is better, by its name")
    return falls


def _numbers(values: Sequence[Any], column: str, name: str) -> NDArray[np.float64]:
    for i, value in enumerate(values):
        if value is not None and not is_number(value):
            raise InvalidInputError(f"{name}, row {i + 1}: {column!r} is {short(value)}, which is not a finite number.")
    return _loose(values)


def _loose(values: Sequence[Any]) -> NDArray[np.float64]:
    """Numbers, NaN for all else."""
    return np.array([float(value) if is_number(value) else np.nan for value in values])


def _series(columns: Columns) -> dict[str, tuple[str, ...]]:
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


def _space(space: str | SearchSpace | None, columns: Columns, name: str) -> SearchSpace | None:
    if isinstance(space, str) and space not in SPACES:
        path = Path(space)
        if path.suffix == ".json" or path.is_file():
            if not path.is_file():
                raise DataNotFoundError(
                    f"No file {space!r}. --space is the name of a space, or a file of Choices.to_json()."
                )
            try:
                return Choices.from_json(path.read_text(encoding="utf-8"))
            except (InvalidInputError, UnicodeDecodeError) as error:
                raise InvalidFileError(f"{space!r}: {error}") from error
    found = None if space is None else get_space(space)
    if found is not None and _arch_column(found, columns) is None and not set(found.columns) <= set(columns):
        missing = next(column for column in found.columns if column not in columns)
        raise InvalidInputError(
            f"{name} has no column with architectures of space {found.name!r} in its notation, such as "
            f"{found.format(found.sample(1, 0))[0]!r}, and no column {missing!r} either."
        )
    return found


def _arch_column(space: SearchSpace, columns: Columns) -> str | None:
    """The column that holds architectures in the notation of the space: ``arch``, or any whose first values can be read."""
    if set(space.columns) <= set(columns):
        return None
    if "arch" in columns:
        return "arch"
    for name, values in columns.items():
        some = [str(value) for value in values if value is not None][:3]
        try:
            if some and len(space.parse(some)):
                return name
        except ArchcastError:
            continue
    return None


def _others(
    columns: Columns, taken: set[str], space: SearchSpace | None
) -> tuple[list[str], list[str], dict[str, str]]:
    """Costs, proxies, and other columns that are no decisions, with why."""
    costs, proxies, left_out = [], [], {}
    own = set() if space is None else set(space.columns)
    tuned = {column for column in columns if OPTUNA.match(column)}
    own |= tuned if len(tuned) > 1 else set()
    for column, values in columns.items():
        numeric = any(map(is_number, values)) and all(value is None or is_number(value) for value in values)
        if column in taken or column in own or not numeric:
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
    return costs, proxies, left_out


def _rows(space: SearchSpace, columns: Columns, roles: Roles, nearest: bool = True) -> NDArray[np.int64]:
    if len(roles.decisions) == 1 and roles.decisions[0] not in space.columns:
        if roles.decisions[0] not in columns:
            raise InvalidInputError(f"there is no column {roles.decisions[0]!r} with architectures.")
        return space.parse([str(text) for text in columns[roles.decisions[0]]])
    if isinstance(space, Choices):
        return space.rows(columns, nearest=nearest)
    lacking = [name for name in space.columns if name not in columns]
    if lacking:
        raise InvalidInputError(f"there is no column {lacking[0]!r} of space {space.name!r}, nor a column 'arch'.")
    return space.validate(np.array([columns[name] for name in space.columns], dtype=object).T.astype(float))


def _strictly(space: SearchSpace, columns: Columns, roles: Roles, name: str) -> NDArray[np.int64]:
    try:
        return _rows(space, columns, roles)
    except (ArchcastError, TypeError, ValueError) as error:
        raise InvalidInputError(f"{name}: {error}") from error
