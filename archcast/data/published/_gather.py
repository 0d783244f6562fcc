"""Many files, one an architecture, into a few arrays: in parallel, and so that an interrupted run continues.

A *digest* is what a reader keeps of one architecture: a mapping of names to numbers or to curves. :func:`stack`
lays digests on top of each other, with NaN where one lacks a name. :func:`gather` makes the digests of many
files, 500 at a time, and keeps what is finished in the folder of :func:`keeping`.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.data.published._files import Part, contents
from archcast.files import write_whole
from archcast.journal import staffed

__all__ = ["Digest", "concatenate", "gather", "keeping", "once", "progress", "shards", "stack"]

Digest = Mapping[str, Any]
Arrays = dict[str, NDArray[Any]]
SHARD = 500
VERSION = 1
"""Of what the digests hold; raise it when that changes, so that files of an interrupted run are not taken up."""

_scratch: ContextVar[Path | None] = ContextVar("scratch", default=None)
_report: ContextVar[Callable[[int, int], None] | None] = ContextVar("report", default=None)


@contextmanager
def keeping(scratch: Path | None, report: Callable[[int, int], None] | None = None) -> Iterator[None]:
    """Within it, what is finished is kept in ``scratch`` and taken up again, and ``report(done, total)`` is told of it."""
    tokens = _scratch.set(scratch), _report.set(report)
    try:
        yield
    finally:
        _scratch.reset(tokens[0])
        _report.reset(tokens[1])


def progress(done: int, total: int) -> None:
    """Tell whoever listens, see :func:`keeping`."""
    report = _report.get()
    if report is not None:
        report(done, total)


def stack(digests: Sequence[Digest]) -> Arrays:
    """``(n, ...)`` arrays of n digests; NaN where one lacks a name or its curve is shorter. Curves are in single precision."""
    out: Arrays = {}
    for name in dict.fromkeys(name for digest in digests for name in digest):
        values = [np.asarray(digest[name], dtype=np.float64) if name in digest else None for digest in digests]
        width = max(value.shape[0] if value.ndim else -1 for value in values if value is not None)
        shape, kind = ((len(digests),), np.float64) if width < 0 else ((len(digests), width), np.float32)
        column = np.full(shape, np.nan, dtype=kind)
        for row, value in zip(column if width >= 0 else column[:, None], values):
            if value is not None:
                row[: value.size] = value
        out[name] = column
    return out


def concatenate(parts: Sequence[Arrays]) -> Arrays:
    """Arrays of several parts one after the other; NaN where a part lacks a name. The parts are emptied on the way, so that
    little more than the result is in memory."""
    lengths = [len(next(iter(part.values()))) if part else 0 for part in parts]
    starts = np.cumsum([0, *lengths])
    out: Arrays = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        width = max((part[name].shape[1] for part in parts if name in part and part[name].ndim > 1), default=0)
        column = np.full(
            (starts[-1], width) if width else starts[-1], np.nan, dtype=np.float32 if width else np.float64
        )
        for part, start, length in zip(parts, starts, lengths):
            if name in part:
                values = part.pop(name)
                place: Any = (slice(start, start + length), *([slice(values.shape[1])] if width else []))
                column[place] = values
        out[name] = column
    return out


def gather(parts: Sequence[Part], digest: Callable[[Part, bytes], Digest], limit: int) -> Arrays:
    """The stacked digests of all parts, in their order.

    Args:
        parts: files.
        digest: a function of a module (it is sent to other processes): the digest of a file and its content.
        limit: largest size of a file, in bytes once unpacked.

    Raises:
        InvalidFileError: of the first file that ``digest`` refuses.
    """
    groups = [parts[start : start + SHARD] for start in range(0, len(parts), SHARD)]
    calls = []
    for group in groups:
        facts = [(str(part.path), part.inside, (stat := part.path.stat()).st_size, stat.st_mtime_ns) for part in group]
        calls.append((f"{digest.__module__}.{digest.__qualname__} {facts}", len(group), (group, digest, limit)))
    return concatenate(shards(_digest_all, calls))


def _digest_all(parts: Sequence[Part], digest: Callable[[Part, bytes], Digest], limit: int) -> Arrays:
    by_part = {part: digest(part, data) for part, data in contents(parts, limit)}
    return stack([by_part[part] for part in parts])


@staffed()
def shards(work: Callable[..., Arrays], calls: Sequence[tuple[str, int, tuple[Any, ...]]]) -> list[Arrays]:
    """``work(*arguments)`` of each call, on all cores; what is kept in the folder of :func:`keeping` is not done
    again.

    Args:
        work: a function of a module.
        calls: for each a text that tells it from any other, how many units it is, and its arguments.
    """
    import joblib

    scratch = _scratch.get()
    jobs = 1 if len(calls) == 1 else min(len(calls), joblib.cpu_count())
    todo = (joblib.delayed(_kept)(work, key, arguments, scratch) for key, _, arguments in calls)
    out: list[Arrays] = []
    done, total = 0, sum(units for _, units, _ in calls)
    for (_, units, _), arrays in zip(calls, joblib.Parallel(n_jobs=jobs, return_as="generator")(todo)):
        done += units
        if total:
            progress(done, total)
        out.append(arrays)
    return out


def once(work: Callable[..., Arrays], part: Part, *more: Any) -> Arrays:
    """``work(part, *more)``, or what is kept of it: see :func:`shards`."""
    stat = part.path.stat()
    key = f"{work.__module__}.{work.__qualname__} {part} {stat.st_size} {stat.st_mtime_ns} {more}"
    return shards(work, [(key, 0, (part, *more))])[0]


def _kept(work: Callable[..., Arrays], key: str, arguments: tuple[Any, ...], scratch: Path | None) -> Arrays:
    """What an earlier run has written of this call, or else its result, which is written."""
    if scratch is None:
        return work(*arguments)
    kept = scratch / f"{hashlib.sha256(f'{VERSION} {key}'.encode()).hexdigest()[:32]}.npz"
    if kept.is_file():
        try:
            with np.load(kept, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            pass  # damaged: made again
    arrays = work(*arguments)
    scratch.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_whole(kept, buffer.getvalue())
    return arrays
