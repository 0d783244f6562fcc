"""Tables as columns: of a DataFrame, of a mapping, of records, or of a CSV, TSV or JSON file; without pandas."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archcast.checks import listed, path_of
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError, short
from archcast.files import text_of
from archcast.spaces._cells import typed, united

__all__ = ["Columns", "columns_of", "is_number", "read_columns"]

Columns = dict[str, list[Any]]
"""Name -> values, equally many; ``None`` where there is none."""

MOST_BITS = 1023
"""Bits of a whole number that a float may still be made of."""
DEEPEST = 50
"""Records within records are looked into so deep."""
SEPARATORS = ",;\t|"
"""What stands between the fields of a text file."""
NUMERAL = re.compile(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?")
"""A number, above which a commented header may stand."""
SHOWN = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
"""Separator -> what it is called."""


def columns_of(frame: Any, name: str = "frame") -> Columns:
    """The columns of a DataFrame, a mapping of names to values, a list of records, or the path of a file; ``name`` is what errors
    call it. A record within a record gives columns such as ``config.lr``; texts with units, such as ``16MB``, are numbers.

    Raises:
        InvalidInputError: something else, or columns of different lengths.
        InvalidFileError, DataNotFoundError: of files, see :func:`read_columns`.
    """
    if isinstance(frame, (str, Path)):
        return read_columns(frame)
    if isinstance(frame, Sequence) and all(isinstance(record, Mapping) for record in frame):
        flat = [_flat(record, name) for record in frame]
        names = list(dict.fromkeys(key for record in flat for key in record))
        return {key: united([_plain(record.get(key), name) for record in flat]) for key in names}
    wanted = f"{name} must be a DataFrame, a mapping of columns, a list of records or a path, got {short(frame)}."
    try:
        columns = {key: frame[key] for key in frame.keys()}  # noqa: SIM118
    except Exception as error:  # it has no keys, or they are not its own
        raise InvalidInputError(wanted) from error
    out = {}
    for key, values in columns.items():
        out[str(key)] = united([_plain(value, name) for value in listed(f"{name}[{short(key)}]", values, "values")])
    lengths = {key: len(values) for key, values in out.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidInputError(f"the columns of {name} have different lengths: {short(lengths, 200)}.")
    return out


def _flat(record: Mapping[Any, Any], name: str) -> dict[str, Any]:
    """A record without records in it: ``{"config": {"lr": 0.1}}`` is ``{"config.lr": 0.1}``."""
    found: dict[str, Any] = {}
    left: list[tuple[str, Any]] = [(str(key), value) for key, value in [*record.items()][::-1]]
    while left:
        key, value = left.pop()
        if isinstance(value, Mapping) and key.count(".") < DEEPEST:
            left += [(f"{key}.{inner}", part) for inner, part in [*value.items()][::-1]]
        elif key in found:
            raise InvalidInputError(f"{name} has two values called {key!r} in one record.")
        else:
            found[key] = value
    return found


def read_columns(path: str | Path) -> Columns:
    """The columns of a ``.csv``, ``.tsv`` (also ``.gz``), ``.json`` or ``.jsonl`` file.

    What stands between the fields of a text file (comma, semicolon, tab, bar, blanks that align them) is read from its header.
    Comments above the header are passed over, and a header that stands there again. How numbers are written:
    :func:`archcast.spaces._cells.typed`. What a file is, is told by its contents: JSON need not be called so.

    Raises:
        DataNotFoundError: no such file.
        InvalidFileError: it holds no table; a line that does not fit is named by its number.
    """
    path = path_of("frame", path)
    if not path.is_file():
        raise DataNotFoundError(f"No file {str(path)!r}. Give the path of a .csv, .tsv, .json or .jsonl file.")
    try:
        text = text_of(path.read_bytes(), path)
    except OSError as error:
        raise InvalidFileError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    if text.lstrip()[:1] in ("[", "{"):
        found = _of_json(path, text)
        if found is not None:
            return found
    return _fields(path, text)


def _of_json(path: Path, text: str) -> Columns | None:
    """The columns of JSON: a list of objects, an object a line, or columns by name; ``None`` if it is none, nor called so."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
        if text.lstrip().startswith("[") or len(lines) < 2:
            if "json" not in "".join(path.suffixes):
                return None
            raise InvalidFileError(f"{str(path)!r} is not JSON: {error}.") from error
        whole = []
        for i, line in lines:
            try:
                whole.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                if "json" not in "".join(path.suffixes):
                    return None
                raise InvalidFileError(f"{str(path)!r}, line {i}, is not JSON: {error}.") from error
    if isinstance(whole, dict) and "nbformat" in whole:
        raise InvalidFileError(f"{str(path)!r} is a notebook. Save its table from there, e.g. by frame.to_csv(...).")
    if isinstance(whole, dict):
        inner = [list(v.values()) if isinstance(v, dict) and all(map(str.isdigit, v)) else v for v in whole.values()]
        if inner and all(isinstance(value, list) for value in inner):  # columns, as pandas writes them
            return columns_of(dict(zip(whole, inner)), str(path))
        whole = [whole]
    if not whole or not all(isinstance(record, dict) for record in whole):
        raise InvalidFileError(f"{str(path)!r} holds no rows: it must be a list of objects, or an object a line.")
    return columns_of(whole, str(path))


