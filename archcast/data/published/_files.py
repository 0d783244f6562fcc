"""Files of a benchmark, each on disk or inside an archive: opened, unpacked whatever its name says, and read with a bounded size.

A reader gets them from :func:`archcast.data.published._finding.find`, by the names that it knows.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcast.data._torch_archive import mapped
from archcast.data._unpickle import MAX_OPCODES, unpickle
from archcast.errors import ArchcastError, DataNotFoundError, InvalidFileError

__all__ = [
    "Part",
    "bare",
    "beginning",
    "contents",
    "intact",
    "on_disk",
    "read_json",
    "reading",
    "tar_of",
    "unpacked",
    "unpickled",
]

MAX_BYTES, MAX_UNPACKED = 1 << 30, 1 << 34
PACKED = (".gz", ".bz2", ".xz")
"""Endings that a file has besides its name."""

STREAMS: tuple[tuple[bytes, tuple[str, ...], Any], ...] = (
    (b"\x1f\x8b", (".gz",), gzip.open),
    (b"BZh", ("bz2",), bz2.open),
    (b"\xfd7zXZ\x00", (".xz",), lzma.open),
)
"""How compressed data begins, the endings of such files, and what unpacks them."""

DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, NotImplementedError,
           RuntimeError, ValueError)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One file: on disk, or ``inside`` the archive ``path``."""

    path: Path
    inside: str = ""

    def __str__(self) -> str:
        return repr(f"{self.path}/{self.inside}" if self.inside else str(self.path))

    @property
    def name(self) -> str:
        """Path whose last components are the file's, without ``.gz``, ``.bz2`` or ``.xz``."""
        return bare(self.inside or self.path.as_posix())

    def read(self, limit: int = MAX_BYTES) -> bytes:
        """The content, unpacked if it is compressed with gzip, bz2 or xz.

        Raises:
            InvalidFileError: damaged, or larger than ``limit`` bytes once unpacked.
        """
        return next(contents([self], limit))[1]


def _stream(part: Part, opened: ExitStack) -> Any:
    """The unpacked content of a file as a stream, which ``opened`` closes."""
    stream: Any
    if part.inside and zipfile.is_zipfile(part.path):
        stream = opened.enter_context(opened.enter_context(zipfile.ZipFile(part.path)).open(part.inside))
    elif part.inside:
        archive = opened.enter_context(tarfile.open(part.path))  # noqa: SIM115
        stream = archive.extractfile(part.inside)
    else:
        stream = opened.enter_context(part.path.open("rb"))
    return opened.enter_context(_opener(stream, part.inside or part.path.name)(stream))


@contextmanager
def tar_of(path: Path) -> Iterator[tarfile.TarFile]:
    """A tar archive from beginning to end. What is compressed is read to its last byte, so that a part of one is noticed."""
    with path.open("rb") as disk, _opener(disk, path.name)(disk) as plain:
        with tarfile.open(fileobj=plain, mode="r|") as stream:
            yield stream
        while plain.read(1 << 22):
            pass


def bare(name: str) -> str:
    """A name without ``.gz``, ``.bz2`` or ``.xz``."""
    return next((name.removesuffix(ending) for ending in PACKED if name.endswith(ending)), name)


def _opener(file: Any, name: str) -> Any:
    """What unpacks a file, by how it begins, else by its name; ``nullcontext`` where it is not compressed."""
    start = file.peek(8)
    for begin, _, opener in STREAMS:
        if start.startswith(begin):
            return opener
    if start[:1] in (b"{", b"[", b"\x80"):  # JSON or a pickle, which somebody has unpacked and not renamed
        return nullcontext
    return next((opener for _, endings, opener in STREAMS if name.endswith(endings)), nullcontext)


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return _opener(file, path.name) is not nullcontext


def contents(parts: Sequence[Part], limit: int = MAX_BYTES) -> Iterator[tuple[Part, bytes]]:
    """Each file with its content; an archive is opened once and read from beginning to end.

    Raises:
        InvalidFileError: damaged, or a file is larger than ``limit`` bytes once unpacked.
    """
    archives: dict[Path, dict[str, Part]] = {}
    for part in parts:
        if part.inside:
            archives.setdefault(part.path, {})[part.inside] = part
    for part in parts:
        if not part.inside:
            with intact(part), part.path.open("rb") as disk:
                yield part, _unpacked(part, disk, limit)
    for path, wanted in archives.items():
        with intact(path):
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    for name, part in wanted.items():
                        with archive.open(name) as file:
                            yield part, _unpacked(part, file, limit)
            else:
                with tar_of(path) as stream:
                    for member in stream:
                        taken = stream.extractfile(member) if member.name in wanted and member.isfile() else None
                        if taken is not None:
                            yield wanted[member.name], _unpacked(wanted[member.name], taken, limit)


