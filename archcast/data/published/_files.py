"""The files of a benchmark, wherever they are: a file, a folder, or an archive that holds them.

A reader says by which names it knows its files, and gets :class:`Part` objects that can be read with a bounded
size. Names are shell patterns of a path's last components, such as ``result_*.json`` or ``seg/trainval.pkl``; a
file compressed with gzip, bz2 or xz is found by its name without the ending, and unpacked whatever its name says. Where no
name fits, capital and small letters are the same, and archives of any name are looked into.
"""

from __future__ import annotations

import bz2
import fnmatch
import gzip
import json
import lzma
import os
import re
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcast.data._torch_archive import mapped
from archcast.data._unpickle import MAX_OPCODES, unpickle
from archcast.data.base import DATA_VARIABLE
from archcast.errors import ArchcastError, DataNotFoundError, InvalidFileError

__all__ = ["Part", "beginning", "find", "natural", "on_disk", "read_json", "reading", "unpacked", "unpickled"]

MAX_BYTES, MAX_UNPACKED = 1 << 30, 1 << 34
MAX_DEPTH = 8
MAX_ENTRIES = 5_000_000
POINTER, MAX_POINTER = b"version https://git-lfs", 1024
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
PACKED = (".gz", ".bz2", ".xz")
"""Endings that a file has besides its name."""

STREAMS: tuple[tuple[bytes, tuple[str, ...], Any], ...] = (
    (b"\x1f\x8b", (".gz",), gzip.open),
    (b"BZh", ("bz2",), bz2.open),
    (b"\xfd7zXZ\x00", (".xz",), lzma.open),
)
"""How compressed data begins, the endings of such files, and what unpacks them."""

MAX_FOREIGN = 1 << 30
"""Largest tar archive, in bytes, that is looked into though its name is not one of the benchmark's: it has no list of its files."""

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
        return _bare(self.inside or self.path.as_posix())

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
def _tar(path: Path) -> Iterator[tarfile.TarFile]:
    """A tar archive from beginning to end. What is compressed is read to its last byte, so that a part of one is noticed."""
    with path.open("rb") as disk, _opener(disk, path.name)(disk) as plain:
        with tarfile.open(fileobj=plain, mode="r|") as stream:
            yield stream
        while plain.read(1 << 22):
            pass


def _bare(name: str) -> str:
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
            with _intact(part), part.path.open("rb") as disk:
                yield part, _unpacked(part, disk, limit)
    for path, wanted in archives.items():
        with _intact(path):
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    for name, part in wanted.items():
                        with archive.open(name) as file:
                            yield part, _unpacked(part, file, limit)
            else:
                with _tar(path) as stream:
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
    with _intact(part):
        plain_already = not part.inside and not _is_packed(part.path)
    if plain_already:
        yield part.path
        return
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / Path(part.name).name
        with _intact(part), ExitStack() as opened, plain.open("wb") as out:
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
    with _intact(part), ExitStack() as opened:
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
def _intact(what: object) -> Iterator[None]:
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


def find(
    patterns: Sequence[str],
    path: Path | None,
    *,
    benchmark: str,
    get: str,
    archives: Sequence[str] = (),
    renamed: Sequence[str] = (),
    optional: bool = False,
) -> list[Part]:
    """The files that fit a pattern, in natural order.

    Args:
        patterns: names of the files.
        path: a file (whatever its name), an archive, or a folder in which to look; ``None`` takes ``$ARCHCAST_DATA``.
        benchmark: what needs them.
        get: a sentence that says what to download and from where.
        archives: names of archives of the folder to look into first where the files are not unpacked.
        renamed: names that will do where no file has one of ``patterns``.
        optional: whether none may be there, which gives an empty list.

    Pointers of Git LFS, which stand in a repository for files that were not pulled, are passed over.

    Raises:
        DataNotFoundError: none is there; says what to download and where to put it.
        InvalidFileError: an archive is damaged.
    """
    needs = f"Benchmark {benchmark!r} needs {' or '.join(patterns)}"
    if path is None:
        value = os.environ.get(DATA_VARIABLE)
        if not value:
            raise DataNotFoundError(
                f"{needs}, and ${DATA_VARIABLE} is not set. {get} Then set {DATA_VARIABLE} to the folder that holds it."
            )
        path = Path(value)
    if path.is_file():
        found = _of_archive(path, patterns) if path.name.lower().endswith(ARCHIVES) else [Part(path)]
    else:
        files = list(_walk(path)) if path.is_dir() else []
        found = _of_folder(files, patterns, renamed, archives)
        if not found and not optional:
            found = _of_other_archives(files, [*patterns, *renamed], archives)
    here = [part for part in found if not _is_pointer(part)]
    if found and not here and not optional:
        raise DataNotFoundError(
            f"{needs}, of which {str(found[0].path)!r} is only a pointer of Git LFS. Run git lfs pull in its repository."
        )
    found = here
    if not found and not optional:
        inner = next(_within_archives([path] if path.is_file() else files), None)
        if inner is not None:
            raise InvalidFileError(
                f"{needs}; {str(inner.path)!r} holds another archive, {inner.inside!r}. Unpack the outer one, and give its folder."
            )
        raise DataNotFoundError(f"{needs}, which is not in {str(path)!r}. {get}")
    return sorted(found, key=lambda part: (natural(str(part.path)), natural(part.inside)))


