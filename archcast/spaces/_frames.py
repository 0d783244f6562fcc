"""Tables as columns: of a DataFrame, of a mapping, of records, or of a CSV, TSV or JSON file; without pandas."""

from __future__ import annotations

import csv
import io
import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archcast.checks import listed, path_of
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError, short
from archcast.files import unzipped
from archcast.spaces._units import quantities

__all__ = ["Columns", "columns_of", "is_number", "read_columns"]

Columns = dict[str, list[Any]]
"""Name -> values, equally many; ``None`` where there is none."""

MOST_BITS = 1023
"""Bits of a whole number that a float may still be made of."""
DEEPEST = 50
"""Records within records are looked into so deep."""
UNKNOWN = {"", "nan", "na", "n/a", "none", "null"}
"""Texts, in lower case, that say that a value is not known."""


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
        return {key: _united([_plain(record.get(key), name) for record in flat]) for key in names}
    wanted = f"{name} must be a DataFrame, a mapping of columns, a list of records or a path, got {short(frame)}."
    try:
        columns = {key: frame[key] for key in frame.keys()}  # noqa: SIM118
    except Exception as error:  # it has no keys, or they are not its own
        raise InvalidInputError(wanted) from error
    out = {}
    for key, values in columns.items():
        out[str(key)] = _united([_plain(value, name) for value in listed(f"{name}[{short(key)}]", values, "values")])
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

    What stands between the fields of a text file (comma, semicolon, tab) is read from its header. A column whose fields
    are all numbers, or all true and false, becomes numbers or truth values; an empty field is ``None``. Numbers may be
    percentages, all of a column, or have units of one kind (:mod:`archcast.spaces._units`); where a comma does not separate fields
    they may have decimal commas.

    Raises:
        DataNotFoundError: no such file.
        InvalidFileError: it holds no table; a line that does not fit is named by its number.
    """
    path = path_of("frame", path)
    if not path.is_file():
        raise DataNotFoundError(f"No file {str(path)!r}. Give the path of a .csv, .tsv, .json or .jsonl file.")
    try:
        data = path.read_bytes()
        text = unzipped(data, path).decode("utf-8-sig")
    except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise InvalidFileError(f"{str(path)!r} is not a text file: {error}.") from error
    if text.lstrip()[:1] in ("[", "{") and "json" in "".join(path.suffixes):
        return _records(path, text)
    return _fields(path, text)


def _records(path: Path, text: str) -> Columns:
    try:
        whole = (
            json.loads(text)
            if text.lstrip().startswith("[")
            else [json.loads(line) for line in text.splitlines() if line]
        )
    except (ValueError, RecursionError) as error:
        raise InvalidFileError(f"{str(path)!r} is not JSON: {error}.") from error
    if not whole or not all(isinstance(record, dict) for record in whole):
        raise InvalidFileError(f"{str(path)!r} holds no rows: it must be a list of objects, or an object a line.")
    return columns_of(whole)


def _fields(path: Path, text: str) -> Columns:
    lines = text.splitlines()
    if not any(line.strip() for line in lines):
        raise InvalidFileError(f"{str(path)!r} is empty.")
    header_line = next(line for line in lines if line.strip())
    separator = max(",;\t", key=header_line.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        header: list[str] = []
        rows = []
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if not header:
                header = [field.strip() or f"column{j + 1}" for j, field in enumerate(fields)]
                continue
            if len(fields) != len(header):
                raise InvalidFileError(
                    f"{str(path)!r}, line {reader.line_num}: {len(fields)} fields, the header has {len(header)}."
                )
            rows.append([field.strip() for field in fields])
    except csv.Error as error:
        raise InvalidFileError(f"{str(path)!r} is not a CSV file: {error}.") from error
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise InvalidFileError(f"{str(path)!r} has two columns called {twice[0]!r}.")
    if not rows:
        raise InvalidFileError(f"{str(path)!r} has a header but no rows.")
    more = (_percentage,) if separator == "," else (_comma, _percentage)
    return {name: _typed([row[j] for row in rows], more) for j, name in enumerate(header)}


def _typed(texts: list[str], more: Sequence[Callable[[str], Any]]) -> list[Any]:
    """Numbers, truth values or texts, whichever all known fields are; ``more`` are other ways to write numbers."""
    known = [text for text in texts if text.lower() not in UNKNOWN]
    for convert in (_whole, _real, _truth, *more):
        try:
            values = {text: convert(text) for text in set(known)}
        except ValueError:
            continue
        return [values.get(text) for text in texts]
    united = quantities([text if text.lower() not in UNKNOWN else None for text in texts], comma=_comma in more)
    return united or [text if text else None for text in texts]


def _united(values: list[Any]) -> list[Any]:
    """Numbers where all values are texts of numbers with one kind of unit."""
    return quantities(values) or values


def _whole(text: str) -> int:
    return int(_digits(text))


def _real(text: str) -> float:
    value = float(_digits(text))
    return (
        int(value) if math.isfinite(value) and value == int(value) and abs(value) < 2**53 and "e" not in text else value
    )


def _comma(text: str) -> float:
    """A number with a decimal comma."""
    if text.count(",") > 1 or "." in text:
        raise ValueError(text)
    return _real(text.replace(",", "."))


def _percentage(text: str) -> float:
    """The number of a percentage, ``93.1 %`` or ``93,1%``."""
    if not text.endswith("%"):
        raise ValueError(text)
    return _comma(text[:-1].rstrip()) if "," in text else _real(text[:-1].rstrip())


def _digits(text: str) -> str:
    """The text, if it is a number as a person writes one: Python would read ``1_000`` and digits of all scripts as well."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _plain(value: Any, name: str) -> Any:
    """A value of Python; ``None`` for NaN and the missing values of pandas; a tuple for a list.

    Raises:
        InvalidInputError: it is an object that cannot be compared with others, such as a dictionary.
    """
    try:
        if isinstance(value, np.generic):
            value = value.item()
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
