"""One process at a time in a folder, and what is said of workers that were killed."""

from __future__ import annotations

import os
import socket
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from archcast.checks import path_of
from archcast.errors import ArchcastError, InvalidInputError
from archcast.files import ordinary

__all__ = ["claimed", "staffed"]


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
    path = ordinary("out", path, made=False) if file else path_of("out", path)
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
