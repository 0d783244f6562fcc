"""TFRecord frames: against the definition of CRC-32C, bit by bit, and files damaged at every byte."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcast.data._tfrecord import check, crc32c, frames, masked
from archcast.errors import InvalidFileError


def slow_crc(data: bytes) -> int:
    """CRC-32C by polynomial division, a bit at a time."""
    state = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            carry = (state ^ (byte >> bit)) & 1
            state = (state >> 1) ^ (0x82F63B78 if carry else 0)
    return state ^ 0xFFFFFFFF


def slow_masked(data: bytes) -> int:
    crc = slow_crc(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def written(*records: bytes) -> bytes:
    out = b""
    for record in records:
        length = struct.pack("<Q", len(record))
        out += length + struct.pack("<I", slow_masked(length)) + record + struct.pack("<I", slow_masked(record))
    return out


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_checksums_against_the_definition(records) -> None:
    assert crc32c(records).tolist() == [slow_crc(record) for record in records]
    assert masked(crc32c(records)).tolist() == [slow_masked(record) for record in records]


def test_the_check_value_of_the_standard() -> None:
    assert crc32c([b"123456789"])[0] == 0xE3069283
    assert crc32c([bytes(32)])[0] == 0x8A9136AA, "RFC 3720, 32 bytes of zeros"
    assert crc32c([b"\xff" * 32])[0] == 0x62A8AB43, "RFC 3720, 32 bytes of ones"


def read(data: bytes) -> list[bytes]:
    return list(check(data, list(frames(data, "'f'")), "'f'"))


def test_what_is_written_is_read() -> None:
    records = [b"", b"a", b"abc", b"abcd", b"x" * 1000, bytes(range(256))]
    assert read(written(*records)) == records
    assert read(b"") == []


def test_a_file_that_ends_anywhere_else_than_after_a_record() -> None:
    data = written(b"first", b"second record")
    ends = {0, len(written(b"first")), len(data)}
    for size in range(len(data)):
        if size not in ends:
            number = int(size > len(written(b"first")))
            with pytest.raises(InvalidFileError, match=rf"it ends inside record {number} \(byte \d+\)"):
                read(data[:size])


def test_a_flipped_bit_anywhere() -> None:
    data = written(b"first", b"second record")
    for at in range(len(data)):
        for bit in (0, 3, 7):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            with pytest.raises(InvalidFileError, match=r"\(byte \d+\)|at byte \d+"):
                read(bytes(damaged))


def test_a_record_that_claims_to_be_huge() -> None:
    for size in (1 << 21, 1 << 40, (1 << 64) - 1):
        with pytest.raises(InvalidFileError, match="the length of record 0 is damaged"):
            read(struct.pack("<QI", size, 0) + bytes(100))


def test_records_of_very_different_length_take_little_memory() -> None:
    import tracemalloc

    data = written(b"x" * (1 << 14), *[b"abc"] * 20_000)
    tracemalloc.start()
    read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000
    assert np.array_equal(crc32c([b"abc"]), [slow_crc(b"abc")])
