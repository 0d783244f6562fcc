"""Many files, one an architecture, into a few arrays: in parallel, and so that an interrupted run continues.

A *digest* is what a reader keeps of one architecture: a mapping of names to numbers or to curves. :func:`stack` lays digests on top
of each other, with NaN where one lacks a name. :func:`gather` makes the digests of many files, 500 at a time, and keeps what is
finished in the folder of :func:`keeping`.
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

from archcast.data.published._files import Part
from archcast.files import write_whole

__all__ = ["Digest", "concatenate", "gather", "keeping", "progress", "stack"]

Digest = Mapping[str, Any]
Arrays = dict[str, NDArray[Any]]
SHARD = 500
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


def concatenate(parts: Sequence[Mapping[str, NDArray[Any]]]) -> Arrays:
    """Arrays of several parts one after the other; NaN where a part lacks a name."""
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
                values = part[name]
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
    import joblib

    shards = [parts[start : start + SHARD] for start in range(0, len(parts), SHARD)]
    scratch = _scratch.get()
    jobs = 1 if len(shards) == 1 else min(len(shards), joblib.cpu_count())
    done = 0
    out: list[Arrays] = []
    calls = (joblib.delayed(_shard)(shard, digest, limit, scratch) for shard in shards)
    for shard, arrays in zip(shards, joblib.Parallel(n_jobs=jobs, return_as="generator")(calls)):
        done += len(shard)
        progress(done, len(parts))
        out.append(arrays)
    return concatenate(out)


def _shard(parts: Sequence[Part], digest: Callable[[Part, bytes], Digest], limit: int, scratch: Path | None) -> Arrays:
    """Digests of some files, or what an earlier run has written of them."""
    from archcast.data.published._files import contents

    kept = None
    if scratch is not None:
        facts = [(str(part.path), part.inside, (stat := part.path.stat()).st_size, stat.st_mtime_ns) for part in parts]
        text = f"{digest.__module__}.{digest.__qualname__} {facts}"
        kept = scratch / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"
        if kept.is_file():
            try:
                with np.load(kept, allow_pickle=False) as file:
                    return {name: file[name] for name in file.files}
            except (OSError, ValueError, EOFError, zipfile.BadZipFile):
                pass  # written by another version, or damaged: made again
    by_part = {part: digest(part, data) for part, data in contents(parts, limit)}
    arrays = stack([by_part[part] for part in parts])
    if kept is not None:
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        write_whole(kept, buffer.getvalue())
    return arrays
