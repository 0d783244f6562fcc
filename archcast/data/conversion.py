"""Benchmarks in a compact file of our own, so that they load in seconds: made once, found by name from then on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from archcast.data.base import BENCHMARKS, benchmark_names, compact_name, data_folder, load_benchmark
from archcast.data.benchmark import Benchmark
from archcast.data.files import save_benchmark
from archcast.data.published._gather import keeping
from archcast.errors import DataNotFoundError, InvalidInputError

__all__ = ["convert", "tasks_of"]


def convert(
    benchmark: str,
    path: str | Path | None = None,
    out: str | Path | None = None,
    *,
    report: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Benchmark, Path]]:
    """Read a benchmark's published files and write ``<name>.npz``, which ``load_benchmark`` takes from then on.

    What has been read is kept in a folder beside the results until all are written: a run that was killed goes on where
    it was, and the tasks of a benchmark are read once together where their files are the same.

    Args:
        benchmark: name; without a task, all of its tasks whose files are there.
        path: the published files, as in ``load_benchmark``.
        out: folder for the results; by default the one that ``path`` is or lies in.
        report: told of progress, (done, total) files or records; total is 0 where it is not known.

    Yields:
        Each benchmark and its file, as they are written.
    """
    source = data_folder() if path is None else Path(path).expanduser()
    if source is None and out is None:
        raise InvalidInputError("Where are the published files? Give path, or set ARCHCAST_DATA to their folder.")
    folder = Path(out) if out is not None else source if source is None or source.is_dir() else source.parent
    assert folder is not None
    scratch = folder / f".{benchmark.partition('/')[0]}.parts"
    missing: DataNotFoundError | None = None
    written = 0
    for name in tasks_of(benchmark):
        try:
            with keeping(scratch, report):
                made = load_benchmark(name, path, converted=False)
        except DataNotFoundError as error:
            missing = error
            continue
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / compact_name(name)
        save_benchmark(made, file)
        written += 1
        yield made, file
    shutil.rmtree(scratch, ignore_errors=True)
    if missing is not None and not written:
        raise missing


def tasks_of(benchmark: str) -> list[str]:
    """The benchmark itself if it names a task or has none; else each of its tasks."""
    reader, _, task = benchmark.partition("/")
    if task or reader not in BENCHMARKS or not BENCHMARKS.entry(reader).info.get("tasks"):
        return [benchmark]
    return [name for name in benchmark_names() if name.partition("/")[0] == reader]
