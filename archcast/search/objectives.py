"""Objectives: what turns an architecture into scores. A benchmark's table, any function, a training.

An objective never raises for an architecture that cannot be trained: it returns an :class:`Evaluation` with the reason, and the
search goes on.
"""

from __future__ import annotations

import inspect
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import instance, label_of, listed, numbers, whole
from archcast.costs.tally import COSTS
from archcast.data.benchmark import Benchmark
from archcast.errors import USER_ERRORS, InvalidInputError, UnknownNameError, short
from archcast.journal import fingerprint
from archcast.registry import closest
from archcast.spaces.base import SearchSpace, get_space
from archcast.spaces.choices import Choices

__all__ = ["Evaluation", "FunctionObjective", "Objective", "TableObjective"]

Arch = NDArray[np.int64]


@dataclass(frozen=True)
class Evaluation:
    """What one training gave.

    Attributes:
        scores: one for each objective, higher is better; NaN if it failed.
        seconds: of training, simulated for a table; NaN if unknown.
        share: of a full training that was paid for; a training that goes on pays for its new epochs only.
        curves: name -> ``(epochs,)``.
        test: test score after a full training, NaN if unknown; nothing is ever chosen by it.
        failure: the reason, empty if it did not fail.
    """

    scores: tuple[float, ...]
    seconds: float = math.nan
    share: float = 1.0
    curves: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    test: float = math.nan
    failure: str = ""

    def to_json(self) -> dict[str, Any]:
        """For a line of a file; NaN is ``None``."""
        return {
            "scores": [None if math.isnan(s) else s for s in self.scores],
            "seconds": None if math.isnan(self.seconds) else self.seconds,
            "share": self.share,
            "curves": {
                name: [None if math.isnan(v) else v for v in map(float, values)] for name, values in self.curves.items()
            },
            "test": None if math.isnan(self.test) else self.test,
            "failure": self.failure,
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Evaluation:
        """Inverse of :meth:`to_json`."""
        nan = math.nan
        return cls(
            tuple(nan if s is None else float(s) for s in tree["scores"]),
            nan if tree["seconds"] is None else float(tree["seconds"]),
            float(tree["share"]),
            {
                n: np.array([nan if v is None else v for v in values], dtype=float)
                for n, values in tree["curves"].items()
            },
            nan if tree["test"] is None else float(tree["test"]),
            str(tree["failure"]),
        )


class Objective(ABC):
    """What is maximised.

    Attributes:
        space: of the architectures.
        names: of the scores that ``evaluate`` gives, the first is the one that counts where there can be only one.
        simulated: whether an evaluation is a look-up that costs nothing.
        optimum: best first score there is, NaN if unknown.
        epochs: of a full training; ``None`` if trainings cannot stop early.
        pool: ``(m, d)`` all rows that can be evaluated, or ``None`` for the whole space.
    """

    space: SearchSpace
    names: tuple[str, ...] = ("score",)
    simulated: ClassVar[bool] = False
    optimum: float = math.nan
    epochs: int | None = None
    pool: NDArray[np.int64] | None = None

    @abstractmethod
    def evaluate(self, arch: Arch, epochs: int = 0, trained: int = 0) -> Evaluation:
        """Train one architecture.

        Args:
            arch: ``(d,)`` its row.
            epochs: how many in all; 0 for a full training.
            trained: how many it was trained for before.
        """

    def describe(self) -> dict[str, Any]:
        """What decides the scores, for a protocol: JSON-like."""
        told = {"objectives": list(self.names), "space": self.space.name}
        return told | {"decisions": self.space.to_dict()} if isinstance(self.space, Choices) else told


def _costs(benchmark: Benchmark, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """``(n,)`` costs by name: those of the table, or else what its space counts of the networks of its usual task."""
    counted: Mapping[str, NDArray[np.float64]] = {}
    if set(names) & set(COSTS) - set(benchmark.costs):
        try:
            counted = benchmark.space.costs(benchmark.archs)
        except InvalidInputError:  # a space whose networks cannot be built
            counted = {}
    found = {**counted, **benchmark.costs}
    for name in names:
        if name not in found and name in COSTS:
            raise UnknownNameError(
                f"Objective {name!r}: benchmark {benchmark.name!r} has no such cost, and its space cannot count it."
            )
        if name not in found:
            known = [*benchmark.costs, *(c for c in COSTS if c not in benchmark.costs)]
            raise UnknownNameError(
                f"Unknown objective {name!r} of benchmark {benchmark.name!r}. {closest(name, known)}"
            )
    return {name: np.asarray(found[name], dtype=np.float64) for name in names}


class TableObjective(Objective):
    """Scores of a benchmark; nothing is trained, but what training would have cost is counted.

    A row that is not in the table is looked up under a row that is the same function. A benchmark that is a function is asked for
    any other row.

    Args:
        benchmark: the table.
        metric: the first objective; by default the benchmark's choice.
        costs: further objectives by name, costs of the benchmark, or else what its space counts, such as ``params``: negated,
            because higher is better.
        test_metric: the test score; by default the benchmark's choice.
        curve: name of the learning curve whose values are the metric after fewer epochs.

    Examples:
        >>> import archcast
        >>> objective = TableObjective(archcast.load_benchmark("nas-bench-graph/cora"), costs=["latency"])
        >>> objective.names
        ('valid_perf', '-latency')
        >>> scores = objective.evaluate(objective.benchmark.archs[0]).scores
        >>> scores[0] > 0 > scores[1]
        True

    Raises:
        UnknownNameError: of a metric, cost or curve.
    """

    simulated = True

    def __init__(
        self,
        benchmark: Benchmark,
        metric: str | None = None,
        costs: Sequence[str] = (),
        *,
        test_metric: str | None = None,
        curve: str = "val_accuracy",
    ) -> None:
        instance("benchmark", benchmark, Benchmark, "an archcast.Benchmark")
        costs = [label_of("a name in costs", name) for name in listed("costs", costs, "names")]
        label_of("curve", curve)
        self.benchmark, self.space = benchmark, benchmark.space
        self.metric = benchmark.default_metric if metric is None else metric
        columns = [benchmark.scores(metric=label_of("metric", self.metric))]
        self.costs = _costs(benchmark, costs)
        columns += [-self.costs[name] for name in costs]
        self.names = (self.metric, *(f"-{name}" for name in costs))
        self.values = np.stack(columns, axis=1)
        self.test_metric = benchmark.test_metric if test_metric is None else test_metric
        self.tests = (
            None if self.test_metric is None else benchmark.scores(metric=label_of("test_metric", self.test_metric))
        )
        measured = np.isfinite(self.values).all(axis=1)
        if not measured.any():
            raise InvalidInputError(
                f"benchmark {benchmark.name!r} has no architecture with all of {', '.join(self.names)}."
            )
        self.curve = curve if curve in benchmark.curves else None
        self.epochs = None if self.curve is None else benchmark.curves[curve].shape[1]
        rows = benchmark.archs[measured]
        self._exact = {row.tobytes(): int(i) for i, row in zip(np.flatnonzero(measured), rows)}
        keys = [row.tobytes() for row in self.space.canonical(rows)]
        self._twin = dict(zip(reversed(keys), np.flatnonzero(measured)[::-1].tolist()))
        whole = self._covers()
        self.pool = None if whole or benchmark.function is not None else rows
        self.optimum = (
            math.nan if benchmark.function is not None and not whole else float(self.values[measured, 0].max())
        )

    def _covers(self) -> bool:
        """Whether every row of the space is in the table, itself or as another row of the same function."""
        try:
            whole = self.space.canonical(self.space.enumerate())
        except InvalidInputError:
            return False
        return len(np.unique(whole, axis=0)) == len(self._twin)

    def number(self, arch: Arch) -> int:
        """Row of the benchmark that an architecture is looked up in: its own, or that of the same function.

        Raises:
            InvalidInputError: there is none.
        """
        i = self._row(arch)
        if i is None:
            raise InvalidInputError(f"{np.asarray(arch).tolist()} is not in the table of {self.benchmark.name}.")
        return i

    def _row(self, arch: Arch) -> int | None:
        row = self.space.validate(arch)
        found = self._exact.get(row[0].tobytes())
        return self._twin.get(self.space.canonical(row)[0].tobytes()) if found is None else found

    def evaluate(self, arch: Arch, epochs: int = 0, trained: int = 0) -> Evaluation:
        table, i = self.benchmark, self._row(arch)
        if i is None and table.function is None:
            return Evaluation((math.nan,) * len(self.names), failure=f"not in the table of {table.name}")
        if i is None:
            table, i = table.at(arch), 0
        found = self.costs if table is self.benchmark else _costs(table, [name[1:] for name in self.names[1:]])
        seconds = math.nan if table.train_seconds is None else float(table.train_seconds[i])
        scores = [float(table.scores(self.metric)[i]), *(-float(found[name[1:]][i]) for name in self.names[1:])]
        curves = {name: curve[i] for name, curve in table.curves.items()}
        share = 1.0
        if self.epochs is not None and self.curve is not None:
            stop = epochs or self.epochs
            curves = {name: curve[:stop] for name, curve in curves.items()}
            share = (stop - min(trained, stop)) / self.epochs
            if stop < self.epochs:
                scores[0] = float(table.curves[self.curve][i, stop - 1])
                if math.isnan(scores[0]):
                    return Evaluation(
                        (math.nan,) * len(scores), seconds * share, share, curves, failure="no score at that epoch"
                    )
        test = math.nan if self.test_metric is None else float(table.scores(self.test_metric)[i])
        return Evaluation(tuple(scores), seconds * share, share, curves, test)

    @cached_property
    def _contents(self) -> str:
        """Fingerprint of everything in the table that a search can depend on."""
        b = self.benchmark
        return fingerprint(
            b.archs, self.values, self.tests, b.curves, b.train_seconds
        )  # of a function: its ready answers

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "benchmark": self.benchmark.name,
            "architectures": len(self._exact),
            "data": self._contents,
            "test_metric": self.test_metric,
        }


class FunctionObjective(Objective):
    """Any function that trains an architecture: ``f(arch) -> score``, or ``(score, curves)``.

    The score is a number, or one for each of ``names``. ``curves`` is a mapping of names to learning curves. A function with a
    parameter ``epochs`` can stop early: it is called as ``f(arch, epochs=n)``, where 0 means a full training. What it raises is
    kept as the reason of a failure. To run in other processes it must be picklable.

    Args:
        function: what trains.
        space: of the architectures.
        names: of the scores.
        epochs: of a full training, if ``function`` takes ``epochs``.

    Examples:
        >>> objective = FunctionObjective(lambda arch: (arch == 3).mean(), "nasbench201")
        >>> objective.evaluate(np.array([3, 3, 3, 0, 0, 0])).scores
        (0.5,)
        >>> objective = FunctionObjective(lambda arch: 1 / int(arch[0]), "nasbench201")
        >>> objective.evaluate([0] * 6).failure
        'ZeroDivisionError: division by zero'
    """

    def __init__(
        self,
        function: Callable[..., Any],
        space: str | SearchSpace,
        names: Sequence[str] = ("score",),
        *,
        epochs: int | None = None,
    ) -> None:
        if not callable(function):
            raise InvalidInputError(f"function must be callable, got {short(function)}.")
        names = tuple(label_of("a name in names", name) for name in listed("names", names, "names of scores"))
        if not names:
            raise InvalidInputError("names is empty: name at least one score.")
        if epochs is not None:
            whole("epochs", epochs, 1)
        self.function, self.space, self.names = function, get_space(space), names
        self._takes_epochs = epochs is not None and "epochs" in inspect.signature(function).parameters
        if epochs is not None and not self._takes_epochs:
            raise InvalidInputError("epochs is given, but the function has no parameter 'epochs'.")
        self.epochs = epochs

    def evaluate(self, arch: ArrayLike, epochs: int = 0, trained: int = 0) -> Evaluation:
        row = self.space.validate(arch, allow_empty=False, name="arch")[0]
        whole("epochs", epochs, 0)
        whole("trained", trained, 0)
        start = time.perf_counter()
        try:
            found = self.function(row, **({"epochs": epochs} if self._takes_epochs else {}))
            scores, curves = _read(found, len(self.names))
            failure = ""
        except USER_ERRORS as error:  # whatever a training may raise is the reason why it has no score
            text = " ".join(str(error).split())
            scores, curves, failure = (math.nan,) * len(self.names), {}, f"{type(error).__name__}: {text}".rstrip(": ")
        share = (epochs or self.epochs) / self.epochs if self.epochs else 1.0
        return Evaluation(scores, time.perf_counter() - start, share, curves, failure=failure)

    def describe(self) -> dict[str, Any]:
        name = getattr(self.function, "__qualname__", type(self.function).__qualname__)
        return {**super().describe(), "function": name, "source": fingerprint(self.function), "epochs": self.epochs}


def _read(found: Any, k: int) -> tuple[tuple[float, ...], dict[str, NDArray[np.float64]]]:
    """Scores and curves of what a function returned.

    Raises:
        InvalidInputError: it is nothing of the sort, or a score is not finite.
    """
    curves: Any = {}
    if isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], Mapping):
        found, curves = found
    found = found.detach().cpu() if hasattr(found, "detach") else found  # a loss that may still be differentiated
    try:
        scores = () if found is None else tuple(numbers("the score", found).reshape(-1).tolist())
    except InvalidInputError:
        raise InvalidInputError(
            f"the function must return a number or (number, curves), got {short(found, 80)}"
        ) from None
    if found is None:
        raise InvalidInputError("the function must return a number or (number, curves), got None")
    if len(scores) != k:
        raise InvalidInputError(f"the function must return {k} score{'s' * (k > 1)}, got {len(scores)}")
    if not np.isfinite(scores).all():
        raise InvalidInputError(f"the score is {next(s for s in scores if not np.isfinite(s))}")
    return scores, {str(name): numbers(f"curve {short(name)}", curve) for name, curve in curves.items()}
