"""How far a command is: a bar on a terminal, now and then a plain line where output goes to a file; and how it is stopped."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

__all__ = ["Bar", "Terminated", "progress_bar", "stop_on_sigterm", "stoppable"]

SECONDS = 10.0
"""Time between two plain lines."""


class Terminated(KeyboardInterrupt):
    """SIGTERM: somebody else stops the command, as Ctrl-C would."""


@contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """Inside, SIGTERM ends the command as Ctrl-C does; the handler is put back afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def stoppable(kept: Callable[[], str]) -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM end the command with one line and exit code 130 or 143.

    Args:
        kept: says what is kept, once it is asked.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        said = kept()
        typer.echo(f"interrupted: {said}" if said else "interrupted", err=True)
        raise typer.Exit(143 if isinstance(error, Terminated) else 130) from None


class Bar:
    """What :func:`progress_bar` gives: say how far the work is, or anything else."""

    def __init__(self, console: Any, bar: Any, unit: str, lines: bool) -> None:
        self._console, self._bar, self._unit, self._lines = console, bar, unit, lines
        self._task = bar.add_task("starting", total=None)
        self._start = self._said = time.monotonic()
        self.done, self.total = 0, 0

    def update(self, done: int, total: int, text: str = "", unit: str | None = None) -> None:
        """So much is done of so much; ``text`` says what was last. A total of 0 is one that nobody knows."""
        self.done, self.total = done, total
        self._bar.update(self._task, completed=done, total=total, description=text)
        now = time.monotonic()
        if self._lines and not self._console.is_terminal and now - self._said >= SECONDS:
            self._said = now
            minutes, seconds = divmod(round(now - self._start), 60)
            rest = f", {text}" if text else ""
            count = f"{done:,} of {total:,} {unit or self._unit} " if total else ""
            self.note(f"{count}after {minutes}:{seconds:02d}{rest}")

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_bar(unit: str, *, shown: bool = True, lines: bool = True) -> Iterator[Bar]:
    """A bar on stderr; where stderr is no terminal, a plain line every ten seconds.

    Args:
        unit: what is counted, e.g. ``"trials"``.
        shown: ``False`` for work that is not worth a bar.
        lines: ``False`` leaves out the plain lines.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (BarColumn(20), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn(), TimeRemainingColumn())
    described = TextColumn("{task.description}", markup=False)
    hidden = not shown or not console.is_terminal
    with Progress(*columns, described, console=console, transient=True, disable=hidden) as bar:
        yield Bar(console, bar, unit, lines)
