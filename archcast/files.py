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

__all__ = ["folder_of", "ordinary", "read_arrays", "text_of", "unzipped", "write_whole"]

LARGEST = 2**30
"""Bytes of a text file once it is unpacked."""
LARGEST_ARRAYS = 2**32
"""Bytes of the arrays of an ``.npz`` file once they are unpacked."""
SMALL, RATIO = 2**26, 200
"""Arrays of more than ``SMALL`` bytes take up at most ``RATIO`` times as much as their file."""

MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
"""Byte order mark -> encoding."""
UNPACK, EXPORT = "Unpack it, and give the file that it holds.", "Export it as CSV."
NO_TEXTS = (
    ("an archive or workbook (zip, xlsx, npz)", 0, b"PK\x03\x04", "Unpack it; save the sheet of a workbook as CSV."),
    ("an empty zip archive", 0, b"PK\x05\x06", "Give the file itself."),
    ("a tar archive", 257, b"ustar", UNPACK),
    ("packed by bzip2", 0, b"BZh", UNPACK),
    ("packed by xz", 0, b"\xfd7zXZ\0", UNPACK),
    ("packed by zstd", 0, b"\x28\xb5\x2f\xfd", UNPACK),
    ("packed by 7-Zip", 0, b"7z\xbc\xaf\x27\x1c", UNPACK),
    ("packed by gzip twice", 0, b"\x1f\x8b", UNPACK),
    ("a workbook of an old Excel", 0, b"\xd0\xcf\x11\xe0", "Save its sheet as CSV."),
    ("a Parquet file", 0, b"PAR1\x15", f"{EXPORT} In Python, pandas.read_parquet gives a table."),
    ("an Arrow file", 0, b"ARROW1\0\0", f"{EXPORT} In Python, pandas.read_feather gives a table."),
    ("an HDF5 file", 0, b"\x89HDF", EXPORT),
    ("a database of SQLite", 0, b"SQLite format 3\0", EXPORT),
    ("an array of numpy", 0, b"\x93NUMPY", EXPORT),
    ("a pickle", 0, b"\x80\x02", "Pickles are not read: they can run anything. Export it as CSV."),
    ("a pickle", 0, b"\x80\x03", "Pickles are not read: they can run anything. Export it as CSV."),
    ("a pickle", 0, b"\x80\x04", "Pickles are not read: they can run anything. Export it as CSV."),
    ("a pickle", 0, b"\x80\x05", "Pickles are not read: they can run anything. Export it as CSV."),
    ("a PDF", 0, b"%PDF-", "Give the numbers as CSV."),
    ("an image", 0, b"\x89PNG", "Give the numbers as CSV."),
    ("an image", 0, b"\xff\xd8\xff", "Give the numbers as CSV."),
)
"""What files are that people take for text, where they begin to say so, by which bytes, and what to do."""


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


def text_of(data: bytes, name: str | Path) -> str:
    """The text that the bytes of a file are, also within gzip: UTF-8, or what a byte order mark says; ``name`` is the file that
    errors name.

    Raises:
        InvalidFileError: it is something else; the message says what, and what to do with it.
    """
    data = unzipped(data, name)
    for kind, start, begins, advice in NO_TEXTS:
        if data[start : start + len(begins)] == begins:
            raise InvalidFileError(f"{str(name)!r} is {kind}, not text. {advice}")
    mark, encoding = next((pair for pair in MARKS if data.startswith(pair[0])), (b"", "utf-8"))
    try:
        text = data.removeprefix(mark).decode(encoding)
    except UnicodeDecodeError as error:
        place = len(mark) + error.start
        line = data.count(b"\n", 0, place) + 1
        raise InvalidFileError(
            f"{str(name)!r} is not text in UTF-8: line {line} has the byte 0x{data[place]:02x}. "
            "Save it as UTF-8; Excel calls that 'CSV UTF-8'."
        ) from error
    if "\0" in text:
        raise InvalidFileError(
            f"{str(name)!r} is not text in UTF-8: line {text.count(chr(10), 0, text.index(chr(0))) + 1} has a zero byte. "
            "Save it as UTF-8; if a disk was full when it was written, cut the line off."
        )
    beginning = text[:1000].lstrip().lower()
    if beginning.startswith(("<!doctype html", "<html")):
        raise InvalidFileError(f"{str(name)!r} is a web page, not what it links to. Download the file itself.")
    if beginning.startswith("version https://git-lfs"):
        raise InvalidFileError(f"{str(name)!r} is a pointer of Git LFS. Fetch the file itself with: git lfs pull")
    return text


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
