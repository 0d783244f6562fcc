"""Files written whole or not at all, and files of others read without trust."""

from __future__ import annotations

import gzip
import io
import math
import os
import uuid
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcast.checks import path_of
from archcast.errors import DataNotFoundError, InvalidFileError, InvalidInputError, short

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["folder_of", "ordinary", "read_arrays", "unzipped", "write_whole"]

LARGEST = 2**30
"""Bytes of a text file once it is unpacked."""
LARGEST_ARRAYS = 2**32
"""Bytes of the arrays of an ``.npz`` file once they are unpacked."""
SMALL, RATIO = 2**26, 200
"""Arrays of more than ``SMALL`` bytes take up at most ``RATIO`` times as much as their file."""


def write_whole(path: str | Path, data: str | bytes) -> None:
    """Write ``data`` beside ``path``, then put it in its place: whoever reads sees the old file or the new one.

    Args:
        path: the file; its folder exists.
        data: bytes, or text that is written as UTF-8.
    """
    path = ordinary("path", path)
    part = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.part")
    try:
        part.write_bytes(data.encode() if isinstance(data, str) else data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def folder_of(name: str, path: Any) -> Path:
    """``path`` as a folder, which is made where there is none.

    Raises:
        InvalidInputError: it is no path, or something else is there.
    """
    path = path_of(name, path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(f"{name} {short(str(path))} cannot be a folder: {error.strerror}.") from error
    return path


def ordinary(name: str, path: Any, *, made: bool = True) -> Path:
    """``path`` as the path of a file that may be written: no folder, and no device, pipe or socket, which a file put in its place
    would remove; ``made`` says that its folder must be there.

    Raises:
        InvalidInputError: it is one of these, or no path.
        DataNotFoundError: there is no such folder.
    """
    path = path_of(name, path)
    if path.is_dir():
        raise InvalidInputError(f"{name} {short(str(path))} is a folder: give the path of a file to write.")
    if path.exists() and not path.is_file():
        raise InvalidInputError(
            f"{name} {short(str(path))} is a device, pipe or socket: give the path of a file to write."
        )
    if made and not path.parent.is_dir():
        raise DataNotFoundError(
            f"{name} {short(str(path))}: there is no folder {short(str(path.parent))}. Make it first."
        )
    return path


def unzipped(data: bytes, name: str | Path) -> bytes:
    """``data`` as it is, or what gzip packed in it; ``name`` is the file that errors name.

    Raises:
        InvalidFileError: it is damaged, or larger than ``LARGEST`` once unpacked.
    """
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        with gzip.open(io.BytesIO(data)) as file:
            unpacked = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidFileError(f"{str(name)!r} is a damaged gzip file: {error}.") from error
    if len(unpacked) > LARGEST:
        raise InvalidFileError(f"{str(name)!r} holds more than {LARGEST:,} bytes once unpacked: too much for a table.")
    return unpacked


def read_arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file by name: no pickles, and no more bytes than the file declares and may hold.

    Raises:
        DataNotFoundError: no such file.
        InvalidFileError: it is damaged, encrypted, something else, or declares too much.
    """
    import numpy as np

    path = path_of("path", path)
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is a folder, device, pipe or socket")
        with open(path, "rb") as stream:
            if stream.read(4) != b"PK\x03\x04":
                raise ValueError("it does not begin like a zip file")
            size = stream.seek(0, io.SEEK_END)
            with zipfile.ZipFile(stream) as archive:
                declared = 0
                for member in archive.infolist():
                    with archive.open(member) as file:
                        declared += max(member.file_size, _declared(file))
                allowed = min(max(SMALL, RATIO * size), LARGEST_ARRAYS)
                if declared > allowed:
                    raise ValueError(f"it would unpack to {declared:,} bytes, and {allowed:,} are allowed")
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError as error:
        raise DataNotFoundError(f"No file {str(path)!r}.") from error
    except Exception as error:  # whatever a broken or hostile file makes zipfile, zlib and numpy raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InvalidFileError(f"{str(path)!r} is not a sound file of arrays (.npz): {reason}.") from error


def _declared(file: Any) -> int:
    """Bytes of the array that a ``.npy`` file announces."""
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read")
    return math.prod(shape) * dtype.itemsize
