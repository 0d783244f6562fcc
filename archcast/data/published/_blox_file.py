"""The container of BLOX: a YAML header between lines of ``---``, then rows as CSV, as a pickle, or packed in bits.

The packed form is compressed by zlib: the number of bits (8 bytes), the number of rows (4), and the columns of each row, each from
a whole byte on, all little-endian. Types of columns are ``hash`` (16 bytes), ``str`` (length, text), ``float`` (24 bits of
millionths), ``int`` (4 bytes), ``arch`` (a byte for each of three cells), ``b_<min>_<max>_<bits>`` (number of images that were
right, less the least) and ``list[...]`` (length in a byte, then the items, those of ``b_...`` without gaps).
"""

from __future__ import annotations

import ast
import csv
import io
import json
import re
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data._unpickle import unpickle
from archcast.data.published._files import Part, reading
from archcast.errors import InvalidFileError

__all__ = ["CELLS", "NODE", "read_blox"]

HEADER, LIMIT, MAX_OPCODES = 1024, 1 << 31, 400_000_000
IMAGES = {"train": 45_000, "val": 5_000, "test": 10_000}
QUANTIZED, LIST = re.compile(r"b_(\d+)_(\d+)_(\d+)"), re.compile(r"list\[(\w+)\]")
SIZES = {"hash": 16, "float": 3, "int": 4, "arch": 3}
"""Bytes of a value."""

CELLS, NODE = 3, 5
"""Cells of an architecture; numbers of a cell: operation of the first node, operation and three connections of the second."""

CHUNK = 4096
Columns = dict[str, Any]


def read_blox(part: Part) -> tuple[dict[str, Any], Columns]:
    """Header of a file, and its columns: name -> n texts, ``(n,)`` numbers, ``(n, T)`` numbers by epoch (NaN where a list is
    shorter), or ``(n, 15)`` numbers of architectures.

    Raises:
        InvalidFileError: names the file, and the byte where the packed form goes wrong.
    """
    data = part.read(LIMIT)
    end = data[:HEADER].find(b"\n---\n", 3)
    if not data.startswith(b"---\n") or end < 0:
        raise InvalidFileError(f"{part} is not a file of BLOX: its first {HEADER:,} bytes hold no header.")
    with reading(part, "a file of BLOX"):
        head = _header(data[4:end].decode())
        columns, start = head["columns"], end + 5
        kind = head["format"]
        if kind == "csv":
            text = io.TextIOWrapper(io.BytesIO(memoryview(data)[start:]), encoding="utf-8", newline="")
            found = _columns(columns, ([_parsed(field) for field in row] for row in csv.reader(text)))
        elif kind == "pickle":
            options: dict[str, Any] = {
                "label": str(part),
                "start": start,
                "max_opcodes": MAX_OPCODES,
                "shrink": _shrink,
            }
            found = _columns(columns, unpickle(data, {**NUMPY, **CONTAINERS}, **options)[0])
        elif kind == "custom":
            body = _inflated(memoryview(data)[start:])
            found = _unpacked(body, [(name, head["column_types"][name]) for name in columns])
        else:
            raise ValueError(f"its format is {kind!r}")
        return head, found


def _header(text: str) -> dict[str, Any]:
    """The entries of the header: texts, lists of texts (``columns``) and mappings of texts (``column_types``)."""
    out: dict[str, Any] = {}
    key = ""
    for line in text.splitlines():
        if match := re.fullmatch(r"(\w+):\s*(.*)", line):
            key, value = match[1], match[2].strip().strip("'\"")
            listed = value.startswith("[") and value.endswith("]")
            out[key] = [item.strip().strip("'\"") for item in value[1:-1].split(",")] if listed else value or None
        elif match := re.fullmatch(r"(?:  )?- ([\w.-]+)", line):
            if isinstance(out.get(key) or [], list) and not line.startswith("    "):
                out[key] = [*(out.get(key) or []), match[1]]
        elif (match := re.fullmatch(r"  (\w+):\s*(\S.*)", line)) and isinstance(out.get(key) or {}, dict):
            out[key] = {**(out.get(key) or {}), match[1]: match[2].strip().strip("'\"")}
    return out


def _parsed(text: str) -> Any:
    """A field of a CSV file: a number, a list, or a text such as a hash."""
    if re.fullmatch(r"[0-9a-f]{32}", text) or not re.match(r"[-\d\[]", text):
        return text
    if text.startswith("[") and "[" not in text[1:]:
        return np.array(json.loads(text), dtype=np.float32)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):  # a text that begins like a number
        return text


def _shrink(box: list[Any]) -> None:
    """The numbers of a long list as an array: of a curve, not of an architecture."""
    if len(box) > NODE and {*map(type, box)} <= {float, int}:
        box[:] = [np.array(box, dtype=np.float32)]


def _columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Columns:
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        if len(row) != len(names):
            raise ValueError(f"its rows do not have {len(names)} columns")
        for name, value in zip(names, row):
            single = isinstance(value, list) and len(value) == 1 and isinstance(value[0], np.ndarray)
            columns[name].append(value[0] if single else value)
    return {name: _column(name, values) for name, values in columns.items()}


def _column(name: str, values: list[Any]) -> Any:
    if name == "arch_vec":
        return np.array([_decisions(arch) for arch in values], dtype=np.int64).reshape(-1, CELLS * NODE)
    if any(isinstance(value, (list, tuple, np.ndarray)) for value in values):
        out = np.full((len(values), max(map(len, values))), np.nan, dtype=np.float32)
        for row, value in zip(out, values):
            row[: len(value)] = value
        return out
    if all(isinstance(value, (int, float)) for value in values):
        return np.array(values, dtype=np.float64)
    return [str(value) for value in values]


