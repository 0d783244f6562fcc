"""Benchmarks in one file: ``benchmark.npz``, plain arrays and a line of JSON; nothing in it is executed.

A file whose JSON says that it holds a function, such as a surrogate, is read by what is registered for that word.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from archcast.checks import numbers, path_of
from archcast.data.benchmark import Benchmark
from archcast.errors import DataNotFoundError, InvalidFileError, MissingDependencyError
from archcast.files import read_arrays, write_whole
from archcast.names import FUNCTIONS
from archcast.spaces.base import get_space
from archcast.spaces.choices import Choices

__all__ = ["read_benchmark", "save_benchmark"]

FORMAT = 1
KINDS = ("metrics", "curves", "costs", "proxies")


def save_benchmark(benchmark: Benchmark, path: str | Path) -> None:
    """Write a benchmark as compressed arrays, figures in single precision.

    Examples:
        >>> import tempfile
        >>> benchmark = Benchmark("mine", "nasbench201", [[3, 3, 0, 1, 2, 4]], {"accuracy": [0.5]}, "accuracy")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_benchmark(benchmark, f"{folder}/benchmark.npz")
        ...     read_benchmark(folder).scores()
        array([0.5])
    """
    arrays = {"archs": benchmark.archs.astype(np.int16 if benchmark.archs.max() < 1 << 15 else np.int32)}
    for kind in KINDS:
        arrays |= {f"{kind}/{name}": values.astype(np.float32) for name, values in getattr(benchmark, kind).items()}
    if benchmark.train_seconds is not None:
        arrays["train_seconds"] = benchmark.train_seconds.astype(np.float32)
    if benchmark.groups is not None:
        arrays["groups"] = benchmark.groups.astype(np.int32)
    space = benchmark.space
    described = space.to_dict() if isinstance(space, Choices) else space.name
    header = {"format": FORMAT, "name": benchmark.name, "space": described}
    header |= {name: getattr(benchmark, name) for name in ("default_metric", "test_metric", "source", "left_out")}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]
    write_whole(Path(path), buffer.getvalue())


def read_benchmark(path: str | Path) -> Benchmark:
    """Read what :func:`save_benchmark`, ``archcast train`` or ``archcast surrogate`` wrote: an ``.npz`` file, or the folder that
    holds ``benchmark.npz``.

    Raises:
        DataNotFoundError: there is no such file.
        InvalidFileError: it holds something else.
    """
    path = path_of("path", path)
    path = path / "benchmark.npz" if path.is_dir() else path
    if not path.is_file():
        raise DataNotFoundError(f"No file {str(path)!r}. `archcast train --out FOLDER` writes one when it is done.")
    try:
        arrays = read_arrays(path)
        if "header" not in arrays and "archcast" in arrays:
            holds = [kind for kind in json.loads(arrays["archcast"].tobytes()) if kind in FUNCTIONS]
            if holds:
                read: Callable[[Path], Benchmark] = FUNCTIONS[holds[0]]
                return read(path)
        header = json.loads(str(arrays["header"]))
        if header["format"] != FORMAT:
            raise InvalidFileError(f"{str(path)!r} has format {header['format']}; this version reads {FORMAT}.")
        parts: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in KINDS}
        for full, values in arrays.items():
            kind, _, name = full.partition("/")
            if kind in KINDS:
                parts[kind][name] = numbers(full, values, truth=True)
        seconds = arrays.get("train_seconds")
        space = header["space"]
        return Benchmark(
            header["name"],
            Choices.from_dict(space) if isinstance(space, dict) else get_space(space),
            arrays["archs"],
            parts["metrics"],
            header["default_metric"],
            curves=parts["curves"],
            costs=parts["costs"],
            proxies=parts["proxies"],
            train_seconds=None if seconds is None else numbers("train_seconds", seconds),
            source=header["source"],
            test_metric=header.get("test_metric"),
            left_out=header.get("left_out", ""),
            groups=arrays.get("groups"),
        )
    except (InvalidFileError, MissingDependencyError):
        raise
    except Exception as error:  # whatever a foreign header makes the lines above stumble over
        raise InvalidFileError(f"{str(path)!r} is not a benchmark file of archcast: {error}.") from error
