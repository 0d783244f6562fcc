"""Work that can be interrupted and continued: what every command that writes to ``out`` has in common.

- :class:`Journal` is a file that grows by whole lines. A process that is killed leaves at most one torn line, which is cut off when
  the file is read again; nothing else is lost.
- :func:`claimed` makes sure that two processes never work on one folder at once.
- :func:`staffed` says in one line that a worker process was killed.
- :func:`fingerprint` says in a few letters what a value is (arrays and source code included), so that a run is continued only by
  the same run.
- :func:`file_name` makes a file name of any label.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import os
import re
import socket
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from archcast.checks import path_of
from archcast.errors import ArchcastError, InvalidFileError, InvalidInputError
from archcast.files import ordinary, write_whole

__all__ = ["Journal", "claimed", "file_name", "fingerprint", "staffed"]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DIGITS = 16
"""Hexadecimal digits of a fingerprint."""
LONGEST_NAME = 60


class Journal:
    """A text file that grows by whole lines.

    Args:
        path: the file; it need not be there.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     journal = Journal(Path(folder) / "runs.jsonl")
        ...     journal.add({"arch": 1})
        ...     with journal.path.open("a") as file:
        ...         _ = file.write('{"arch": 2, "sco')                # the process is killed
        ...     journal.add({"arch": 3})
        ...     journal.records()
        [{'arch': 1}, {'arch': 3}]
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def text(self) -> str:
        """All whole lines, without a byte order mark; empty if there is no file. A torn last line is cut off the file.

        Raises:
            InvalidFileError: the file is not UTF-8 text.
        """
        if not self.path.exists():
            return ""
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            write_whole(self.path, whole)
        try:
            return whole.removeprefix(BYTE_ORDER_MARK).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.damaged(f"byte {error.start} is no UTF-8 text") from error

    def records(self) -> list[Any]:
        """What the lines hold as JSON.

        Raises:
            InvalidFileError: a line is not JSON.
        """
        found = []
        for number, line in enumerate(self.text().split("\n")[:-1], start=1):
            try:
                found.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise self.damaged(f"line {number} is not JSON ({' '.join(str(error).split())})") from error
        return found

    def append(self, lines: str) -> None:
        """Add whole lines, each ended by a line feed, and hand them to the system at once."""
        if self._torn():
            self.text()
        with self.path.open("ab") as file:
            file.write(lines.encode())

    def _torn(self) -> bool:
        """Whether the file ends within a line."""
        try:
            with self.path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read() != b"\n"
        except OSError:  # there is no file, or nothing in it
            return False

    def add(self, record: Any) -> None:
        """Add one line of JSON."""
        self.append(json.dumps(record, ensure_ascii=False) + "\n")

    def rewrite(self, lines: str) -> None:
        """Put other whole lines in the place of all."""
        write_whole(self.path, lines)

    def damaged(self, why: str) -> InvalidFileError:
        """The error for a file that cannot be continued."""
        return InvalidFileError(f"{str(self.path)!r} cannot be continued: {why}. Choose another place for the results.")


@contextmanager
def staffed() -> Iterator[None]:
    """Within it, or in the function that it decorates, a worker process that is killed ends the call in one line.

    Raises:
        ArchcastError: a worker process was killed.
    """
    try:
        yield
    except BrokenProcessPool as error:
        raise ArchcastError(
            "A worker process was killed, perhaps for want of memory. What is finished is kept where an out was given: "
            "the same call continues, with fewer jobs if memory was the cause."
        ) from error


@contextmanager
def claimed(path: str | Path, *, file: bool = False) -> Iterator[None]:
    """Keep other processes away from a folder, or from a file, while this one works on it.

    The claim is a lock of the operating system on a hidden file, ``.archcast.lock`` in a folder or ``.NAME.lock`` beside
    a file. The system frees it when the process ends, however it ends, so that a killed process blocks nobody. Between machines
    it is as good as the locks of the file system that they share.

    Args:
        path: folder, or file; folders are made if they are not there.
        file: whether ``path`` is a file.

    Raises:
        InvalidInputError: another process works on it; the message says which.
    """
    path = ordinary("out", path) if file else path_of("out", path)
    folder = path.parent if file else path
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(f"out {str(path)!r} cannot be a folder: {error.strerror}.") from error
    lock = folder / (f".{path.name}.lock" if file else ".archcast.lock")
    handle = _locked(lock, path)
    try:
        yield
    finally:
        if handle is not None:
            with suppress(OSError):  # Windows keeps a file that is open
                lock.unlink()
            os.close(handle)


def _locked(lock: Path, path: Path) -> int | None:
    """An open file that holds the lock, or ``None`` where the file system has no locks."""
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(handle)
        except BlockingIOError:
            owner = _owner(handle)
            os.close(handle)
            raise InvalidInputError(
                f"out {str(path)!r} is in use by another process{owner}. Wait until that process is done, or choose another out."
            ) from None
        except OSError as error:
            os.close(handle)
            with suppress(OSError):
                lock.unlink()
            warnings.warn(
                f"{str(lock)!r} cannot be locked ({error.strerror}): do not let two processes write to {str(path)!r} at once.",
                stacklevel=4,
            )
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), lock.stat()):  # else its last owner removed it: that lock is void
                os.ftruncate(handle, 0)
                start = datetime.now().isoformat(" ", "seconds")
                os.write(handle, f"process {os.getpid()} on {socket.gethostname()}, since {start}".encode())
                return handle
        os.close(handle)


