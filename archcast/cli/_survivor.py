"""What is finished is printed even if the process is killed, as by a crash inside torch.

A process that was ended by a signal cannot print any more. So a child that does nothing but wait is told of each
outcome as it comes; if its parent ends without saying that it is done, the child prints them. Where a process cannot be
forked (Windows), only ``--out`` keeps what is finished.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from archcast.cli._scoring import Outcome

__all__ = ["survived"]

DONE = "done"


@contextmanager
def survived(
    show: Callable[[list[Outcome]], None], *, wanted: bool = True
) -> Iterator[Callable[[list[Outcome] | str], None]]:
    """Within the context, what the given function is told is printed by ``show`` if the process is killed.

    Args:
        show: prints outcomes.
        wanted: whether there is anything to keep.

    Yields:
        A function that takes outcomes as they are finished, or the name of what is scored next.
    """
    if not (wanted and hasattr(os, "fork")):
        yield lambda _: None
        return
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child runs no thread and takes no lock
        child = os.fork()
    if child == 0:
        os.close(writing)
        _wait(os.fdopen(reading, "rb"), show)
    os.close(reading)
    pipe = os.fdopen(writing, "wb")
    try:
        yield lambda message: _tell(pipe, message)
    finally:
        _tell(pipe, DONE)
        with contextlib.suppress(OSError):
            pipe.close()
        with contextlib.suppress(OSError):
            os.waitpid(child, 0)


def _tell(pipe: BinaryIO, message: Any) -> None:
    with contextlib.suppress(OSError):  # the child was killed: nothing is kept, but nothing is lost yet
        pickle.dump(message, pipe)
        pipe.flush()


def _wait(pipe: BinaryIO, show: Callable[[list[Outcome]], None]) -> None:
    """The life of the child. It never returns."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        finished: list[Outcome] = []
        current = ""
        with contextlib.suppress(EOFError, pickle.UnpicklingError):
            while True:
                message = pickle.load(pipe)
                if message == DONE:
                    os._exit(0)
                if isinstance(message, str):
                    current = message
                else:
                    finished += message
        if finished:
            show(finished)
        print(f"error: {current}: the process was killed while this was scored", file=sys.stderr)  # noqa: T201
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(1)