@contextmanager
def on_disk(part: Part, limit: int) -> Iterator[Path]:
    """Path to the content as a file: the file itself, or a temporary one to which it is unpacked piece by piece.

    Raises:
        InvalidFileError: damaged, or larger than ``limit`` bytes once unpacked.
    """
    with intact(part):
        plain_already = not part.inside and not _is_packed(part.path)
    if plain_already:
        yield part.path
        return
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / Path(part.name).name
        with intact(part), ExitStack() as opened, plain.open("wb") as out:
            stream = _stream(part, opened)
            while block := stream.read(1 << 22):
                if out.tell() + len(block) > limit:
                    raise InvalidFileError(
                        f"{part} holds more than {limit:,} bytes unpacked, which is too much for such a file."
                    )
                out.write(block)
        yield plain


def beginning(part: Part, size: int) -> bytes:
    """The first bytes of a file once it is unpacked.

    Raises:
        InvalidFileError: damaged.
    """
    with intact(part), ExitStack() as opened:
        return bytes(_stream(part, opened).read(size))


@contextmanager
def unpacked(part: Part, limit: int = MAX_UNPACKED) -> Iterator[Part]:
    """The same file where it can be mapped into memory: itself, or one that :func:`on_disk` unpacks; errors name the former."""
    with on_disk(part, limit) as path:
        try:
            yield part if path == part.path else Part(path)
        except InvalidFileError as error:
            named = str(error).replace(str(path), str(part).strip("'\""))
            raise error if path == part.path else InvalidFileError(named) from error


@contextmanager
def intact(what: object) -> Iterator[None]:
    """Turn the errors of a damaged file into one that names it."""
    try:
        yield
    except ArchcastError:
        raise
    except DAMAGED as error:
        raise InvalidFileError(f"{what} is damaged or not what its name says: {error}.") from error


def _unpacked(part: Part, file: Any, limit: int) -> bytes:
    with _opener(file, part.inside or part.path.name)(file) as unpacked:
        data = bytes(unpacked.read(limit + 1))
    if len(data) > limit:
        raise InvalidFileError(f"{part} holds more than {limit:,} bytes unpacked, which is too much for such a file.")
    return data


@contextmanager
def reading(part: object, what: str) -> Iterator[None]:
    """Turn the errors of a file of another shape into one that names the file and what it should hold."""
    try:
        yield
    except ArchcastError as error:
        if isinstance(error, (InvalidFileError, DataNotFoundError)):
            raise
        raise InvalidFileError(f"{part} is not {what}: {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError, RecursionError, SyntaxError,
            StopIteration, struct.error) as error:  # fmt: skip
        text = " ".join(str(error).split())[:200]
        if isinstance(error, KeyError):
            text = f"no {text[:80]}"
        elif isinstance(error, (TypeError, AttributeError)):  # Python's words for a list where a dictionary should be
            text = "its values have another shape"
        elif isinstance(error, StopIteration):
            text = "it holds nothing that was measured"
        else:
            text = f"{type(error).__name__}: {text}"
        raise InvalidFileError(f"{part} is not {what}: {text}.") from error


def read_json(part: Part, data: bytes) -> Any:
    """The JSON value in ``data``.

    Raises:
        InvalidFileError: names the byte.
    """
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        raise InvalidFileError(f"{part} is not JSON: {error.msg} (byte {error.pos:,}).") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InvalidFileError(f"{part} is not JSON: {str(error)[:200]}.") from error


def unpickled(
    part: Part,
    allowed: Mapping[tuple[str, str], Any],
    *,
    limit: int = MAX_BYTES,
    max_opcodes: int = MAX_OPCODES,
    finish: Callable[[dict[Any, Any]], None] | None = None,
) -> Any:
    """The data of the pickle that a file is; one that is on disk as it is stays there, in a memory map.

    Args:
        part: the file.
        allowed: stand-ins, as in :func:`archcast.data._unpickle.unpickle`.
        limit: largest size in bytes, once unpacked.
        max_opcodes: most instructions.
        finish: may replace what a dictionary holds by something smaller once it is filled.

    Raises:
        InvalidFileError: names file and byte.
    """
    options: dict[str, Any] = {"label": str(part), "max_opcodes": max_opcodes, "finish": finish}
    with reading(part, "plain data"):
        if part.inside or _is_packed(part.path) or part.path.stat().st_size > limit:
            return unpickle(part.read(limit), allowed, **options)[0]
        with mapped(part.path) as data:
            return unpickle(data, allowed, **options)[0]
