"""A benchmark that is a function: what :func:`archcast.surrogates.make_surrogate` makes and ``load_benchmark`` reads.

Columns are named ``metrics/val_accuracy``, ``costs/latency``, ``train_seconds``, ``curves/train_loss``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archcast.checks import LARGEST_SEED, whole
from archcast.data.benchmark import Benchmark
from archcast.errors import InvalidFileError, InvalidInputError, short
from archcast.names import FUNCTIONS
from archcast.predictors.persistence import read_state, saved, write_state
from archcast.spaces.base import SearchSpace
from archcast.surrogates.curves import Basis
from archcast.surrogates.ensemble import Ensemble
from archcast.surrogates.noise import Noise

__all__ = ["SEEDS", "Surrogate", "read", "save_surrogate"]

SEEDS = 3
"""Trainings of each architecture that are metrics of their own: ``<metric>_s1`` to ``_s3``."""

CHUNK = 4096
Arrays = dict[str, NDArray[np.float64]]
Report = Callable[[int, int], None]


@saved("surrogate")
@dataclass(frozen=True, eq=False)
class Surrogate:
    """Answers for any architecture of a space.

    Attributes:
        name: of the table that it was made of.
        space: of the architectures.
        default_metric, test_metric, source: as in :class:`Benchmark`.
        scalars: column -> its ensemble.
        curves: column -> its basis and an ensemble for each coefficient.
        noise: residuals.
        limits: column -> lowest and highest value that is possible.
        seen: ``(n, d)`` rows that were learned from.
        members: names of the predictors of the default metric.
        outside: member, or ``surrogate`` -> ``(m,)`` what it answers for a row of each function that it has not seen; ``truth`` ->
            their values.
    """

    name: str
    space: SearchSpace
    default_metric: str
    test_metric: str | None
    source: str
    scalars: dict[str, Ensemble]
    curves: dict[str, tuple[Basis, list[Ensemble]]]
    noise: Noise
    limits: dict[str, tuple[float, float]]
    seen: NDArray[np.int64]
    members: list[str]
    outside: Arrays

    def __call__(self, archs: NDArray[np.int64], seed: int | None = None) -> Benchmark:
        """The benchmark of these rows: expected values, or those of one training.

        Args:
            archs: ``(n, d)`` rows.
            seed: of the training, a whole number from 0 up; ``None`` for expected values. These come with the default and the
                test metric of three trainings, seeds 1 to 3.
        """
        return self.benchmark(archs, self.expected(archs), seed)

    def expected(self, archs: NDArray[np.int64], report: Report | None = None) -> Arrays:
        """Column -> ``(n,)`` expected values, ``(n, r)`` coefficients of a curve."""
        rows = self.space.canonical(archs)
        parts: list[Arrays] = []
        for start in range(0, len(rows), CHUNK):
            some = rows[start : start + CHUNK]
            part = {name: ensemble(some) for name, ensemble in self.scalars.items()}
            for name, (_, ensembles) in self.curves.items():
                part[name] = np.stack([ensemble(some) for ensemble in ensembles], axis=1)
            parts.append(part)
            if report is not None:
                report(min(start + CHUNK, len(rows)), len(rows))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def benchmark(self, archs: NDArray[np.int64], expected: Arrays, seed: int | None = None) -> Benchmark:
        """The benchmark of rows whose expected values are known."""
        if seed is not None:
            seed = whole("seed", seed, 0, LARGEST_SEED)
        at = expected[f"metrics/{self.default_metric}"]
        values = {name: found for name, found in expected.items() if name not in self.curves}
        values |= {name: basis.curves(expected[name]) for name, (basis, _) in self.curves.items()}
        rows = self.space.canonical(archs)
        if seed is not None:
            values = self._noisy(values, self.noise.donors(rows, at, seed))
        else:
            named = [f"metrics/{name}" for name in (self.default_metric, self.test_metric) if name is not None]
            main = {name: values[name] for name in dict.fromkeys(named) if name in self.noise.residuals}
            for number in range(1, SEEDS + 1):
                drawn = self._noisy(main, self.noise.donors(rows, at, number))
                values |= {f"{name}_s{number}": found for name, found in drawn.items()}
        values = {name: self._within(name, found) for name, found in values.items()}
        parts: dict[str, Arrays] = {"metrics": {}, "costs": {}, "curves": {}}
        for name, found in values.items():
            kind, _, rest = name.partition("/")
            if rest:
                parts[kind][rest] = found
        return Benchmark(
            f"surrogate of {self.name}",
            self.space,
            archs,
            parts["metrics"],
            self.default_metric,
            parts["curves"],
            parts["costs"],
            test_metric=self.test_metric,
            train_seconds=values.get("train_seconds"),
            source=self.source,
            function=self,
        )

    def _noisy(self, values: Arrays, donors: NDArray[np.int64]) -> Arrays:
        known, out = self.noise.residuals, dict(values)
        for name in known.keys() & values.keys():
            drawn = known[name][donors].astype(np.float64)
            out[name] = self.curves[name][0].moved(out[name], drawn) if name in self.curves else out[name] + drawn
        return out

    def _within(self, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = self.limits.get(name, self.limits.get(name.rpartition("_s")[0], (-np.inf, np.inf)))
        return np.clip(values, low, high)


def save_surrogate(benchmark: Benchmark, path: str | Path) -> None:
    """Write a surrogate and its ready answers: arrays and JSON, never a pickle. ``load_benchmark`` reads the file.

    Raises:
        InvalidInputError: the benchmark is a table, or the folder does not exist.
    """
    if not isinstance(benchmark, Benchmark):
        raise InvalidInputError(f"benchmark must be an archcast.Benchmark, got {short(benchmark)}.")
    surrogate = benchmark.function
    if not isinstance(surrogate, Surrogate):
        raise InvalidInputError(
            f"benchmark {benchmark.name!r} is no surrogate. Make one with make_surrogate(benchmark)."
        )
    kinds = {"metrics": benchmark.metrics, "costs": benchmark.costs, "curves": benchmark.curves}
    known = {f"{kind}/{name}": values for kind, columns in kinds.items() for name, values in columns.items()}
    ready = {name: benchmark.train_seconds if name == "train_seconds" else known[name] for name in surrogate.scalars}
    ready |= {name: basis.coefficients(known[name]) for name, (basis, _) in surrogate.curves.items()}
    ready = {name: np.asarray(values, dtype=np.float32) for name, values in ready.items()}
    write_state(path, "surrogate", {"function": surrogate, "archs": benchmark.archs.astype(np.int32), "ready": ready})


@FUNCTIONS.register("surrogate")
def read(path: str | Path) -> Benchmark:
    """Read what :func:`save_surrogate` wrote; nothing in it is executed.

    Raises:
        InvalidFileError: it holds something else.
    """
    state = read_state(path, "surrogate")
    try:
        function, archs = state["function"], np.asarray(state["archs"], dtype=np.int64)
        if not isinstance(function, Surrogate):
            raise TypeError("it holds no surrogate")
        ready = {name: np.asarray(values, dtype=np.float64) for name, values in state["ready"].items()}
        return function.benchmark(archs, ready)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InvalidFileError(f"{str(path)!r} is not a surrogate that archcast wrote: {reason}.") from error
