"""Benchmarks by name: the registry of their readers.

To add one, write a file with a reader, a function ``(task, folder) -> Benchmark``, decorated with
``@register("my-benchmark", summary=..., paper=..., tasks=(...))``. A benchmark with tasks is loaded as
``"my-benchmark/task"``.
"""

from __future__ import annotations

import dataclasses
import os
import struct
from collections.abc import Callable
from pathlib import Path

from archcast.checks import path_of, switch
from archcast.data.benchmark import Benchmark
from archcast.data.files import read_benchmark
from archcast.errors import (
    ArchcastError,
    DataNotFoundError,
    InvalidFileError,
    InvalidInputError,
    UnknownNameError,
    short,
)
from archcast.names import BENCHMARKS
from archcast.registry import closest

__all__ = ["BENCHMARKS", "DATA_VARIABLE", "Benchmark", "benchmark_names", "load_benchmark", "register"]

DATA_VARIABLE = "ARCHCAST_DATA"
"""Environment variable: the folder with published tables."""


Reader = Callable[[str, "Path | None"], Benchmark]
register = BENCHMARKS.register


def benchmark_names() -> list[str]:
    """Every name that :func:`load_benchmark` takes, tasks written out."""
    return [full for name in BENCHMARKS for full in _full_names(name)]


def _full_names(name: str) -> list[str]:
    tasks = BENCHMARKS.entry(name).info.get("tasks", ())
    return [f"{name}/{task}" for task in tasks] or [name]


def _short_names() -> list[str]:
    """Benchmarks with tasks that may be called without one."""
    return [name for name in BENCHMARKS if "default_task" in BENCHMARKS.entry(name).info]


def load_benchmark(name: str, path: str | Path | None = None, *, converted: bool = True) -> Benchmark:
    """Load a benchmark.

    Args:
        name: e.g. ``"nasbench201"``, ``"nas-bench-graph/cora"``; or the folder that ``archcast train`` wrote, or its
            ``.npz`` file.
        path: where the published files are, a file or a folder that holds them at any depth; by default ``$ARCHCAST_DATA``. A
            folder with some of the files gives the architectures of those.
        converted: whether a file that ``archcast data convert`` has written may be read instead.

    Examples:
        >>> benchmark = load_benchmark("nas-bench-graph/cora")
        >>> benchmark.archs.shape
        (26206, 8)

    Raises:
        UnknownNameError: with the closest names.
        DataNotFoundError: a published file is not there; says which, where it is from and where to put it. Or ``archcast train``
            has not finished.
        InvalidFileError: the file does not hold what it should.
        MissingDependencyError: the package that carries the data is not installed.
    """
    place = path_of("name", name)
    name = str.__str__(name) if isinstance(name, str) else str(place)
    switch("converted", converted)
    folder = None if path is None else path_of("path", path).expanduser()
    if str(name).endswith(".npz") or _there(place / "benchmark.npz"):
        return read_benchmark(name)
    if _there(place / "runs.jsonl"):
        raise DataNotFoundError(
            f"{str(name)!r} holds trainings, but no benchmark.npz yet: run its archcast train again, with --hours 0 to write "
            "what is finished."
        )
    reader, _, task = str(name).partition("/")
    if reader not in BENCHMARKS and _there(place):
        raise InvalidInputError(
            f"{str(name)!r} is a file, and the name of a benchmark is needed here. Tables of your own are read by archcast "
            "bench, fit and choose."
        )
    if reader not in BENCHMARKS:
        raise UnknownNameError(
            f"Unknown benchmark {short(name)}. {closest(name, [*benchmark_names(), *_short_names()])}"
        )
    info = BENCHMARKS.entry(reader).info
    task = task or info.get("default_task", "")
    if f"{reader}/{task}".rstrip("/") not in (full := _full_names(reader)):
        wants = f"Unknown task {task!r} of" if task else "Name a task of"
        raise UnknownNameError(f"{wants} benchmark {reader!r}. {closest(name, full)}")
    compact = _compact(f"{reader}/{task}".rstrip("/"), folder) if converted else None
    read = BENCHMARKS[reader]
    try:
        benchmark = read(task, folder) if compact is None else read_benchmark(compact)
    except (LookupError, ArithmeticError, TypeError, ValueError, AttributeError, RecursionError, MemoryError,
            struct.error) as error:  # fmt: skip
        if type(error) is InvalidInputError:  # of the space, which does not know the file
            raise InvalidFileError(f"The files of benchmark {name!r} have another shape: {error}") from error
        if isinstance(error, ArchcastError):
            raise
        text = " ".join(str(error).split())[:200]
        raise InvalidFileError(
            f"The files of benchmark {name!r} have another shape: {type(error).__name__}: {text}."
        ) from error
    if compact is not None and compact_name(benchmark.name) != compact_name(name):
        raise InvalidFileError(f"{str(compact)!r} holds benchmark {benchmark.name!r}, not {name!r}.")
    missing = _missing(benchmark, info.get("architectures", 0))
    if benchmark.name == name and not missing:
        return benchmark
    told = ", ".join(filter(None, [benchmark.left_out, missing]))
    return dataclasses.replace(benchmark, name=name, left_out=told)


def _missing(benchmark: Benchmark, whole: int) -> str:
    """How many architectures of a whole table are not there, unless its reader has said so."""
    lacking = whole - len(benchmark)
    said = f"{lacking:,} " in benchmark.left_out or "without" in benchmark.left_out or "not hold" in benchmark.left_out
    return f"{lacking:,} architectures that the files do not hold" if lacking > 0 and not said else ""


def _there(path: Path) -> bool:
    """Whether a file is there; a name that is too long for a path is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def data_folder() -> Path | None:
    """The folder that ``$ARCHCAST_DATA`` names."""
    value = os.environ.get(DATA_VARIABLE)
    return Path(value).expanduser() if value else None


def compact_name(name: str) -> str:
    """Name of the file that ``archcast data convert`` writes of a benchmark."""
    reader, _, task = name.partition("/")
    if not task and reader in BENCHMARKS:
        task = BENCHMARKS.entry(reader).info.get("default_task", "")
    return f"{reader}-{task}".rstrip("-").replace("/", "-") + ".npz"


def _compact(name: str, path: Path | None) -> Path | None:
    """The converted file of a benchmark, if it is there: given itself, or in the folder."""
    if path is not None and path.suffix == ".npz":
        return path
    folder = data_folder() if path is None else path
    file = None if folder is None else folder / compact_name(name)
    return file if file is not None and file.is_file() else None
