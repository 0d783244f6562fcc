"""Records of NAS-Bench-101: JSON with a protocol buffer in it, decoded for many records at once.

A record is ``[hash, epochs, adjacency, operations, metrics]``. The metrics are base64 (with line breaks) of a
message: field 1, three times, is an evaluation; 2 the number of parameters; 3 the total seconds. An evaluation
holds the doubles 1 epoch, 2 training seconds, 3 train, 4 validation and 5 test accuracy, and perhaps the text 6.
Evaluations are of the beginning, the middle and the end of a training.
"""

from __future__ import annotations

import binascii
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._tfrecord import check
from archcast.data._torch_archive import mapped
from archcast.data.published._files import Part, reading

__all__ = ["FIELDS", "LABELS", "cell", "evaluations", "fields", "read_records", "row_of"]

LABELS = {"conv3x3-bn-relu": 0, "conv1x1-bn-relu": 1, "maxpool3x3": 2}
FIELDS = ("seconds", "train_accuracy", "val_accuracy", "test_accuracy")
LENGTHS = (4, 12, 36, 108)
NODES = 7
EDGES = tuple((i, j) for i in range(NODES) for j in range(i + 1, NODES))
EVALUATION = bytes([0x0A, 45])
TAGS = (0x09, 0x11, 0x19, 0x21, 0x29)


