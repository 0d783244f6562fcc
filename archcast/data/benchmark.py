"""A benchmark: architectures with measured performance, and what else was published of them.

A benchmark is a table or a function. A function, such as a surrogate (:mod:`archcast.surrogates`), answers for every architecture
of its space; its ``archs`` are then those whose answers are ready.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import array_of, mapping, numbers
from archcast.errors import InvalidInputError, UnknownNameError, short
from archcast.evidence import Evidence
from archcast.faces import face
from archcast.registry import closest
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["Benchmark"]


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
        left_out: what of the file is not here and why, one line, e.g. ``"13 repeated architectures"``.
        groups: ``(n,)`` whole numbers; rows of one group are never on both sides of a split. By default rows that are the same
            function make a group; of real models, those of one family.
        function: what answers for architectures that are not in ``archs``: ``function(rows, seed)`` is the benchmark of these
            rows, expected values where ``seed`` is ``None``, else those of one training. ``None`` for a table.

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
    groups: NDArray[np.int64] | None = None
    left_out: str = ""
    function: Callable[[NDArray[np.int64], int | None], Benchmark] | None = None

    def __post_init__(self) -> None:
        space = get_space(self.space)
        archs = space.validate(self.archs, allow_empty=False)
        if not isinstance(self.name, str):
            raise InvalidInputError(f"name must be a text, got {short(self.name)}.")
        metrics = {
            name: numbers(f"metrics[{short(name)}]", values)
            for name, values in mapping("metrics", self.metrics, "names to arrays").items()
        }
        measured = {f"metrics[{name!r}]": values for name, values in metrics.items()}
        if self.train_seconds is not None:
            measured["train_seconds"] = numbers("train_seconds", self.train_seconds)
            object.__setattr__(self, "train_seconds", measured["train_seconds"])
        for label, values in measured.items():
            if values.shape != (len(archs),):
                raise InvalidInputError(
                    f"{label} must have shape ({len(archs)},), one for each row, got {values.shape}."
                )
            if np.isinf(values).any():
                raise InvalidInputError(f"{label} holds an infinite value. Use NaN for what was not measured.")
        if not isinstance(self.default_metric, str) or self.default_metric not in metrics:
            raise InvalidInputError(f"default_metric {short(self.default_metric)} is not one of {', '.join(metrics)}.")
        if self.test_metric is not None and (not isinstance(self.test_metric, str) or self.test_metric not in metrics):
            raise InvalidInputError(f"test_metric {short(self.test_metric)} is not one of {', '.join(metrics)}.")
        if self.groups is not None:
            groups = array_of("groups", self.groups)
            if groups.shape != (len(archs),) or groups.dtype.kind not in "iu":
                raise InvalidInputError(
                    f"groups must be ({len(archs)},) whole numbers, got {groups.dtype} of shape {groups.shape}."
                )
            object.__setattr__(self, "groups", groups.astype(np.int64))
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
        without = f", without {self.left_out}" if self.left_out else ""
        return f"Benchmark({self.name!r}, {len(self)} architectures of {self.space.name}, metrics {list(self.metrics)}{without})"

    def _repr_html_(self) -> str:
        rows = []
        for name, values in self.metrics.items():
            known = values[np.isfinite(values)]
            ends = map(float, np.quantile(known, [0, 0.5, 1])) if len(known) else [np.nan] * 3
            role = "default" if name == self.default_metric else "test" if name == self.test_metric else ""
            rows.append([name, role, len(known), *ends])
        beside = [
            f"{kind}: {', '.join(found)}" for kind in ("curves", "costs", "proxies") if (found := getattr(self, kind))
        ]
        without = f"without {self.left_out}" if self.left_out else ""
        title = f"{self.name}: {len(self):,} architectures of {self.space.name}"
        return face(
            title, ("metric", "role", "measured", "worst", "median", "best"), rows, [*beside, self.source, without]
        )

    def scores(self, archs: Any = None, metric: str | None = None, *, seed: int | None = None) -> NDArray[np.float64]:
        """Values of a metric: ``scores()`` of all rows, ``scores("test_accuracy")`` of another metric than the default one,
        ``scores(archs)`` of these architectures.

        Args:
            archs: ``(n, d)`` rows, see :meth:`at`; by default all that are there.
            metric: name of the metric, which may also stand in the place of ``archs``; the default one unless named.
            seed: of one training, where the benchmark is a function.

        Returns:
            ``(n,)``, NaN where it was not measured.

        Raises:
            UnknownNameError: of a metric, with the closest names.
            InvalidInputError: a row is not in the table.
        """
        if isinstance(archs, str) and metric is None:
            archs, metric = None, archs
        if archs is not None or seed is not None:
            return self.at(self.archs if archs is None else archs, seed).scores(metric=metric)
        metric = self.default_metric if metric is None else metric
        if not isinstance(metric, str) or metric not in self.metrics:
            raise UnknownNameError(
                f"Unknown metric {short(metric)} of benchmark {self.name!r}. {closest(metric, list(self.metrics))}"
            )
        return self.metrics[metric]

    def at(self, archs: Any, seed: int | None = None) -> Benchmark:
        """The benchmark of these architectures, in their order: looked up in a table, also under rows that are the same function;
        computed by a function.

        Args:
            archs: ``(n, d)`` rows.
            seed: of one training, where the benchmark is a function; by default the expected values.

        Examples:
            >>> benchmark = Benchmark("mine", "nasbench201", [[3, 3, 0, 1, 2, 4], [3] * 6], {"accuracy": [0.5, 0.7]}, "accuracy")
            >>> benchmark.at([[3, 3, 3, 3, 3, 3]]).scores()
            array([0.7])

        Raises:
            InvalidInputError: a row is not in the table, or a table is asked for a seed.
        """
        rows = self.space.validate(archs, allow_empty=False)
        if self.function is not None:
            return replace(self.function(rows, seed), name=self.name)
        if seed is not None:
            raise InvalidInputError(
                f"seed {short(seed)}: benchmark {self.name!r} is a table. Trainings with other seeds are metrics of their own, if "
                "there are any."
            )
        return self._rows(self.find(rows))

    def find(self, rows: Any) -> NDArray[np.int64]:
        """Places ``(n,)`` in the table of these rows ``(n, d)``, or of rows that are the same function.

        Raises:
            InvalidInputError: a row is not in the table.
        """
        rows = self.space.validate(rows, name="rows")
        exact = {row.tobytes(): i for i, row in reversed(list(enumerate(self.archs)))}
        found = [exact.get(row.tobytes(), -1) for row in rows]
        if -1 in found:
            keys = self.space.canonical(self.archs)
            twins = {row.tobytes(): i for i, row in reversed(list(enumerate(keys)))}
            names = [row.tobytes() for row in self.space.canonical(rows)]
            found = [twins.get(name, -1) if i < 0 else i for i, name in zip(found, names, strict=True)]
        if -1 in found:
            lost = rows[found.index(-1)].tolist()
            raise InvalidInputError(f"{short(lost)} is not in the table of benchmark {self.name!r}.")
        return np.array(found)

    def _rows(self, index: NDArray[np.int64]) -> Benchmark:
        """Some rows of the table."""
        chosen: dict[str, Any] = {
            kind: {name: values[index] for name, values in getattr(self, kind).items()}
            for kind in ("metrics", "curves", "costs", "proxies")
        }
        for name in ("train_seconds", "groups"):
            values = getattr(self, name)
            chosen[name] = None if values is None else values[index]
        return replace(self, archs=self.archs[index], **chosen)

    def evidence(self, rows: Any = None) -> Evidence:
        """Everything published besides the metrics; of some rows if given."""
        evidence = Evidence(self.curves, self.proxies, self.costs)
        return evidence if rows is None else evidence[rows]
