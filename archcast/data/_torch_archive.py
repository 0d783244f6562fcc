"""Read the data of a file that ``torch.save`` wrote, without torch and without executing anything.

There are two containers. Since torch 1.6 a file is a zip archive: ``<root>/data.pkl`` and the raw numbers of each
storage in ``<root>/data/<key>``. Before, it was five pickles in a row (a magic number, the protocol, the system,
**the object**, the storage keys) and then the storages, each an 8-byte count and its numbers. Both are read from
a memory map.
"""

from __future__ import annotations

import math
import mmap
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data._stand_ins import CONTAINERS, NUMPY, Replaced
from archcast.data._unpickle import MAX_OPCODES, unpickle
from archcast.errors import InvalidFileError

__all__ = ["mapped", "read_torch"]

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""The first pickle of the older container: the number 0x1950a86a20f9469cfc6c."""

PROTOCOL = 1001
STORAGES = {"DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "LongStorage": "i8", "IntStorage": "i4",
            "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "b1"}  # fmt: skip
MAX_TENSOR_BYTES = 1 << 28


class _Storage(Replaced):
    """Stands for a storage: its type, and its numbers once they are known."""

    def __init__(self, code: str, key: str, count: int) -> None:
        self.code, self.key, self.count = code, key, count
        self.numbers: NDArray[Any] | None = None


class _Tensor:
    """Stands for a tensor: what it shows of its storage."""

    def __init__(
        self, storage: _Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any
    ) -> None:
        if len(shape) != len(stride) or min((offset, *shape, *stride)) < 0:
            raise ValueError("a tensor's shape does not fit its strides")
        if math.prod(shape) > MAX_TENSOR_BYTES // 8:  # with a stride of 0 a small storage may look large
            raise ValueError("a tensor is too large")
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.stride)) if 0 not in self.shape else 0
        numbers = self.storage.numbers
        if numbers is None or last >= max(len(numbers), 1):
            raise ValueError("a tensor reaches beyond its storage")
        steps = tuple(s * numbers.itemsize for s in self.stride)
        view = np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, steps, writeable=False)
        return np.array(view, dtype=dtype)


@contextmanager
def mapped(path: Path) -> Iterator[Any]:
    """The bytes of a file as a memory map; an empty file is empty bytes.

    Raises:
        InvalidFileError: it cannot be opened.
    """
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                yield b""
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield data
    except OSError as error:
        raise InvalidFileError(f"{str(path)!r} could not be read: {error}.") from error


def read_torch(
    path: Path,
    *,
    allowed: Mapping[tuple[str, str], Any] | None = None,
    max_opcodes: int = MAX_OPCODES,
    finish: Callable[[dict[Any, Any]], None] | None = None,
) -> Any:
    """The object in a file of ``torch.save``, of either container. A tensor has ``numpy.asarray``.

    ``finish`` is handed to :func:`archcast.data._unpickle.unpickle`.

    Raises:
        InvalidFileError: neither container, damaged, or it names something else than data.
    """
    storages: dict[str, _Storage] = {}

    def persistent(pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or pid[1] not in STORAGES.values():
            raise ValueError("a persistent id is not one of a storage")
        _, code, key, _, count = pid[:5]
        if not isinstance(key, str) or not isinstance(count, int) or not 0 <= count <= MAX_TENSOR_BYTES // 8:
            raise ValueError(f"a storage says that it holds {str(count)[:30]} numbers")
        return storages.setdefault(key, _Storage(code, key, count))

    names: dict[tuple[str, str], Any] = {**NUMPY, **CONTAINERS, ("torch._utils", "_rebuild_tensor_v2"): _Tensor}
    names |= {("torch", name): code for name, code in STORAGES.items()}
    options: dict[str, Any] = {"max_opcodes": max_opcodes, "persistent": persistent, "finish": finish}
    names |= allowed or {}
    label = repr(str(path))
    with mapped(path) as data:
        if data[:4] == b"PK\x03\x04":
            return _read_zip(path, data, names, options, storages)
        if data[: len(MAGIC)] != MAGIC:
            raise InvalidFileError(f"{label} is not a file of torch.save: it begins with {bytes(data[:8])!r}.")
        version, at = unpickle(data, {}, label=label, start=len(MAGIC), max_opcodes=1_000)
        system, at = unpickle(data, {}, label=label, start=at, max_opcodes=1_000)
        if version != PROTOCOL or not isinstance(system, dict) or system.get("little_endian") is not True:
            raise InvalidFileError(f"{label} is a torch file of another version or byte order.")
        value, at = unpickle(data, names, label=label, start=at, **options)
        keys, at = unpickle(data, {}, label=label, start=at, max_opcodes=1_000_000)
        for key in keys if isinstance(keys, list) else ():
            storage = storages.get(key)
            if storage is None or len(data) < at + 8:
                raise InvalidFileError(f"{label} ends in the middle of its storages (byte {at:,}).")
            at = _fill(storage, data, at + 8, int.from_bytes(data[at : at + 8], "little"), label)
        return value


def _fill(storage: _Storage, data: Any, at: int, count: int, label: str) -> int:
    """Read the numbers of a storage from ``data`` at ``at``; gives the position after them."""
    size = count * np.dtype(storage.code).itemsize
    if count != storage.count or at + size > len(data):
        raise InvalidFileError(f"{label} ends in the middle of a storage, or its size is wrong (byte {at:,}).")
    storage.numbers = np.frombuffer(bytes(data[at : at + size]), "<" + storage.code)
    return at + size


def _read_zip(
    path: Path, data: Any, names: Mapping[Any, Any], options: Mapping[str, Any], storages: Mapping[str, _Storage]
) -> Any:
    label = repr(str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            found = [info for info in archive.infolist() if info.filename.endswith("data.pkl")]
            if len(found) != 1:
                raise InvalidFileError(f"{label} is a zip archive, but not of torch: it holds {len(found)} data.pkl.")
            root = found[0].filename.removesuffix("data.pkl")
            pickle, start = _member(archive, found[0], data, label)
            value, _ = unpickle(pickle, names, label=f"{label}, {found[0].filename}", start=start, **options)
            for key, storage in storages.items():
                info = archive.getinfo(f"{root}data/{key}")
                if info.file_size != storage.count * np.dtype(storage.code).itemsize:
                    raise InvalidFileError(
                        f"{label}: {info.filename} has {info.file_size:,} bytes, another size is due."
                    )
                _fill(storage, archive.read(info), 0, storage.count, label)
            return value
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, InvalidFileError):
            raise
        raise InvalidFileError(f"{label} is a damaged zip archive: {error}.") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, data: Any, label: str) -> tuple[Any, int]:
    """The bytes of a member and where they begin. torch stores without compression: those stay in the memory map."""
    if info.compress_type != zipfile.ZIP_STORED:
        if info.file_size > MAX_TENSOR_BYTES:
            raise InvalidFileError(f"{label}: {info.filename} unpacks to {info.file_size:,} bytes, which is too much.")
        return archive.read(info), 0
    if info.file_size <= MAX_TENSOR_BYTES:
        return archive.read(info), 0  # with its checksum
    at = info.header_offset
    if data[at : at + 4] != b"PK\x03\x04":
        raise InvalidFileError(f"{label}: the header of {info.filename} is damaged (byte {at:,}).")
    return data, at + 30 + int.from_bytes(data[at + 26 : at + 28], "little") + int.from_bytes(
        data[at + 28 : at + 30], "little"
    )