def cell(adjacency: str, labels: list[int]) -> list[int]:
    """Row of space ``nasbench101``: 21 edges of seven nodes, five operations. The output moves to the last place.

    Args:
        adjacency: V * V digits, row by row, upper triangular; V is two to seven.
        labels: number of the operation of each inner node, see :data:`LABELS`.
    """
    v = len(labels) + 2
    if len(adjacency) != v * v or not 2 <= v <= NODES or adjacency.strip("01"):
        raise ValueError(f"its adjacency has {len(adjacency)} digits for {v} operations")
    place = [*range(v - 1), NODES - 1]
    bits = {(place[k // v], place[k % v]) for k, digit in enumerate(adjacency) if digit == "1"}
    if any(i >= j for i, j in bits):
        raise ValueError("its adjacency is not upper triangular")
    return [int(edge in bits) for edge in EDGES] + labels + [0] * (NODES - v)


def row_of(adjacency: str, operations: str) -> list[int]:
    """:func:`cell` of what a record holds: ``"input,conv3x3-bn-relu,output"``."""
    first, *inner, last = operations.split(",")
    if (first, last) != ("input", "output"):
        raise ValueError("its operations do not begin with input and end with output")
    return cell(adjacency, [LABELS[name] for name in inner])


def read_records(part: Part, starts: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Arrays of the records that begin at ``starts``: hash (16 bytes), epochs, row, params, total seconds, and
    ``(n, 2, 4)``
    values of :data:`FIELDS` at the middle and at the end."""
    hashes, epochs, rows, messages = [], [], [], []
    cells: dict[tuple[str, str], list[int]] = {}
    with mapped(part.path) as data, reading(part, "a table of NAS-Bench-101"):
        for at, record in zip(starts.tolist(), check(data, starts.tolist(), str(part))):
            with reading(f"{part}, the record at byte {at:,},", "one of NAS-Bench-101"):
                code, length, adjacency, operations, packed = json.loads(record)
                if length not in LENGTHS:
                    raise ValueError(f"it has {length!r} epochs")
                known = cells.get((adjacency, operations))
                if known is None:
                    known = cells[adjacency, operations] = row_of(adjacency, operations)
                hashes.append(bytes.fromhex(code))
                epochs.append(length)
                rows.append(known)
                messages.append(binascii.a2b_base64(packed))
                if len(hashes[-1]) != 16:
                    raise ValueError("its hash is not one of 32 digits")
        params, total, values = evaluations(messages, starts, part)
    return {
        "hash": np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, 16),
        "epochs": np.array(epochs, dtype=np.int16),
        "row": np.array(rows, dtype=np.int8).reshape(-1, len(EDGES) + NODES - 2),
        "params": params,
        "total_seconds": total,
        "values": values,
    }


def evaluations(
    messages: list[bytes], starts: NDArray[np.int64], part: object
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Parameters, total seconds and evaluations of many messages; those of the usual layout are decoded together."""
    params, total = np.full(len(messages), np.nan), np.full(len(messages), np.nan)
    values = np.full((len(messages), 2, len(FIELDS)), np.nan)
    lengths = np.array([len(message) for message in messages])
    for length in np.unique(lengths):
        of = np.flatnonzero(lengths == length)
        usual = np.zeros(0, dtype=np.int64)
        if 3 * 47 + 11 <= length <= 3 * 47 + 19:
            table = np.frombuffer(b"".join([messages[k] for k in of]), dtype=np.uint8).reshape(len(of), length)
            right = table[:, 3 * 47] == 0x10
            for k in range(3):
                right &= (table[:, 47 * k] == EVALUATION[0]) & (table[:, 47 * k + 1] == EVALUATION[1])
                for j, tag in enumerate(TAGS):
                    right &= table[:, 47 * k + 2 + 9 * j] == tag
            digits = table[:, 3 * 47 + 1 : length - 9]  # seven bits each, the lowest first, all but the last marked
            right &= (digits[:, :-1] >= 128).all(axis=1) & (digits[:, -1] < 128) & (table[:, length - 9] == 0x19)
            usual = np.flatnonzero(right)
            table, here = table[usual], of[usual]
            params[here] = (digits[usual] & 127) @ (2.0 ** (7 * np.arange(digits.shape[1])))
            total[here] = _doubles(table, length - 8)
            for k in (1, 2):
                for j in range(len(FIELDS)):
                    values[here, k - 1, j] = _doubles(table, 47 * k + 2 + 9 * (j + 1) + 1)
        for k in np.setdiff1d(of, of[usual]):
            with reading(f"{part}, the record at byte {int(starts[k]):,},", "one of NAS-Bench-101"):
                params[k], total[k], values[k] = _decode(messages[k])
    return params, total, values


def _doubles(table: NDArray[np.uint8], at: int) -> NDArray[np.float64]:
    return np.ascontiguousarray(table[:, at : at + 8]).view("<f8").ravel()


def _decode(message: bytes) -> tuple[float, float, NDArray[np.float64]]:
    """One message, field by field; fields that are not known are skipped."""
    found = fields(message)
    if any(not isinstance(value, bytes) for value in found.get(1, [])) or len(found.get(1, [])) != 3:
        raise ValueError(f"it has {len(found.get(1, []))} evaluations, not three")
    parts = [fields(value) for value in found[1]]
    values = [[float(part.get(number, [0.0])[-1]) for number in (2, 3, 4, 5)] for part in parts[1:]]
    return float(found.get(2, [np.nan])[-1]), float(found.get(3, [np.nan])[-1]), np.array(values)


def fields(message: bytes) -> Mapping[int, list[Any]]:
    """Number of a field -> its values: integers, doubles, or bytes of texts and messages."""
    found: dict[int, list[Any]] = {}
    at, value = 0, None  # type: int, Any
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
        elif kind == 1:
            value, at = struct.unpack_from("<d", message, at)[0], at + 8
        elif kind == 2:
            size, at = _varint(message, at)
            value, at = message[at : at + size], at + size
        elif kind == 5:
            value, at = struct.unpack_from("<f", message, at)[0], at + 4
        else:
            raise ValueError(f"a field of its message has type {kind}")
        if at > len(message):
            raise ValueError("its message ends in the middle")
        found.setdefault(tag >> 3, []).append(value)
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for k in range(10):
        if at + k >= len(message):
            raise ValueError("its message ends in the middle")
        value |= (message[at + k] & 127) << (7 * k)
        if message[at + k] < 128:
            return value, at + k + 1
    raise ValueError("a number of its message is too long")
