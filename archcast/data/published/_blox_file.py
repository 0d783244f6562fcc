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
import re
import zlib
from typing import Any

import numpy as np

from archcast.data._unpickle import CONTAINERS, NUMPY, unpickle
from archcast.data.published._files import Part, reading
from archcast.errors import InvalidFileError

__all__ = ["read_blox"]

HEADER, LIMIT = 1024, 1 << 30
IMAGES = {"train": 45_000, "val": 5_000, "test": 10_000}
QUANTIZED = re.compile(r"b_(\d+)_(\d+)_(\d+)")


def read_blox(part: Part) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Header of a file, and its rows: column -> value.

    Raises:
        InvalidFileError: names the file, and the byte where the packed form goes wrong.
    """
    data = part.read(LIMIT)
    end = data[:HEADER].find(b"\n---\n", 3)
    if not data.startswith(b"---\n") or end < 0:
        raise InvalidFileError(f"{part} is not a file of BLOX: its first {HEADER:,} bytes hold no header.")
    with reading(part, "a file of BLOX"):
        head = _header(data[4:end].decode())
        columns, body = head["columns"], data[end + 5 :]
        kind = head["format"]
        if kind == "csv":
            rows = [[_parsed(text) for text in row] for row in csv.reader(io.StringIO(body.decode(), newline=""))]
        elif kind == "pickle":
            rows = unpickle(body, {**NUMPY, **CONTAINERS}, label=str(part))[0]
        elif kind == "custom":
            rows = _unpacked(body, [(name, head["column_types"][name]) for name in columns])
        else:
            raise ValueError(f"its format is {kind!r}")
        if any(len(row) != len(columns) for row in rows):
            raise ValueError(f"its rows do not have {len(columns)} columns")
        return head, [dict(zip(columns, row)) for row in rows]


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
    return ast.literal_eval(text)


def _unpacked(body: bytes, columns: list[tuple[str, str]]) -> list[list[Any]]:
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(body, LIMIT)
    except zlib.error as error:
        raise ValueError(f"its packed rows are damaged ({error})") from error
    if inflate.unconsumed_tail:
        raise ValueError(f"its rows are more than {LIMIT:,} bytes unpacked")
    if not inflate.eof or len(data) < 12:
        raise ValueError("its packed rows end too early")
    count, at, out = int.from_bytes(data[8:12], "little"), 12, []
    if count > len(data):
        raise ValueError(f"it announces {count:,} rows in {len(data):,} bytes")
    for _ in range(count):
        row = []
        for name, kind in columns:
            value, at = _value(data, at, name, kind)
            row.append(value)
        out.append(row)
    return out


def _value(data: bytes, at: int, name: str, kind: str) -> tuple[Any, int]:
    """A value and the byte after it."""
    if match := re.fullmatch(r"list\[(\w+)\]", kind):
        length, at = _bytes(data, at, 1)[0], at + 1
        if QUANTIZED.fullmatch(match[1]):
            return _accuracies(data, at, name, match[1], length)
        items = []
        for _ in range(length):
            item, at = _value(data, at, name, match[1])
            items.append(item)
        return items, at
    if kind == "str":
        length = _bytes(data, at, 1)[0]
        return _bytes(data, at + 1, length).decode("ascii"), at + 1 + length
    if QUANTIZED.fullmatch(kind):
        values, at = _accuracies(data, at, name, kind, 1)
        return values[0], at
    sizes = {"hash": 16, "float": 3, "int": 4, "arch": 3}
    if kind not in sizes:
        raise ValueError(f"column {name!r} is of unknown type {kind!r:.40}")
    raw = _bytes(data, at, sizes[kind])
    number = int.from_bytes(raw, "little")
    known: dict[str, Any] = {"hash": f"{number:032x}", "float": number / 1e6, "int": number}
    return known.get(kind, [_cell(code) for code in raw]), at + sizes[kind]


def _cell(code: int) -> list[list[int]]:
    """A cell as the other forms have it: operation of the first node; operation and three connections of the second."""
    first, second = divmod(code >> 3, 3)
    return [[first], [second, code >> 2 & 1, code >> 1 & 1, code & 1]]


def _accuracies(data: bytes, at: int, name: str, kind: str, length: int) -> tuple[list[float], int]:
    least, _, bits = (int(number) for number in QUANTIZED.fullmatch(kind).groups())  # type: ignore[union-attr]
    if not 0 < bits <= 32:
        raise ValueError(f"column {name!r} has {bits} bits a number")
    size = (bits * length + 7) // 8
    flags = np.unpackbits(np.frombuffer(_bytes(data, at, size), dtype=np.uint8), bitorder="little")[: bits * length]
    right = flags.reshape(length, bits).astype(np.int64) @ (1 << np.arange(bits, dtype=np.int64)) + least
    images = next((number for part, number in IMAGES.items() if part in name), IMAGES["test"])
    return [round(float(value), 3) for value in right / images * 100], at + size


def _bytes(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise ValueError(f"its rows end too early (byte {at:,} unpacked)")
    return data[at : at + size]
