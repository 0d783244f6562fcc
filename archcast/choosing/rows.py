"""Rows and evidence of a table whose roles are known: architectures in the notation of a space, or a column for each decision."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import path_of
from archcast.choosing.roles import Roles
from archcast.errors import ArchcastError, DataNotFoundError, InvalidFileError, InvalidInputError, short
from archcast.evidence import Evidence
from archcast.files import text_of
from archcast.names import SPACES
from archcast.spaces._frames import Columns, is_number
from archcast.spaces.base import SearchSpace, get_space
from archcast.spaces.choices import Choices

__all__ = ["arch_column", "evidence_of", "rows_of", "rows_strictly", "score_numbers", "space_of"]


def space_of(space: str | SearchSpace | None, columns: Columns, name: str) -> SearchSpace | None:
    """The space that ``--space`` names, or that a file of :meth:`Choices.to_json` describes; ``None`` where none is asked for.

    Raises:
        DataNotFoundError, InvalidFileError: of files.
        InvalidInputError: there is no such space, or the table holds no architectures of it.
    """
    if isinstance(space, str) and space not in SPACES:
        path = path_of("space", space)
        if path.suffix == ".json" or path.is_file():
            if not path.is_file():
                raise DataNotFoundError(
                    f"No file {space!r}. --space is the name of a space, or a file of Choices.to_json()."
                )
            try:
                return Choices.from_json(text_of(path.read_bytes(), path))
            except InvalidFileError:
                raise
            except InvalidInputError as error:
                raise InvalidFileError(f"{space!r}: {error}") from error
    found = None if space is None else get_space(space)
    if found is not None and arch_column(found, columns) is None and not set(found.columns) <= set(columns):
        missing = next(column for column in found.columns if column not in columns)
        raise InvalidInputError(
            f"{name} has no column with architectures of space {found.name!r} in its notation, such as "
            f"{found.format(found.sample(1, 0))[0]!r}, and no column {missing!r} either."
        )
    return found


def arch_column(space: SearchSpace, columns: Columns) -> str | None:
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


def rows_strictly(space: SearchSpace, columns: Columns, roles: Roles, name: str) -> NDArray[np.int64]:
    """Rows of all lines of a table.

    Raises:
        InvalidInputError: one of them is none of the space.
    """
    try:
        return _rows(space, columns, roles)
    except (ArchcastError, TypeError, ValueError) as error:
        raise InvalidInputError(f"{name}: {error}") from error


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
    numbers = {name: as_numbers(columns[name]) for name in (*roles.costs, *roles.proxies) if name in columns}
    curves = {}
    for curve, members in roles.curves.items():
        there = [as_numbers(columns[m]) for m in members[: roles.epochs] if m in columns]
        if there:
            unknown = np.full(len(there[0]), np.nan)
            curves[curve] = np.stack([*there, *[unknown] * (roles.epochs - len(there))], axis=1)
    return Evidence(
        curves,
        {name: numbers[name] for name in roles.proxies if name in numbers},
        {name: numbers[name] for name in roles.costs if name in numbers},
    )


def score_numbers(values: Sequence[Any], column: str, name: str) -> NDArray[np.float64]:
    """``(n,)`` scores, NaN where there is none.

    Raises:
        InvalidInputError: a value is something else than a finite number; the message names its row.
    """
    for i, value in enumerate(values):
        if value is not None and not is_number(value):
            raise InvalidInputError(f"{name}, row {i + 1}: {column!r} is {short(value)}, which is not a finite number.")
    return as_numbers(values)


def as_numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    """Numbers, NaN for all else."""
    return np.array([float(value) if is_number(value) else np.nan for value in values])
