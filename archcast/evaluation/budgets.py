"""Predictors at equal cost: which one is best for each pair of budgets (White et al. 2021, https://arxiv.org/abs/2104.01177).

A predictor costs time twice. Init trains architectures and learns from them; a query trains the architecture in question for
some epochs, if the predictor looks at its curve, and predicts. Both are seconds: of training, simulated from what the
benchmark knows, plus of computing, measured. An *option* is a predictor at one train size and one number of epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Budgets", "options_of", "round_steps", "undominated"]

LEAST = 1e-6
"""Seconds below which a time is not told from zero."""

Option = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Budgets:
    """Who is best for which budgets; see :meth:`archcast.evaluation.Results.budgets`.

    Attributes:
        front: options that no other beats: none takes at most their time for init and for a query, and ranks at least as well.
            By init time. Keys: label, predictor, train_size, epochs, init_seconds, query_seconds, kendall_tau.
        init_seconds: ``(i,)`` budgets for init, increasing: 1, 2, 5, 10, ...
        query_seconds: ``(q,)`` budgets for a query.
        best: ``(q, i)`` number in ``front`` of the option with the highest Kendall tau that both budgets pay for; -1 where
            they pay for none.

    Examples:
        >>> options = [
        ...     {"label": "a", "init_seconds": 9.0, "query_seconds": 0.1, "kendall_tau": 0.8},
        ...     {"label": "b", "init_seconds": 0.5, "query_seconds": 0.1, "kendall_tau": 0.5},
        ...     {"label": "c", "init_seconds": 9.0, "query_seconds": 0.2, "kendall_tau": 0.7},
        ... ]
        >>> budgets = Budgets.of(options)
        >>> [option["label"] for option in budgets.front]
        ['b', 'a']
        >>> budgets.init_seconds.tolist(), budgets.best[0].tolist()
        ([0.5, 1.0, 2.0, 5.0, 10.0], [0, 0, 0, 0, 1])
    """

    front: tuple[Option, ...]
    init_seconds: NDArray[np.float64]
    query_seconds: NDArray[np.float64]
    best: NDArray[np.int64]

    @classmethod
    def of(cls, options: Iterable[Option]) -> Budgets:
        """The front and the map of options, each with ``init_seconds``, ``query_seconds`` and ``kendall_tau``, all known."""
        everyone = list(options)
        front = [everyone[i] for i in np.flatnonzero(undominated(_table(everyone)))]
        front.sort(key=lambda option: (option["init_seconds"], option["query_seconds"]))
        table = _table(front)
        init, query = (round_steps(_table(everyone)[:, column]) for column in (0, 1))
        paid = (table[:, 0] <= init[:, None])[None] & (table[:, 1] <= query[:, None])[:, None]
        tau = np.where(paid, table[:, 2], -np.inf)
        best = tau.argmax(axis=-1) if front else np.zeros(tau.shape[:2], dtype=np.int64)
        return cls(tuple(front), init, query, np.where(paid.any(axis=-1), best, -1))

    def rows(self) -> dict[str, Any]:
        """As JSON; in ``best`` a row is a query budget, and ``None`` says that no option is paid for."""
        return {
            "front": [dict(option) for option in self.front],
            "init_seconds": self.init_seconds.tolist(),
            "query_seconds": self.query_seconds.tolist(),
            "best": [[None if i < 0 else i for i in row] for row in self.best.tolist()],
        }


def options_of(summary: Sequence[Mapping[str, Any]]) -> list[Option]:
    """Options from rows of :meth:`Results.summary_rows`; those that failed or whose times are unknown are left out.

    What trains nothing at init is one option, at the least train size: others would differ by the noise of their times.
    """
    kept = ("label", "predictor", "train_size", "epochs")
    options: list[Option] = []
    free: set[str] = set()
    for row in sorted(summary, key=lambda row: row["train_size"]):
        option = {name: row[name] for name in kept} | {
            "init_seconds": row["init_train_seconds"] + row["fit_seconds"],
            "query_seconds": row["query_train_seconds"] + row["query_ms"] / 1000,
            "kendall_tau": row["kendall_tau"],
        }
        if row["label"] in free or not all(math.isfinite(option[name]) for name in _COLUMNS):
            continue
        if row["init_train_seconds"] == 0:
            free.add(row["label"])
        options.append(option)
    return options


_COLUMNS = ("init_seconds", "query_seconds", "kendall_tau")


def _table(options: Sequence[Option]) -> NDArray[np.float64]:
    return np.array([[option[name] for name in _COLUMNS] for option in options], dtype=np.float64).reshape(-1, 3)


def undominated(table: NDArray[np.float64]) -> NDArray[np.bool_]:
    """``(n,)`` rows of ``(n, 3)`` init time, query time and score that no other row matches in all three and beats in one.

    Of equal rows the first counts.
    """
    points = table * (1.0, 1.0, -1.0)
    order = np.lexsort(points.T[::-1])
    keep = np.zeros(len(points), dtype=bool)
    for i in order:  # whatever dominates a row comes before it
        keep[i] = not (points[keep] <= points[i]).all(axis=1).any()
    return keep


def round_steps(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """1, 2, 5, 10, ... times a power of ten, from the last that is not above the least to the first not below the greatest."""
    if len(seconds) == 0:
        return np.zeros(0)
    low, high = (max(float(value), LEAST) for value in (seconds.min(), seconds.max()))
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    steps = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    first = max(i for i, step in enumerate(steps) if step <= low)
    last = min(i for i, step in enumerate(steps) if step >= high)
    return np.array(steps[first : last + 1])
