"""Read TFRecord files without TensorFlow, checksums included.

A record is its length (8 bytes, little endian), the masked CRC-32C of those bytes, the data, and the masked
CRC-32C of the data. CRC-32C is Castagnoli's (polynomial 0x82F63B78, reflected); masked means rotated right by 15
bits, plus 0xA282EAD8.

The checksums of many records are computed at once: a record is a row of bytes that ends at the right margin, and
each step takes two bytes of all rows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidFileError

__all__ = ["check", "crc32c", "frames", "masked"]

POLYNOMIAL, MASK = 0x82F63B78, 0xA282EAD8
HEAD, TAIL = 12, 4
MAX_RECORD = 1 << 18
CHUNK_BYTES = 1 << 24


@cache
def _table() -> NDArray[np.uint32]:
    """What sixteen bits do to the checksum, for each of the 65,536 cases."""
    table = np.arange(1 << 16, dtype=np.uint32)
    for _ in range(16):
        table = (table >> np.uint32(1)) ^ np.where(table & np.uint32(1), np.uint32(POLYNOMIAL), np.uint32(0))
    return table


def crc32c(records: Sequence[bytes]) -> NDArray[np.uint32]:
    """CRC-32C of each record.

    Examples:
        >>> [hex(value) for value in crc32c([b"123456789", b""])]
        ['0xe3069283', '0x0']
    """
    width = max(4, *map(len, records)) if records else 4
    width += width % 2
    rows = np.zeros((len(records), width), dtype=np.uint8)
    for row, record in zip(rows, records):
        if len(record) >= 4:
            row[width - len(record) :] = np.frombuffer(record, dtype=np.uint8)
            row[width - len(record) : width - len(record) + 4] ^= 0xFF  # the same as a start with all bits set
    words = np.ascontiguousarray(rows.view("<u2").T)
    table, low = _table(), np.uint32(0xFFFF)
    state = np.zeros(len(records), dtype=np.uint32)
    for word in words:
        state = table[(state ^ word) & low] ^ (state >> np.uint32(16))
    out = ~state
    for place, record in enumerate(records):
        if len(record) < 4:
            out[place] = _short(record)
    return out


def _short(record: bytes) -> int:
    state = 0xFFFFFFFF
    for byte in record:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (POLYNOMIAL if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def masked(crc: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """What is stored of a checksum."""
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(MASK)


def frames(data: Any, label: str, start: int = 0, end: int | None = None) -> Iterator[int]:
    """Where each record begins; ``data`` is bytes or a memory map.

    Raises:
        InvalidFileError: a length is damaged, or the file ends inside a record, as an interrupted download does.
    """
    at, end = start, len(data) if end is None else end
    unpack = struct.Struct("<Q").unpack_from
    number = 0
    while at < end:
        size = unpack(data, at)[0] if at + HEAD <= end else 0
        if at + HEAD > end or size > MAX_RECORD or at + HEAD + size + TAIL > end:
            what = (
                f"the length of record {number:,} is damaged"
                if size > MAX_RECORD
                else f"it ends inside record {number:,}"
            )
            raise InvalidFileError(f"{label} is not a whole TFRecord file: {what} (byte {at:,}).")
        yield at
        number += 1
        at += HEAD + size + TAIL


def check(data: Any, starts: Sequence[int], label: str) -> Iterator[bytes]:
    """The records that begin at ``starts``, in order, after both their checksums were compared.

    Raises:
        InvalidFileError: names the byte where a damaged record begins.
    """
    chunk: list[tuple[int, bytes]] = []
    longest = 0
    for at in starts:
        size = int.from_bytes(data[at : at + 8], "little")
        record = bytes(data[at : at + HEAD + size + TAIL])
        longest = max(longest, len(record))
        if chunk and longest * (len(chunk) + 1) > CHUNK_BYTES:
            yield from _checked(chunk, label)
            chunk, longest = [], len(record)
        chunk.append((at, record))
    yield from _checked(chunk, label)


def _checked(chunk: Sequence[tuple[int, bytes]], label: str) -> Iterator[bytes]:
    bodies = [record[HEAD:-TAIL] for _, record in chunk]
    stored = np.array(
        [struct.unpack("<II", record[8:HEAD] + record[-TAIL:]) for _, record in chunk], dtype=np.uint32
    ).reshape(-1, 2)
    right = (masked(crc32c([record[:8] for _, record in chunk])) == stored[:, 0]) & (
        masked(crc32c(bodies)) == stored[:, 1]
    )
    if not right.all():
        raise InvalidFileError(
            f"{label} is damaged: a checksum is wrong in the record at byte {chunk[int(right.argmin())][0]:,}."
        )
    yield from bodies