def _fields(path: Path, text: str) -> Columns:
    text, separator = _table(text)
    if not text.strip():
        raise InvalidFileError(f"{str(path)!r} is empty.")
    header: list[str] = []
    rows, last = [], 0
    try:
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=separator == " "
        )
        for read in reader:
            fields, last = [field.strip() for field in read], reader.line_num
            fields = fields[:-1] if separator == " " and fields and not fields[-1] else fields
            if not any(fields):
                continue
            if not header:
                header = [field or f"column{j + 1}" for j, field in enumerate(fields)]
            elif len(fields) != len(header):
                count, between = f"{len(fields)} field{'s' * (len(fields) != 1)}", SHOWN.get(separator, separator)
                raise InvalidFileError(
                    f"{str(path)!r}, line {reader.line_num}: {count}, the header has {len(header)} ({between} separate them)."
                )
            elif fields != header:  # where tables were put one below the other
                rows.append(fields)
    except csv.Error as error:
        why = "a quote in it is not closed" if "unexpected end" in str(error) else str(error)
        raise InvalidFileError(f"{str(path)!r} is no table: the row of line {last + 1}: {why}.") from error
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise InvalidFileError(f"{str(path)!r} has two columns called {short(twice[0])}. Rename one of the two.")
    if not rows:
        raise InvalidFileError(
            f"{str(path)!r} has a header but no rows; the header is {short(separator.join(header))}."
        )
    return {name: typed([row[j] for row in rows], commas=separator != ",") for j, name in enumerate(header)}


def _table(text: str) -> tuple[str, str]:
    """The text with blank lines for what is no row, and what separates its fields.

    No rows are comments above the header, Excel's line ``sep=;`` and the rule below the header of a table in Markdown. A header may
    stand in a comment itself, as numpy writes it.
    """
    lines = text.splitlines(keepends=True)
    given, start = None, 0
    while start < len(lines) and (
        not lines[start].strip() or _is_comment(lines, start) or re.fullmatch(r"(?i)sep=.\s*", lines[start])
    ):
        given = lines[start][4] if lines[start].lower().startswith("sep=") else given
        lines[start], start = "\n", start + 1
    if start == len(lines):
        return "", ","
    lines[start] = re.sub(r"^#\s+", "", lines[start])
    head = lines[start].strip()
    if len(head) > 2 and head[0] == head[-1] == "|":
        rows = [line.strip().strip("|") for line in lines]
        rules = {i for i, row in enumerate(rows) if not row.strip(" |:-") and (i == start + 1 or "---" in row)}
        return "\n".join("" if i in rules else row for i, row in enumerate(rows)), "|"
    separator = given or max(SEPARATORS, key=head.count)
    aligned = separator not in head and _is_aligned(lines[start:])
    return "".join(lines), " " if aligned else separator


def _is_comment(lines: list[str], start: int) -> bool:
    """Whether a line is a comment above a table, and not its header: the last such line, with as many fields as the row below."""
    if not lines[start].startswith("#"):
        return False
    if start + 1 < len(lines) and lines[start + 1].startswith("#"):
        return True
    below = (lines[i] for i in range(start + 1, len(lines)))
    after = next((line for line in below if line.strip() and not line.startswith("#")), "")
    separator = max(SEPARATORS, key=after.count)
    if separator not in after:  # blanks, as numpy writes them: words above numbers
        fields = after.split()
        return not (len(lines[start][1:].split()) == len(fields) > 1 and any(map(NUMERAL.fullmatch, fields)))
    return lines[start].count(separator) != after.count(separator)


def _is_aligned(lines: list[str]) -> bool:
    """Whether blanks separate as many fields in every line, more than one."""
    counts = {len(line.split()) for line in lines if line.strip()}
    return len(counts) == 1 and counts != {1}


def _plain(value: Any, name: str) -> Any:
    """A value of Python; ``None`` for NaN and the missing values of pandas; a tuple for a list.

    Raises:
        InvalidInputError: it is an object that cannot be compared with others, such as a dictionary.
    """
    try:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, str):
            value = str.__str__(value)  # of a subclass, whose methods may fail, the text
        if isinstance(value, list):
            value = tuple(_plain(item, name) for item in value)
        hash(value)
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise OverflowError
        known = bool(value == value)
    except Exception as error:  # whatever its own __hash__ and __eq__ raise, a list within itself
        raise InvalidInputError(
            f"{name} holds {short(value)}: a value must be a number, a text, a truth value, a list of these, or None."
        ) from error
    if value is None or not known or type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; truth values are not."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else value.bit_length() <= MOST_BITS
