"""What an evaluation found, in numbers: a row for each trial, and summaries. Figures and reports are drawn from these."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from archcast.checks import mapping
from archcast.errors import InvalidInputError, short
from archcast.evaluation.budgets import Budgets, options_of
from archcast.evaluation.deciles import mean_of
from archcast.evaluation.metrics import METRICS
from archcast.evaluation.trial import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SIMULATED", "TIMES", "Measurements"]

TIMES = ("fit_seconds", "query_ms")
SIMULATED = ("init_train_seconds", "query_train_seconds")


@dataclass(frozen=True, eq=False)
class Measurements:
    """The numbers of an evaluation.

    Attributes:
        frame: a row a trial; columns: predictor, train_size, epochs (of curves seen at query, 0 for none), trial, test_size, the
            measures of :data:`archcast.evaluation.METRICS`, fit_seconds, query_ms (milliseconds an architecture, features
            included), init_train_seconds and query_train_seconds (simulated seconds of training consumed), error (empty unless
            the trial failed).
        protocol: the settings that decided them, and the versions of the software.
    """

    frame: pd.DataFrame
    protocol: Mapping[str, Any]

    def __post_init__(self) -> None:
        there = getattr(self.frame, "columns", None)
        if there is None or not set(COLUMNS) <= set(there):
            lacking = [name for name in COLUMNS if there is None or name not in there]
            raise InvalidInputError(
                f"frame must be a DataFrame with a row a trial, got {short(self.frame)}: it has no column {lacking[0]!r}."
            )
        mapping("protocol", self.protocol, "settings to values")

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], protocol: Mapping[str, Any]) -> Self:
        """Measurements from rows with the keys of the frame's columns; ``correlations`` and ``deciles`` may be left out."""
        import pandas as pd

        table = [{"correlations": "", "deciles": "", **row} for row in rows]
        columns = {name: pd.Series([row[name] for row in table], dtype=kind) for name, kind in COLUMNS.items()}
        return cls(pd.DataFrame(columns), dict(protocol))

    def rows(self) -> list[dict[str, Any]]:
        """The frame as plain dictionaries."""
        return [{str(name): value for name, value in row.items()} for row in self.frame.to_dict("records")]

    def summary(self) -> pd.DataFrame:
        """A row for each predictor, number of epochs seen at query and train size.

        ``label`` is the predictor's name, with the epochs where it was asked at several: ``sotl @10``.
        ``<measure>`` is the mean over the trials that did not fail and ``<measure>_sem`` its standard error (NaN for fewer
        than two). Times are medians, so that what is imported in the first trial does not count. ``correlations`` are the means of
        those found of the sources, in their order, with spaces between them. ``deciles`` are coverage, CRPS and mean std in each
        tenth of the predictions, the lowest first, or ``None``. ``trials`` counts all trials, ``failed`` those that failed and
        ``reason`` says why the first of them did.
        """
        import pandas as pd

        return pd.DataFrame(self.summary_rows())

    def summary_rows(self) -> list[dict[str, Any]]:
        """:meth:`summary` as plain dictionaries."""
        groups: dict[tuple[str, int, int], list[dict[str, Any]]] = {}
        for row in self.rows():
            groups.setdefault((row["predictor"], row["epochs"], row["train_size"]), []).append(row)
        looks: dict[str, set[int]] = {}
        for predictor, epochs, _ in groups:
            looks.setdefault(predictor, set()).add(epochs)
        out = []
        for (predictor, epochs, size), group in groups.items():
            good = [row for row in group if not row["error"]]
            label = predictor if len(looks[predictor]) == 1 else f"{predictor} @{epochs}"
            summary: dict[str, Any] = {"predictor": predictor, "train_size": size, "epochs": epochs, "label": label}
            for name in METRICS:
                values = _known(good, name)
                summary[name] = float(values.mean()) if len(values) else math.nan
                several = len(values) > 1
                summary[f"{name}_sem"] = float(values.std(ddof=1) / math.sqrt(len(values))) if several else math.nan
            for name in (*TIMES, *SIMULATED):
                values = _known(good, name)
                average = np.median if name in TIMES else np.mean
                summary[name] = float(average(values)) if len(values) else math.nan
            summary["correlations"] = _mean_correlations(good)
            summary["deciles"] = mean_of(row["deciles"] for row in good)
            reasons = [row["error"] for row in group if row["error"]]
            summary |= {"trials": len(group), "failed": len(reasons), "reason": reasons[0] if reasons else ""}
            out.append(summary)
        return out

    def budgets(self) -> Budgets:
        """Which predictor is best for which budgets of seconds for init and for a query.

        Training counts with its simulated seconds, init and query with those measured. Options whose training time is not known
        are left out.
        """
        return Budgets.of(options_of(self.summary_rows()))

    def to_json(self) -> str:
        """``{"protocol": ..., "rows": [...]}``, the rows those of :meth:`summary`; what is undefined is ``null``.

        A run with budgets adds ``"budgets"``, those of :meth:`budgets`.
        """
        rows = [
            {
                key: None if isinstance(value, float) and not math.isfinite(value) else value
                for key, value in row.items()
            }
            for row in self.summary_rows()
        ]
        tree: dict[str, Any] = {"protocol": dict(self.protocol), "rows": rows}
        if self.protocol.get("budgets"):
            tree["budgets"] = self.budgets().rows()
        return json.dumps(tree, indent=2, allow_nan=False) + "\n"


def _mean_correlations(rows: list[dict[str, Any]]) -> str:
    found = [[float(value) for value in row["correlations"].split()] for row in rows if row["correlations"]]
    return " ".join(f"{value:.3f}" for value in np.mean(found, axis=0)) if found else ""


def _known(rows: list[dict[str, Any]], name: str) -> NDArray[np.float64]:
    values = np.array([row[name] for row in rows], dtype=np.float64)
    return values[~np.isnan(values)]
