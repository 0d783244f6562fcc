"""What an evaluation found: a row a trial, summaries, a figure and a report."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archcast.evaluation.metrics import METRICS
from archcast.evaluation.trial import COLUMNS
from archcast.files import write_whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from archcast.evaluation.budgets import Budgets

__all__ = ["Results"]

TIMES = ("fit_seconds", "query_ms")
SIMULATED = ("init_train_seconds", "query_train_seconds")


@dataclass(frozen=True, eq=False)
class Results:
    """Results of :func:`archcast.evaluate`.

    Attributes:
        frame: a row a trial; columns: predictor, train_size, epochs (of curves seen at query, 0 for none), trial, test_size, the
            measures of :data:`archcast.evaluation.METRICS`, fit_seconds, query_ms (milliseconds an architecture, features
            included), init_train_seconds and query_train_seconds (simulated seconds of training consumed), error (empty unless
            the trial failed).
        protocol: the settings that decided them, and the versions of the software.
    """

    frame: pd.DataFrame
    protocol: Mapping[str, Any]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], protocol: Mapping[str, Any]) -> Results:
        """Results from rows with the keys of the frame's columns."""
        import pandas as pd

        table = list(rows)
        columns = {name: pd.Series([row[name] for row in table], dtype=kind) for name, kind in COLUMNS.items()}
        return cls(pd.DataFrame(columns), dict(protocol))

    def rows(self) -> list[dict[str, Any]]:
        """The frame as plain dictionaries."""
        return [{str(name): value for name, value in row.items()} for row in self.frame.to_dict("records")]

    def summary(self) -> pd.DataFrame:
        """A row for each predictor, number of epochs seen at query and train size.

        ``label`` is the predictor's name, with the epochs where it was asked at several: ``sotl @10``.
        ``<measure>`` is the mean over the trials that did not fail and ``<measure>_sem`` its standard error (NaN for fewer
        than two). Times are medians, so that what is imported in the first trial does not count. ``trials`` counts all trials,
        ``failed`` those that failed and ``reason`` says why the first of them did.
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
            reasons = [row["error"] for row in group if row["error"]]
            summary |= {"trials": len(group), "failed": len(reasons), "reason": reasons[0] if reasons else ""}
            out.append(summary)
        return out

    def budgets(self) -> Budgets:
        """Which predictor is best for which budgets of seconds for init and for a query.

        Training counts with its simulated seconds, init and query with those measured. Options whose training time is not known
        are left out.
        """
        from archcast.evaluation.budgets import Budgets, options_of

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

    def plot(self, path: str | Path | None = None) -> Figure:
        """Kendall tau against train size, with bands of one standard error.

        Args:
            path: where to save the figure; the suffix says the format.
        """
        from archcast.evaluation.figure import draw
        from archcast.reports.figures import save

        figure = draw(self)
        title = f"{self.protocol['benchmark']}, {self.protocol['metric']}"
        figure.axes[0].set_title(title, loc="left", fontsize=10)
        if path is not None:
            save(figure, Path(path))
        return figure

    def to_html(self, path: str | Path | None = None) -> str:
        """A report in one file: figure, table, protocol, failures, versions; it loads nothing from elsewhere.

        Args:
            path: where to save it.
        """
        from archcast.evaluation.report import render

        html = render(self)
        if path is not None:
            write_whole(Path(path), html)
        return html

    def save(self, folder: str | Path) -> None:
        """Write ``results.json``, ``figure.png``, ``report.html`` and, of a run with budgets, ``budgets.png`` to a folder, each
        whole or not at all.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "results.json", self.to_json())
        self.plot(folder / "figure.png")
        if self.protocol.get("budgets"):
            from archcast.evaluation.budgets import draw_map
            from archcast.reports.figures import save

            save(draw_map(self.budgets()), folder / "budgets.png")
        self.to_html(folder / "report.html")

    def __repr__(self) -> str:
        p = self.protocol
        return (
            f"Results({p.get('benchmark')!r}, {self.frame['predictor'].nunique()} predictors, {len(self.frame)} trials)"
        )

    def _repr_html_(self) -> str:
        columns = ["label", "train_size", "kendall_tau", "kendall_tau_sem", "spearman", *TIMES, "trials", "failed"]
        return self.summary()[columns].to_html(index=False, float_format="{:.3f}".format)


def _known(rows: list[dict[str, Any]], name: str) -> NDArray[np.float64]:
    values = np.array([row[name] for row in rows], dtype=np.float64)
    return values[~np.isnan(values)]
