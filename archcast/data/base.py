"""The contract of a benchmark: architectures with measured performance, and what else was published of them.

To add one, write a file with a reader, a function ``(task, folder) -> Benchmark``, decorated with
``@register("my-benchmark", summary=..., paper=..., tasks=(...))``. A benchmark with tasks is loaded as ``"my-benchmark/task"``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import DataNotFoundError, InvalidInputError, UnknownNameError
from archcast.predictors.evidence import Evidence
from archcast.registry import Registry, closest
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["BENCHMARKS", "DATA_VARIABLE", "Benchmark", "benchmark_names", "load_benchmark", "register", "require_file"]

DATA_VARIABLE = "ARCHCAST_DATA"
"""Environment variable: the folder with published tables."""


@dataclass(frozen=True, eq=False)
class Benchmark:
    """Architectures of one space with measured performance.

    Args:
        name: e.g. ``"nas-bench-graph/cora"``.
        space: a search space or its name.
        archs: ``(n, d)`` rows.
        metrics: name -> ``(n,)``, higher is better; NaN where it was not measured.
        default_metric: the metric that counts unless another one is asked for.
        curves: name -> ``(n, epochs)`` learning curves.
        costs: name -> ``(n,)``, e.g. ``latency_ms``.
        proxies: name -> ``(n,)`` published zero-cost proxies; NaN where unknown.
        train_seconds: ``(n,)`` seconds of one full training, or ``None`` where it is not known.
        source: where the figures come from, one line.
        test_metric: the metric to report of an architecture that was chosen by another one; ``None`` if there is none.

    Examples:
        >>> import numpy as np
        >>> space = get_space("nasbench201")
        >>> archs = space.sample(100, 0)
        >>> benchmark = Benchmark("mine", space, archs, {"accuracy": (archs == 3).sum(axis=1)}, "accuracy")
        >>> len(benchmark), float(benchmark.scores().max())
        (100, 4.0)
    """

    name: str
    space: SearchSpace
    archs: NDArray[np.int64]
    metrics: Mapping[str, NDArray[np.float64]]
    default_metric: str
    curves: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    costs: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    proxies: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    train_seconds: NDArray[np.float64] | None = None
    source: str = ""
    test_metric: str | None = None

    def __post_init__(self) -> None:
        space = get_space(self.space)
        archs = space.validate(self.archs, allow_empty=False)
        metrics = {name: np.asarray(values, dtype=np.float64) for name, values in self.metrics.items()}
        measured = {f"metrics[{name!r}]": values for name, values in metrics.items()}
        if self.train_seconds is not None:
            measured["train_seconds"] = np.asarray(self.train_seconds, dtype=np.float64)
            object.__setattr__(self, "train_seconds", measured["train_seconds"])
        for label, values in measured.items():
            if values.shape != (len(archs),):
                raise InvalidInputError(
                    f"{label} must have shape ({len(archs)},), one for each row, got {values.shape}."
                )
            if np.isinf(values).any():
                raise InvalidInputError(f"{label} holds an infinite value. Use NaN for what was not measured.")
        if self.default_metric not in metrics:
            raise InvalidInputError(f"default_metric {self.default_metric!r} is not one of {', '.join(metrics)}.")
        if self.test_metric is not None and self.test_metric not in metrics:
            raise InvalidInputError(f"test_metric {self.test_metric!r} is not one of {', '.join(metrics)}.")
        evidence = Evidence(self.curves, self.proxies, self.costs)
        if evidence and len(evidence) != len(archs):
            raise InvalidInputError(f"evidence has {len(evidence)} rows, archs has {len(archs)}.")
        checked = {"space": space, "archs": archs, "metrics": metrics}
        checked |= {kind: getattr(evidence, kind) for kind in ("curves", "proxies", "costs")}
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.archs)

    def __repr__(self) -> str:
        return f"Benchmark({self.name!r}, {len(self)} architectures of {self.space.name}, metrics {list(self.metrics)})"

    def scores(self, metric: str | None = None) -> NDArray[np.float64]:
        """``(n,)`` values of a metric, the default one unless named; NaN where it was not measured.

        Raises:
            UnknownNameError: with the closest names.
        """
        metric = self.default_metric if metric is None else metric
        if metric not in self.metrics:
            raise UnknownNameError(
                f"Unknown metric {metric!r} of benchmark {self.name!r}. {closest(metric, list(self.metrics))}"
            )
        return self.metrics[metric]

    def evidence(self, rows: Any = None) -> Evidence:
        """Everything published besides the metrics; of some rows if given."""
        evidence = Evidence(self.curves, self.proxies, self.costs)
        return evidence if rows is None else evidence[rows]


Reader = Callable[[str, "Path | None"], Benchmark]
BENCHMARKS: Registry[Reader] = Registry("benchmark", "archcast.data")
register = BENCHMARKS.register


def benchmark_names() -> list[str]:
    """Every name that :func:`load_benchmark` takes, tasks written out."""
    return [full for name in BENCHMARKS for full in _full_names(name)]


def _full_names(name: str) -> list[str]:
    tasks = BENCHMARKS.entry(name).info.get("tasks", ())
    return [f"{name}/{task}" for task in tasks] or [name]


def load_benchmark(name: str, folder: str | Path | None = None) -> Benchmark:
    """Load a benchmark.

    Args:
        name: e.g. ``"nasbench201"``, ``"nas-bench-graph/cora"``; or the folder that ``archcast train`` wrote, or its
            ``.npz`` file.
        folder: where the published files are; by default ``$ARCHCAST_DATA``.

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
    if str(name).endswith(".npz") or (Path(name) / "benchmark.npz").is_file():
        from archcast.data.files import read_benchmark

        return read_benchmark(name)
    if (Path(name) / "runs.jsonl").is_file():
        raise DataNotFoundError(
            f"{str(name)!r} holds trainings, but no benchmark.npz yet: run its archcast train again, with --hours 0 to write "
            "what is finished."
        )
    reader, _, task = str(name).partition("/")
    if reader not in BENCHMARKS:
        raise UnknownNameError(f"Unknown benchmark {name!r}. {closest(name, benchmark_names())}")
    if name not in (full := _full_names(reader)):
        wants = f"Unknown task {task!r} of" if task else "Name a task of"
        raise UnknownNameError(f"{wants} benchmark {reader!r}. {closest(name, full)}")
    return BENCHMARKS[reader](task, None if folder is None else Path(folder))


def require_file(filename: str, folder: Path | None, *others: str, benchmark: str, get: str) -> Path:
    """Path of a published file in ``folder`` or ``$ARCHCAST_DATA``; of the first of several that is there.

    Args:
        filename: name of the file.
        folder: where to look; ``None`` takes the environment variable.
        others: names of files that serve as well.
        benchmark: what needs it.
        get: a sentence that says what to download and from where.

    Raises:
        DataNotFoundError: with all of that.
    """
    needs = f"Benchmark {benchmark!r} needs {' or '.join((filename, *others))}"
    if folder is None:
        value = os.environ.get(DATA_VARIABLE)
        if not value:
            raise DataNotFoundError(
                f"{needs}, and ${DATA_VARIABLE} is not set. {get} Then set {DATA_VARIABLE} to the folder that holds it."
            )
        folder = Path(value)
    for name in (filename, *others):
        if (folder / name).is_file():
            return folder / name
    raise DataNotFoundError(f"{needs}, which is not in {str(folder)!r}. {get}")
