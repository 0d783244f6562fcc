"""What a pickle refers to again: so that of a large one no more is kept than is needed."""

from __future__ import annotations

import struct
import sys
from array import array
from typing import Any

import numpy as np

__all__ = ["references"]


def references(data: Any, start: int, max_opcodes: int) -> tuple[bytearray, bytes]:
    """What the pickle at ``start`` refers to again: a first pass that builds nothing.

    Errors are left to the second pass, which says what is wrong.

    Returns:
        For each number of the memo whether the pickle refers to it, and for each reference whether it is the last
        to its number.
    """
    found = array("L")
    at, memoised, add = start, 0, found.append
    u4 = struct.Struct("<I").unpack_from
    try:
        for _ in range(max_opcodes):
            op = data[at]
            size = _SIZES[op]
            if size >= 0:
                if op == 0x68:
                    add(data[at + 1])
                elif op == 0x6A:
                    add(u4(data, at + 1)[0])
                elif op in (0x94, 0x71, 0x72):
                    memoised += 1
                elif op == 0x2E:
                    break
                at += 1 + size
            elif size >= -8:
                at += 1 - size + int.from_bytes(data[at + 1 : at + 1 - size], "little")
            elif op == 0x63:
                lines = bytes(data[at : at + 512]).split(b"\n", 2)
                at += len(lines[0]) + len(lines[1]) + 2
            else:
                break
    except (IndexError, struct.error):
        pass
    numbers = np.frombuffer(found, dtype=f"u{found.itemsize}") if found else np.zeros(0, dtype=np.uint64)
    wanted = bytearray(memoised + 1)
    np.frombuffer(wanted, dtype=np.uint8)[numbers[numbers < memoised]] = 1
    last = np.zeros(len(numbers), dtype=np.uint8)
    last[len(numbers) - 1 - np.unique(numbers[::-1], return_index=True)[1]] = 1
    return wanted, last.tobytes()


def _sizes() -> list[int]:
    """Bytes after each opcode; ``-w`` for a length in w bytes and that many more; below for all others."""
    sizes = [-sys.maxsize] * 256
    for op in b"\x94\x28\x75\x73\x2e\x7d\x5d\x29\x85\x86\x87\x74\x65\x61\x4e\x88\x89\x52\x81\x62\x93\x8f\x90\x91\x51":
        sizes[op] = 0
    for width, ops in ((1, b"\x4b\x71\x68\x80"), (2, b"\x4d"), (4, b"\x72\x6a\x4a"), (8, b"\x47\x95")):
        for op in ops:
            sizes[op] = width
    for width, ops in ((1, b"\x8c\x43\x8a\x55"), (4, b"\x58\x42\x54"), (8, b"\x8d\x8e\x96")):
        for op in ops:
            sizes[op] = -width
    return sizes


_SIZES = _sizes()
