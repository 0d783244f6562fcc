"""Your own tables: a CSV file with an architecture and a score on each line."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import label_of, listed, path_of
from archcast.data.benchmark import Benchmark
from archcast.data.naslib import native, suite_zero, suite_zero_scores
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError, short
from archcast.evidence import Evidence
from archcast.files import text_of
from archcast.registry import closest
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["read_evidence", "read_table", "read_texts"]


def read_table(
    path: str | Path,
    space: str | SearchSpace,
    *,
    arch_column: str = "arch",
    score_column: str = "score",
    proxy_columns: Sequence[str] = (),
) -> Benchmark:
    """Read a CSV file (``.csv`` or ``.csv.gz``) with a header as a benchmark.

    Args:
        path: the file.
        space: the search space of its architectures.
        arch_column: column with architectures in the space's own notation (``space.format``).
        score_column: column with scores, higher is better.
        proxy_columns: columns to keep as proxies; an empty field is unknown.

    Raises:
        DataNotFoundError: no such file.
        InvalidFileError: a column is missing, or a line is malformed; the line is named by its number.
    """
    path, space = path_of("path", path), get_space(space)
    label_of("arch_column", arch_column)
    label_of("score_column", score_column)
    proxy_columns = [
        label_of("each of proxy_columns", name) for name in listed("proxy_columns", proxy_columns, "names")
    ]
    lines, texts, scores, proxies = [], [], [], []
    for line, fields in _lines(path, [arch_column, score_column, *proxy_columns]):
        lines.append(line)
        texts.append(fields[0])
        scores.append(_number(fields[1], score_column, path, line))
        proxies.append([_number(f, name, path, line, unknown=True) for f, name in zip(fields[2:], proxy_columns)])
    if not texts:
        raise InvalidFileError(f"{str(path)!r} has a header but no rows.")
    columns = np.array(proxies, dtype=np.float64).reshape(len(texts), len(proxy_columns))
    return Benchmark(
        path.name.removesuffix(".gz").removesuffix(".csv"),
        space,
        _archs(space, texts, path, lines),
        {score_column: np.array(scores)},
        score_column,
        proxies=dict(zip(proxy_columns, columns.T)),
        source=str(path),
    )


def read_evidence(path: str | Path, benchmark: Benchmark, *, arch_column: str = "arch") -> Evidence:
    """Read proxies of a benchmark's architectures: what ``archcast score --space ... --out FILE`` writes.

    The file is a CSV whose columns but ``arch_column`` are proxies, or JSON: a list, or a line each, of objects
    with ``arch`` and ``scores`` (name to number). A file ``zc_<space>.json`` of NAS-Bench-Suite-Zero is read too:
    of its data sets the one that is called like the benchmark's task, or the first; what failed there is unknown.
    Architectures are matched by what they are, and one that the file does not name takes the values of one that
    is the same function (equal canonical forms). What the file does not hold is unknown (NaN); what the benchmark
    does not have is passed over.

    Raises:
        DataNotFoundError: no such file.
        InvalidFileError: a line is malformed, or the file names none of the benchmark's architectures.
    """
    path = path_of("path", path)
    label_of("arch_column", arch_column)
    if not isinstance(benchmark, Benchmark):
        raise InvalidInputError(f"benchmark must be an archcast.Benchmark, got {short(benchmark)}.")
    names: list[str] = []
    lines, texts, values = [], [], []
    for line, text, scores in _scores(path, arch_column, names, benchmark.name.partition("/")[2]):
        lines.append(line)
        texts.append(text)
        values.append(scores)
    if not names:
        raise InvalidFileError(f"{str(path)!r} has no column besides {arch_column!r}: it holds no proxies.")
    archs = _archs(benchmark.space, texts, path, lines)
    canonical = benchmark.space.canonical
    known = {**dict(zip(map(bytes, canonical(archs)), values)), **dict(zip(map(bytes, archs), values))}
    twins = canonical(benchmark.archs)
    found = [known.get(bytes(arch)) or known.get(bytes(twin)) for arch, twin in zip(benchmark.archs, twins)]
    if all(row is None for row in found):
        raise InvalidFileError(f"{str(path)!r} names none of the architectures of benchmark {benchmark.name!r}.")
    return Evidence(
        proxies={
            name: np.array([math.nan if row is None else row.get(name, math.nan) for row in found]) for name in names
        }
    )


def _scores(path: Path, arch_column: str, names: list[str], task: str) -> Iterator[tuple[int, str, dict[str, float]]]:
    """Line number, architecture and scores of each row; ``names`` is to list the proxies."""
    published = suite_zero(path) if path.name.startswith("zc_") else None
    if published is not None:
        yield from _published_scores(path, published, names, task)
        return
    if path.suffix not in (".json", ".jsonl"):
        for line, fields in _lines(path, [arch_column], rest=names):
            numbers = [_number(field, name, path, line, unknown=True) for field, name in zip(fields[1:], names)]
            yield line, fields[0], dict(zip(names, numbers))
        return
    for line, record in _records(path):
        scores = record.get("scores") if isinstance(record, dict) else None
        if not isinstance(scores, dict) or arch_column not in record:
            raise InvalidFileError(f"{str(path)!r}, line {line}: it is no object with {arch_column!r} and 'scores'.")
        names.extend(name for name in (*scores, *record.get("failures", ())) if name not in names)
        yield line, str(record[arch_column]), {k: _number(str(v), k, path, line) for k, v in scores.items()}


def read_texts(path: Path, column: str) -> list[str]:
    """The fields of a column of a CSV that are not empty."""
    return [fields[0] for _, fields in _lines(path, [column]) if fields[0].strip()]


def _published_scores(
    path: Path, table: dict[str, Any], names: list[str], task: str
) -> Iterator[tuple[int, str, dict[str, float]]]:
    """Proxies of one data set of NAS-Bench-Suite-Zero; what failed is left out."""
    dataset = next((name for name in table if name.lower() == task.lower()), next(iter(table), None))
    if dataset is None:
        raise InvalidFileError(f"{str(path)!r} holds no data set.")
    for number, (text, entry) in enumerate(table[dataset].items(), 1):
        scores = suite_zero_scores(entry)
        names.extend(name for name in scores if name not in names)
        yield number, text, {name: value for name, value in scores.items() if math.isfinite(value)}


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    """The objects of a JSON list, or of a file with one a line; with line numbers, those of a list count its objects."""
    if not path.is_file():
        raise DataNotFoundError(f"No file {str(path)!r}. Give the path of a .csv, .csv.gz, .json or .jsonl file.")
    text = text_of(path.read_bytes(), path)
    try:
        if text.lstrip().startswith("["):
            yield from enumerate(json.loads(text), 1)
            return
        for line, part in enumerate(text.splitlines(), 1):
            if part.strip():
                yield line, json.loads(part)
    except (ValueError, RecursionError) as error:
        raise InvalidFileError(f"{str(path)!r} is not JSON: {error}.") from error


def _lines(path: Path, columns: Sequence[str], rest: list[str] | None = None) -> Iterator[tuple[int, list[str]]]:
    """Line number and the fields of ``columns`` of each row; of all other columns too if ``rest`` is to list them."""
    if not path.is_file():
        raise DataNotFoundError(f"No file {str(path)!r}. Give the path of a .csv or .csv.gz file.")
    try:
        text = text_of(path.read_bytes(), path)
        if not text.strip():
            raise InvalidFileError(f"{str(path)!r} is empty.")
        if text.lstrip()[0] in "[{":
            raise InvalidFileError(f"{str(path)!r} is JSON: a CSV with the column {columns[0]!r} is needed here.")
        separator = max(",;\t", key=text.lstrip().partition("\n")[0].count)
        with io.StringIO(text, newline="") as file:
            reader = csv.reader(file, delimiter=separator, strict=True)
            header = [name.strip() for name in next(reader, [])]
            for column in columns:
                if column not in header:
                    raise InvalidFileError(f"{str(path)!r} has no column {column!r}. {closest(column, header)}")
            if len(set(header)) < len(header):
                raise InvalidFileError(f"{str(path)!r} has two columns of the same name.")
            if rest is not None:
                rest.extend(name for name in header if name not in columns)
            index = [header.index(name) for name in [*columns, *(rest or [])]]
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    raise InvalidFileError(
                        f"{str(path)!r}, line {reader.line_num}: {len(row)} fields, the header has {len(header)}."
                    )
                yield reader.line_num, [row[i] for i in index]
    except (csv.Error, OSError) as error:
        if isinstance(error, (DataNotFoundError, InvalidFileError)):
            raise
        raise InvalidFileError(f"{str(path)!r} is not a CSV file: {error}.") from error


def _archs(space: SearchSpace, texts: list[str], path: Path, lines: list[int]) -> NDArray[np.int64]:
    """Rows of all texts at once; if that fails, one by one to find the line."""
    try:
        return space.parse(native(space, texts))
    except InvalidInputError:
        for text, line in zip(texts, lines):
            try:
                space.parse(native(space, [text]))
            except InvalidInputError as error:
                raise InvalidFileError(f"{str(path)!r}, line {line}: {error}") from error
        raise


def _number(text: str, column: str, path: Path, line: int, *, unknown: bool = False) -> float:
    if unknown and not text.strip():
        return math.nan
    try:
        value = float(text) if text.isascii() and "_" not in text else math.inf  # no 1_000, no digits of other scripts
    except ValueError:
        value = math.inf
    if math.isinf(value) or (math.isnan(value) and not unknown):
        raise InvalidFileError(f"{str(path)!r}, line {line}: {column} {text!r} is not a finite number.")
    return value
