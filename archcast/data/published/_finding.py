"""Which files of a benchmark are there: a file that was named, those of a folder, or those within archives.

Names are shell patterns of a path's last components, such as ``result_*.json`` or ``seg/trainval.pkl``; a file compressed with
gzip, bz2 or xz is found by its name without the ending. Where no name fits, capital and small letters are the same, and archives
of any name are looked into.
"""

from __future__ import annotations

import fnmatch
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from archcast.data.base import DATA_VARIABLE
from archcast.data.published._files import Part, bare, intact, tar_of
from archcast.errors import DataNotFoundError, InvalidFileError

__all__ = ["find", "fits", "natural"]

MAX_DEPTH = 8
MAX_ENTRIES = 5_000_000
POINTER, MAX_POINTER = b"version https://git-lfs", 1024
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

MAX_FOREIGN = 1 << 30
"""Largest tar archive, in bytes, that is looked into though its name is not one of the benchmark's: it has no list of its files."""


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
    for text in {path, bare(path)}:
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
    with intact(repr(str(path))):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = [info.filename for info in archive.infolist() if not info.is_dir()]
        else:
            with tar_of(path) as stream:
                names = [member.name for member in stream if member.isfile()]
    return [name for name in names if not name.startswith("__MACOSX/") and not Path(name).name.startswith("._")]
