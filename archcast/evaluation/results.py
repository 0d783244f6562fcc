"""What :func:`archcast.evaluate` returns: the numbers, with a figure and a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archcast.errors import InvalidInputError
from archcast.evaluation.budget_map import draw_map
from archcast.evaluation.figure import draw
from archcast.evaluation.measurements import TIMES, Measurements
from archcast.evaluation.report import render
from archcast.faces import face
from archcast.files import folder_of, write_whole
from archcast.reports.base import Presentable
from archcast.reports.figures import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Results"]


class Results(Measurements, Presentable):
    """Results of :func:`archcast.evaluate`: the numbers of :class:`~archcast.evaluation.measurements.Measurements`, with

    - ``plot(path=None)``, a figure of Kendall's tau against the train size, with bands of one standard error;
    - ``to_html(path=None)``, a report in one file: figure, table, protocol, failures, versions.
    """

    def _draw(self) -> Figure:
        self._some()
        figure = draw(self)
        title = f"{self.protocol['benchmark']}, {self.protocol['metric']}"
        figure.axes[0].set_title(title, loc="left", fontsize=10)
        return figure

    def _some(self) -> None:
        if self.frame.empty:
            raise InvalidInputError("frame has no row: there is nothing to show.")

    def _render(self) -> str:
        self._some()
        return render(self)

    def save(self, folder: str | Path) -> None:
        """Write ``results.json``, ``figure.png``, ``report.html`` and, of a run with budgets, ``budgets.png`` to a folder, each
        whole or not at all.
        """
        folder = folder_of("folder", folder)
        write_whole(folder / "results.json", self.to_json())
        self.plot(folder / "figure.png")
        if self.protocol.get("budgets"):
            save(draw_map(self.budgets()), folder / "budgets.png")
        self.to_html(folder / "report.html")

    def __repr__(self) -> str:
        p = self.protocol
        return (
            f"Results({p.get('benchmark')!r}, {self.frame['predictor'].nunique()} predictors, {len(self.frame)} trials)"
        )

    def _repr_html_(self) -> str:
        columns = ["label", "train_size", "kendall_tau", "kendall_tau_sem", "spearman", *TIMES, "trials", "failed"]
        rows = self.summary()[columns].itertuples(index=False)
        return face(repr(self), columns, rows)
