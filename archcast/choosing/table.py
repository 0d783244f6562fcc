"""Tables of architectures with scores, ready to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import bounded, label_of, listed, whole
from archcast.choosing.roles import Roles, falls_of, is_measured, others_of, score_of, series_of, without_infinite
from archcast.choosing.rows import arch_column, evidence_of, rows_of, rows_strictly, score_numbers, space_of
from archcast.errors import InvalidInputError
from archcast.evidence import Evidence, Source
from archcast.spaces._frames import Columns, columns_of
from archcast.spaces._inference import COUNTS, NAME_IT, counts_rows
from archcast.spaces._units import reading
from archcast.spaces.base import SearchSpace
from archcast.spaces.choices import Choices

__all__ = ["Roles", "Table", "evidence_of", "read_source", "read_table", "rows_of"]

LEAST_ROWS = 6
"""Fewest rows with a score that anything can be learned from and tested on."""

EPOCHS_SHARE = 5
"""Candidates are taken to be trained for one epoch in so many of a full training, unless somebody says otherwise."""


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
        column: without_infinite(values) if column == score or is_measured(column) else values
        for column, values in columns.items()
    }
    curves = series_of(columns)
    inside = {column for members in curves.values() for column in members}
    score = score_of(columns, score, inside, name, notes)
    inside.discard(score)
    falls = falls_of(score, better, notes)
    values = score_numbers(columns[score], score, name)
    bounded(f"{name}: column {score!r}", values)
    known = np.isfinite(values)
    counters = {key for key, column in columns.items() if key != score and counts_rows(column)}
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
    found = space_of(space, columns, name)
    costs, proxies, left_out = others_of(columns, {score, *inside}, found)
    if found is None:
        left_out |= {key: COUNTS for key in columns if key in counters - {*costs, *proxies, *left_out}}
    rest = {key: column for key, column in columns.items() if key not in {score, *inside, *costs, *proxies, *left_out}}
    if found is None:
        try:
            own = Choices.from_table(_joined(rest, beside), name="table") if rest else None
        except InvalidInputError as error:
            raise InvalidInputError(f"{name}: {error}") from error
        if own is None:
            raise InvalidInputError(f"{name} has no column that describes an architecture besides {score!r}.")
        found, decisions = own, own.columns
        notes += [line.removesuffix(NAME_IT) for line in own.describe().splitlines()[1:]]
    else:
        column = arch_column(found, columns)
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
    notes += [f"{column}: {said}" for column in (score, *costs, *proxies) if (said := reading(columns[column]))]
    for what, names in (("cost", costs), ("proxy", proxies)):
        if names:
            notes.append(f"known beforehand ({what}): {', '.join(names)}")
    for curve, members in curves.items():
        notes.append(f"learning curve {curve}: {len(members)} epochs, of which the first {seen} are looked at")
    archs = rows_strictly(found, columns, roles, name)
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
    score = score_of(columns, score, set(), name, [])
    values = score_numbers(columns[score], score, name)
    falls = falls_of(score, better, [])
    column = None if isinstance(space, Choices) else arch_column(space, columns)
    costs, proxies, _ = others_of(columns, {score}, space)
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


def _joined(columns: Columns, tables: Sequence[Any]) -> Columns:
    """The columns, longer by those of other tables that have them all."""
    for frame in tables:
        others = columns_of(frame, "each of beside")
        if set(columns) <= set(others):
            columns = {name: [*values, *others[name]] for name, values in columns.items()}
    return columns


def _constant(space: Choices) -> list[str]:
    """Names of the decisions that leave no choice."""
    return [name for name, size in zip(space.columns, space.cardinalities, strict=True) if size == 1]