def _of_archive(path: Path, patterns: Sequence[str]) -> list[Part]:
    """What fits of an archive that was named; its only file whatever that is called."""
    members = _members(path)
    only = len(members) == 1 and not members[0].lower().endswith(ARCHIVES)
    return [Part(path, name) for name in (members if only else _fitting(members, patterns))]


def _within_archives(files: Sequence[Path]) -> Iterator[Part]:
    """Archives that archives hold: they are not looked into, which keeps what is unpacked within bounds."""
    for file in files:
        if file.suffix.lower() == ".zip" or (
            file.name.lower().endswith(ARCHIVES) and file.stat().st_size <= MAX_FOREIGN
        ):
            with suppress(InvalidFileError):
                yield from (Part(file, name) for name in _members(file) if name.lower().endswith(ARCHIVES))


def _of_folder(
    files: Sequence[Path], patterns: Sequence[str], renamed: Sequence[str], archives: Sequence[str]
) -> list[Part]:
    by_name = {os.path.abspath(file).replace(os.sep, "/"): file for file in files}
    for wanted in (patterns, renamed):
        if found := _fitting(list(by_name), wanted):
            return [Part(by_name[name]) for name in found]
    own = [file for file in files if file.name.lower().endswith(ARCHIVES) and fits(file.as_posix(), archives)]
    return [Part(file, name) for file in own for name in _fitting(_members(file), patterns)]


def _of_other_archives(files: Sequence[Path], patterns: Sequence[str], own: Sequence[str]) -> list[Part]:
    """What fits in archives whose names say nothing; a damaged one is passed over."""
    parts = []
    for file in files:
        packed = file.name.lower().endswith(ARCHIVES) and not fits(file.as_posix(), own)
        if packed and (file.suffix.lower() == ".zip" or file.stat().st_size <= MAX_FOREIGN):
            try:
                parts += [Part(file, name) for name in _fitting(_members(file), patterns)]
            except InvalidFileError:
                continue
    return parts


def _fitting(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The names that fit a pattern; where none does, those that would in small letters."""
    small = [pattern.lower() for pattern in patterns]
    return [name for name in names if fits(name, patterns)] or [name for name in names if fits(name.lower(), small)]


def _is_pointer(part: Part) -> bool:
    """Whether a file is some 130 bytes that name one of Git LFS."""
    try:
        if part.inside or part.path.stat().st_size > MAX_POINTER:
            return False
        with part.path.open("rb") as file:
            return file.read(len(POINTER)) == POINTER
    except OSError:  # said when it is read
        return False


def fits(path: str, patterns: Sequence[str]) -> bool:
    """Whether the last components of a path, with or without ``.gz``, ``.bz2`` or ``.xz``, are those of a pattern."""
    for text in {path, _bare(path)}:
        pieces = text.split("/")
        if any(fnmatch.fnmatchcase("/".join(pieces[-1 - pattern.count("/") :]), pattern) for pattern in patterns):
            return True
    return False


def natural(text: str) -> list[tuple[bool, int | str]]:
    """Sort key that puts ``result_2`` before ``result_10``."""
    return [(part.isdigit(), int(part[:18]) if part.isdigit() else part) for part in re.split(r"(\d+)", text)]


def _walk(folder: Path) -> Iterator[Path]:
    todo, seen, been = [(folder, 0)], 0, set()
    while todo:
        here, depth = todo.pop()
        facts = here.stat()
        if (facts.st_dev, facts.st_ino) in been:
            continue  # a link to a folder that was looked at
        been.add((facts.st_dev, facts.st_ino))
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MAX_ENTRIES:
                        raise InvalidFileError(
                            f"{str(folder)!r} holds more than {MAX_ENTRIES:,} files. Name a smaller folder."
                        )
                    if entry.is_file():
                        yield Path(entry.path)
                    elif depth < MAX_DEPTH and entry.is_dir() and not entry.name.startswith("."):
                        todo.append((Path(entry.path), depth + 1))
        except PermissionError:
            continue


def _members(path: Path) -> list[str]:
    """Names of the files of an archive, without those that systems add (``__MACOSX``, ``.DS_Store``)."""
    with _intact(repr(str(path))):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = [info.filename for info in archive.infolist() if not info.is_dir()]
        else:
            with _tar(path) as stream:
                names = [member.name for member in stream if member.isfile()]
    return [name for name in names if not name.startswith("__MACOSX/") and not Path(name).name.startswith("._")]


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