def _lock(handle: int) -> None:
    """Lock an open file for this process alone.

    Raises:
        BlockingIOError: somebody else holds it.
        OSError: the file system has no locks.
    """
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, 1 << 20, os.SEEK_SET)  # beyond the text, which others may read
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _owner(handle: int) -> str:
    """Who holds a lock, in words, if it is written there."""
    with suppress(OSError):
        text = os.pread(handle, 200, 0) if hasattr(os, "pread") else os.read(handle, 200)
        if text:
            return f" ({text.decode(errors='replace')})"
    return ""


def file_name(label: str) -> str:
    """A file name for any label: the label itself where it is lower case letters, digits, dots, dashes and underscores, else what
    is left of it and six digits that tell it from others.

    Examples:
        >>> file_name("regularized-evolution"), file_name("../../etc")
        ('regularized-evolution', 'etc-74ccf3')
    """
    plain = re.sub(r"[^a-z0-9._-]+", "-", label.lower()).strip(".-")[:LONGEST_NAME]
    if plain and plain == label:
        return plain
    return f"{plain or 'label'}-{hashlib.sha256(label.encode(errors='surrogatepass')).hexdigest()[:6]}"


def fingerprint(*values: Any) -> str:
    """16 hexadecimal digits that are equal for equal values, in this process and in another.

    Arrays count with their contents, containers and objects with what they hold, functions and classes with the source of the
    module that defines them (their byte code where there is no source), their defaults and what they enclose. Lists, dicts and sets
    that a function encloses do not count: functions keep notes there. A path counts as a path: fingerprint the contents of the
    file where these matter.

    Examples:
        >>> fingerprint(np.arange(3)) == fingerprint(np.arange(3)), fingerprint({"a": 1}) == fingerprint({"a": 2})
        (True, False)
    """
    digest = hashlib.sha256()
    for part in _parts(values, set()):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:DIGITS]


def _parts(value: Any, above: set[int]) -> Iterator[bytes]:
    """The bytes that a value is made of; ``above`` are the containers that it is in."""
    if value is None or isinstance(value, (bool, int, float, complex, str, PurePath, np.generic)):
        yield f"{type(value).__name__} {value!r}".encode(errors="surrogatepass")
    elif isinstance(value, (bytes, bytearray)):
        yield bytes(value)
    elif isinstance(value, np.ndarray):
        yield f"array {value.dtype.str} {value.shape}".encode()
        if value.dtype.hasobject:
            yield from _parts(value.tolist(), above)
        else:
            yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, ModuleType):
        yield f"module {value.__name__}".encode()
    elif id(value) in above:
        yield b"itself"
    else:
        yield from _inner(value, above | {id(value)})


def _inner(value: Any, above: set[int]) -> Iterator[bytes]:
    """The bytes of a container, a function or an object."""
    if isinstance(value, Mapping):
        yield f"mapping {len(value)}".encode()
        for key, item in value.items():
            yield from _parts(key, above)
            yield from _parts(item, above)
    elif isinstance(value, (set, frozenset)):
        yield f"set {len(value)}".encode()
        yield from sorted(fingerprint(item).encode() for item in value)
    elif isinstance(value, (list, tuple)):
        yield f"sequence {len(value)}".encode()
        for item in value:
            yield from _parts(item, above)
    elif isinstance(value, type):
        yield from _source(value)
    elif isinstance(value, partial):
        yield from _parts(("partial", value.func, value.args, value.keywords), above)
    elif isinstance(value, MethodType):
        yield from _parts((value.__func__, value.__self__), above)
    elif isinstance(value, BuiltinFunctionType):
        yield value.__qualname__.encode()
    elif isinstance(value, FunctionType):
        yield from _source(value)
        yield from _parts((value.__defaults__, value.__kwdefaults__, _enclosed(value)), above)
    elif isinstance(value, np.random.Generator):
        yield from _parts(value.bit_generator.state, above)
    elif hasattr(value, "detach") and hasattr(value, "numpy"):  # a tensor
        yield from _parts(value.detach().cpu().numpy(), above)
    else:
        yield from _source(type(value))
        yield from _parts(_state(value), above)


def _state(value: Any) -> Any:
    """What an object holds; an object with a method ``describe`` says itself what decides its results."""
    if callable(getattr(value, "describe", None)):
        return value.describe()
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "get_params"):
        return (
            value.get_params(deep=False)
            if "deep" in inspect.signature(value.get_params).parameters
            else value.get_params()
        )
    state = value.__getstate__() if hasattr(value, "__getstate__") else getattr(value, "__dict__", None)
    return (
        state if state is not None else getattr(value, "__dict__", None) or re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    )


def _enclosed(function: FunctionType) -> list[Any]:
    cells = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # not filled yet
            if not isinstance(cell.cell_contents, (list, dict, set)):
                cells.append(cell.cell_contents)
    return cells


def _source(thing: Any) -> Iterable[bytes]:
    """Name of a function or class, and the source of its module; of a function without source, its byte code."""
    yield f"{thing.__module__}.{thing.__qualname__}".encode()
    if str(thing.__module__).partition(".")[0] in sys.stdlib_module_names - {"__main__"}:
        return
    module = sys.modules.get(thing.__module__)
    try:
        if module is None:
            raise OSError
        yield inspect.getsource(module).encode(errors="surrogatepass")
    except (OSError, TypeError):
        if isinstance(thing, FunctionType):
            yield from _code(thing.__code__)
        else:
            for name, member in sorted(vars(thing).items()):
                if isinstance(member, FunctionType):
                    yield name.encode()
                    yield from _code(member.__code__)


def _code(code: CodeType) -> Iterator[bytes]:
    yield code.co_code
    yield repr((code.co_names, code.co_varnames)).encode(errors="surrogatepass")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        elif isinstance(constant, frozenset):  # whose order differs between processes
            yield repr(sorted(map(repr, constant))).encode(errors="surrogatepass")
        else:
            yield repr(constant).encode(errors="surrogatepass")
