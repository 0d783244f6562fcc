"""CSV and TSV: any separator, with a header or without, with points or commas in numbers."""

from __future__ import annotations

import csv
import io
import itertools
import re

from archcast.errors import InvalidFileError
from archcast.forecasting.readers.runs import number

__all__ = ["columns_of"]

MOST_PREAMBLE = 30
"""Lines above a header."""
SEPARATORS = ("\t", ";", "|", ",")


def columns_of(text: str) -> dict[str, list[object]]:
    """Name -> cells of a table in text. A last line that is still being written is left out.

    A header is a first line that is not all numbers, or that counts 0, 1, 2, ... or 1, 2, 3, ... Without one a table with two
    columns whose first one counts is epochs and values; any other is a column an epoch, or a row an epoch if it has one column.

    Raises:
        InvalidFileError: it holds no numbers, or a line has more cells than the header.
    """
    lines = [
        (i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip() and not line.lstrip().startswith("#")
    ]
    torn = not text.endswith("\n")
    if not lines:
        raise InvalidFileError("there are only comments.")
    lines = _without_preamble(lines)
    separator = _separator(lines[0][1])
    rows: list[tuple[int, list[str]]] = []
    for i, line in lines:
        try:
            cells = line.split() if separator is None else next(csv.reader(io.StringIO(line), delimiter=separator))
        except csv.Error as error:
            raise InvalidFileError(f"line {i} is no line of a table: {error}.") from error
        rows.append((i, [cell.strip() for cell in cells]))
    if torn and len(rows) > 1 and len(rows[-1][1]) < len(rows[-2][1]):
        del rows[-1]
    header = _header(rows)
    body = rows if header is None else rows[1:]
    if header is not None and len(set(rows[0][1])) < len(header) and len(rows) > 2:
        header, body = _two_lines(header, body)
    if header is None:
        width = max(len(cells) for _, cells in rows)
        header = _names(rows, width)
    if not body:
        raise InvalidFileError("there is a header, but no row below it yet.")
    if not any(number(cell) is not None for _, cells in body for cell in cells):
        raise InvalidFileError("there are no numbers.")
    out: dict[str, list[object]] = {name: [] for name in header}
    for i, cells in body:
        if len(cells) > len(header) and any(cells[len(header) :]):
            raise InvalidFileError(f"line {i} has {len(cells)} cells, the header has {len(header)}.")
        if [cell for cell in cells if cell] == [name for name in header if name]:
            continue  # a header again, where a training was started again
        padded = [*cells, *[""] * (len(header) - len(cells))]
        for name, cell in zip(header, padded):
            out[name].append(cell)
    return out


def _without_preamble(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines from the header on: settings that were written above it have fewer cells than the table."""
    for separator in SEPARATORS:
        counts = [line.count(separator) for _, line in lines]
        common = max(set(counts), key=counts.count)
        start = counts.index(common)
        if not 0 < start <= MOST_PREAMBLE or counts[0] > common or counts[start:].count(common) < 2:
            continue
        if any(len(line) > csv.field_size_limit() for _, line in lines[: start + 1]):
            raise InvalidFileError("a line is too long for one of a table.")
        above = [next(csv.reader(io.StringIO(line), delimiter=separator)) for _, line in lines[:start]]
        head = [cell.strip() for cell in next(csv.reader(io.StringIO(lines[start][1]), delimiter=separator))]
        settings = all(number(cells[0]) is None and len(cells) <= 2 for cells in above)
        if settings and not any(number(cell) is not None for cell in head):
            return lines[start:]
    return lines


def _two_lines(header: list[str], body: list[tuple[int, list[str]]]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """A header of two lines, metrics above runs, as pandas writes columns of two levels: ``run - metric``, as others write it."""
    second = body[0][1]
    if len(second) != len(header) or any(number(cell) is not None for cell in second) or not all(second[1:]):
        return header, body
    body = body[1:]
    first = second[0] or header[0]
    if body and body[0][1][0] and not any(body[0][1][1:]):  # the name of the rows has a line of its own
        first, body = body[0][1][0], body[1:]
    names = [name.partition("#")[0] for name in header]
    return [first, *(f"{run} - {name}" for run, name in zip(second[1:], names[1:]))], body


def _separator(line: str) -> str | None:
    """The separator of the first line; ``None`` is blanks. With semicolons or tabs a comma is that of a decimal number."""
    for separator in SEPARATORS:
        if separator in line:
            return separator
    return None if re.search(r"\S\s+\S", line) else ","


def _header(rows: list[tuple[int, list[str]]]) -> list[str] | None:
    """Names of the columns, each once, or ``None`` if the first line is data."""
    first = rows[0][1]
    numbers = [number(cell) for cell in first]
    if first and all(one is not None for one in numbers):
        counts = len(first) > 2 and numbers in (list(range(len(first))), list(range(1, len(first) + 1)))
        if not counts or len(rows) == 1:
            return None
    elif first and sum(one is not None for one in numbers) >= max(len(first) - 1, 1) and number(first[0]) is None:
        # a name, then numbers: a run, unless the numbers count epochs
        rest = [one for one in numbers[1:] if one is not None]
        steps = {round(b - a, 9) for a, b in itertools.pairwise(rest)}
        if not (len(rest) > 1 and len(steps) == 1 and steps != {0.0} and all(one == int(one) for one in rest)):
            return None
    names: list[str] = []
    for name in first:
        names.append(name if name not in names else f"{name}#{len(names)}")
    return names


def _names(rows: list[tuple[int, list[str]]], width: int) -> list[str]:
    """Names for a table without a header."""
    if width == 1:
        return ["value"]
    column = [number(cells[0]) for _, cells in rows]
    if any(one is None for one in column):
        return ["run", *map(str, range(1, width))]
    start = column[0]
    counts = (
        start in (0, 1)
        and len(column) > 1
        and all(b is not None and a is not None and b - a == 1 for a, b in itertools.pairwise(column))
    )
    if counts and width == 2:
        return ["epoch", "value"]
    return [str(i) for i in range(1, width + 1)]