def _decisions(arch: Any) -> list[int]:
    """Operations and connections of the three cells."""
    out: list[int] = []
    if len(arch) != CELLS:
        raise ValueError(f"an architecture has {len(arch)} cells")
    for (first,), (second, *links) in arch:
        if len(links) != NODE - 2:
            raise ValueError(f"a cell has {len(links)} connections")
        out += [int(number) for number in (first, second, *links)]
    return out


def _inflated(body: Any) -> bytes:
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(body, LIMIT)
    except zlib.error as error:
        raise ValueError(f"its packed rows are damaged ({error})") from error
    if inflate.unconsumed_tail:
        raise ValueError(f"its rows are more than {LIMIT:,} bytes unpacked")
    if not inflate.eof or len(data) < 12:
        raise ValueError("its packed rows end too early")
    return data


def _unpacked(data: bytes, columns: list[tuple[str, str]]) -> Columns:
    """Rows of one layout, as those of the release are, are read at once; others one by one."""
    count, start = int.from_bytes(data[8:12], "little"), 12
    if count > len(data):
        raise ValueError(f"it announces {count:,} rows in {len(data):,} bytes")
    if not count:
        raise ValueError("it has no rows")
    ends, lengths = _layout(data, start, columns)
    width = ends[-1] - start
    if len(data) - start >= count * width:
        rows = np.frombuffer(data, dtype=np.uint8, count=count * width, offset=start).reshape(count, width)
        begins = [0, *(end - start for end in ends)]
        counts = [begin for begin, length in zip(begins, lengths) if length is not None]
        if all((rows[:, begin] == rows[0, begin]).all() for begin in counts):
            parts = zip(columns, begins, begins[1:], lengths)
            return {
                name: _decoded(rows[:, begin + (length is not None) : end], name, kind, length)
                for (name, kind), begin, end, length in parts
            }
    return _one_by_one(data, start, count, columns)


def _layout(data: bytes, at: int, columns: list[tuple[str, str]]) -> tuple[list[int], list[int | None]]:
    """Of the row at ``at``: the byte after each column, and the length of each that has one."""
    ends, lengths = [], []
    for name, kind in columns:
        length = None
        if kind == "str" or LIST.fullmatch(kind):
            length, at = _byte(data, at), at + 1
        at += _size(name, kind, length)
        if at > len(data):
            raise ValueError(f"its rows end too early (byte {at:,} unpacked)")
        ends.append(at)
        lengths.append(length)
    return ends, lengths


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise ValueError(f"its rows end too early (byte {at:,} unpacked)")
    return data[at]


def _size(name: str, kind: str, length: int | None) -> int:
    """Bytes of a value without its length."""
    match = LIST.fullmatch(kind)
    item, count = (match[1], int(length or 0)) if match else (kind, 1)
    if kind == "str":
        return int(length or 0)
    if QUANTIZED.fullmatch(item):
        bits = int(item.rpartition("_")[2])
        if not 0 < bits <= 32:
            raise ValueError(f"column {name!r} has {bits} bits a number")
        return (bits * count + 7) // 8
    if item not in SIZES:
        raise ValueError(f"column {name!r} is of unknown type {item!r:.40}")
    return SIZES[item] * count


def _decoded(raw: NDArray[np.uint8], name: str, kind: str, length: int | None) -> Any:
    """A column of ``(n, bytes)``."""
    match = LIST.fullmatch(kind)
    item, count = (match[1], int(length or 0)) if match else (kind, 1)
    if kind == "str":
        return [bytes(row).decode("ascii") for row in raw]
    if item == "hash":
        return [bytes(row).hex() for row in raw[:, ::-1]]
    if item == "arch":
        first, second = np.divmod(raw.astype(np.int64) >> 3, 3)
        links = [raw.astype(np.int64) >> bit & 1 for bit in (2, 1, 0)]
        return np.stack([first, second, *links], axis=2).reshape(len(raw), -1)
    out = np.empty((len(raw), count), dtype=np.float32 if match else np.float64)
    for begin in range(0, len(raw), CHUNK):
        some = raw[begin : begin + CHUNK]
        out[begin : begin + CHUNK] = _numbers(some, name, item, count)
    return out if match else out[:, 0]


def _numbers(raw: NDArray[np.uint8], name: str, item: str, count: int) -> NDArray[np.float64]:
    if quantized := QUANTIZED.fullmatch(item):
        least, _, bits = (int(number) for number in quantized.groups())
        flags = np.unpackbits(raw, axis=1, bitorder="little")[:, : bits * count].reshape(len(raw), count, bits)
        right = flags @ (1 << np.arange(bits, dtype=np.int64)) + least
        images = next((number for part, number in IMAGES.items() if part in name), IMAGES["test"])
        return np.asarray(np.round(right / images * 100, 3))
    parts = raw.reshape(len(raw), count, SIZES[item]).astype(np.int64)
    whole = parts @ (1 << 8 * np.arange(SIZES[item], dtype=np.int64))
    return np.asarray(whole / 1e6 if item == "float" else whole, dtype=np.float64)


def _one_by_one(data: bytes, at: int, count: int, columns: list[tuple[str, str]]) -> Columns:
    """Rows of different layouts."""
    found: dict[str, list[Any]] = {name: [] for name, _ in columns}
    for _ in range(count):
        ends, lengths = _layout(data, at, columns)
        for (name, kind), end, length in zip(columns, ends, lengths):
            raw = np.frombuffer(data[at + (length is not None) : end], dtype=np.uint8)[None]
            found[name].append(_decoded(raw, name, kind, length)[0])
            at = end
    return {name: np.stack(values) if name == "arch_vec" else _column(name, values) for name, values in found.items()}
