"""What searches found, in numbers: regret against evaluations, summaries. Figures and reports are drawn from these."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import one_of
from archcast.search.pareto import hypervolume, pareto_front
from archcast.search.trace import Trace
from archcast.spaces.base import SearchSpace, get_space
from archcast.spaces.choices import Choices

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "Findings", "as_csv"]

COLUMNS = (
    "strategy",
    "evaluations",
    "regret_mean",
    "regret_sem",
    "best_mean",
    "best_sem",
    "test_of_best",
    "test_of_best_sem",
    "found_optimum",
    "hypervolume_mean",
    "hypervolume_sem",
    "seconds",
    "overhead_seconds",
    "failed",
    "trials",
)
FEWEST_FOR_SEM = 2


@dataclass(frozen=True, eq=False)
class Findings:
    """The numbers of searches.

    Attributes:
        traces: one for each strategy and trial.
        protocol: the settings that decided them.
    """

    traces: Sequence[Trace]
    protocol: Mapping[str, Any]

    @property
    def strategies(self) -> list[str]:
        """Labels, in the order in which they were given."""
        return list(dict.fromkeys(trace.strategy for trace in self.traces))

    def of(self, strategy: str) -> list[Trace]:
        """The trials of one strategy."""
        one_of("strategy", strategy, self.strategies)
        return [trace for trace in self.traces if trace.strategy == strategy]

    @property
    def optimum(self) -> float:
        """Best first score there is, NaN if unknown."""
        value = self.protocol["optimum"]
        return math.nan if value is None else float(value)

    @property
    def best(self) -> Trace | None:
        """The trial that ended with the highest first score; its ``archs[best[-1]]`` is that architecture."""
        good = [trace for trace in self.traces if len(trace) and not math.isnan(trace.values[-1])]
        return max(good, key=lambda trace: float(trace.values[-1]), default=None)

    def summary_rows(self) -> list[dict[str, Any]]:
        """A row for each strategy and multiple of the batch: see :data:`COLUMNS`.

        ``evaluations`` counts full trainings. ``regret`` is the optimum less the score of the best architecture so far,
        ``test_of_best`` the test score of that architecture, ``found_optimum`` the trials in which it is the optimum, ``seconds``
        the time spent on training (simulated for a table), ``overhead_seconds`` the time the strategy took, in all of the search.
        Means and standard errors over the trials.
        """
        step, budget = self.protocol["batch"], self.protocol["budget"]
        marks = sorted({*range(step, budget + 1, step), budget})
        reference = self.protocol["reference"]
        rows = []
        for name in self.strategies:
            traces = self.of(name)
            for mark in marks:
                ends = [trace.at(mark) for trace in traces]
                pairs = [(trace, end) for trace, end in zip(traces, ends) if end >= 0]
                values = np.array([trace.values[end] for trace, end in pairs])
                row: dict[str, Any] = {"strategy": name, "evaluations": mark}
                row["regret_mean"], row["regret_sem"] = _mean(self.optimum - values)
                row["best_mean"], row["best_sem"] = _mean(values)
                row["test_of_best"], row["test_of_best_sem"] = _mean(np.array([t.tests[e] for t, e in pairs]))
                row["found_optimum"] = None if math.isnan(self.optimum) else int((values >= self.optimum - 1e-9).sum())
                volumes = [hypervolume(t.scores[: e + 1], reference) for t, e in pairs] if reference else []
                row["hypervolume_mean"], row["hypervolume_sem"] = _mean(np.array(volumes))
                row["seconds"] = _mean(np.array([t.seconds[: e + 1].sum() for t, e in pairs]))[0]
                row["overhead_seconds"] = _mean(np.array([t.overhead for t in traces]))[0]
                row["failed"] = sum(sum(map(bool, t.failures[: e + 1])) for t, e in pairs)
                row["trials"] = len(traces)
                rows.append(row)
        return rows

    def summary(self) -> pd.DataFrame:
        """:meth:`summary_rows` as a table."""
        import pandas as pd

        return pd.DataFrame(self.summary_rows(), columns=list(COLUMNS))

    @property
    def _space(self) -> SearchSpace:
        """The space: a registered one by its name, that of a table by its decisions."""
        own = self.protocol.get("decisions")
        return get_space(self.protocol["space"]) if own is None else Choices.from_dict(own)

    def history_rows(self) -> list[dict[str, Any]]:
        """A row for each evaluation."""
        space, names = self._space, self.protocol["objectives"]
        rows = []
        for trace in self.traces:
            for i, text in enumerate(space.format(trace.archs)):
                row = {"strategy": trace.strategy, "trial": trace.trial, "number": i, "arch": text}
                row |= dict(zip(names, trace.scores[i].tolist()))
                row |= {"epochs": int(trace.epochs[i]), "seconds": float(trace.seconds[i])}
                row |= {"best": bool(trace.best[i] == i), "failure": trace.failures[i]}
                rows.append(row)
        return rows

    def front(self, strategy: str | None = None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Pareto-optimal rows ``(m, d)`` and scores ``(m, k)`` among all that a strategy, or any, evaluated."""
        traces = self.traces if strategy is None else self.of(strategy)
        archs = np.concatenate([trace.archs for trace in traces])
        scores = np.concatenate([trace.scores for trace in traces])
        on = np.flatnonzero(pareto_front(scores))
        _, first = np.unique(archs[on], axis=0, return_index=True)
        on = on[first]
        on = on[np.argsort(-scores[on, 0], kind="stable")]
        return archs[on], scores[on]

    def best_found(self) -> dict[str, Any] | None:
        """The best architecture of all trials, with its scores and learning curves; ``None`` if every evaluation failed."""
        trace = self.best
        if trace is None:
            return None
        i = int(trace.best[-1])
        return {
            "strategy": trace.strategy,
            "trial": trace.trial,
            "arch": self._space.format(trace.archs[[i]])[0],
            "row": trace.archs[i].tolist(),
            "scores": dict(zip(self.protocol["objectives"], trace.scores[i].tolist())),
            "test": float(trace.tests[-1]),
            "seconds": float(trace.seconds[i]),
            "curves": {name: curve.tolist() for name, curve in trace.curves.items()},
        }

    def to_json(self) -> str:
        """``{"protocol": ..., "rows": [...], "best": ...}``; what is undefined is ``null``."""
        tree = {"protocol": dict(self.protocol), "rows": self.summary_rows(), "best": self.best_found()}
        return json.dumps(_finite(tree), indent=2, allow_nan=False) + "\n"


def _mean(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard error; NaN where undefined."""
    if len(values) == 0:
        return math.nan, math.nan
    several = len(values) >= FEWEST_FOR_SEM
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))) if several else math.nan


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A header and a line for each row; what is undefined is an empty field."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        values = [row[name] for name in columns]
        writer.writerow("" if v is None or (isinstance(v, float) and math.isnan(v)) else v for v in values)
    return buffer.getvalue()


def _finite(value: Any) -> Any:
    """JSON without NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
