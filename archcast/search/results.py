"""What :func:`archcast.run_search` returns: the numbers, with a figure and a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archcast.files import folder_of, write_whole
from archcast.reports.base import Presentable
from archcast.search.figure import draw
from archcast.search.findings import COLUMNS, Findings, as_csv
from archcast.search.report import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SearchResults"]


class SearchResults(Findings, Presentable):
    """Results of :func:`archcast.run_search`: the numbers of :class:`~archcast.search.findings.Findings`, with

    - ``plot(path=None)``, a figure of regret (or of the best score) against evaluations and, if they are known, against seconds of
      training, with bands of one standard error;
    - ``to_html(path=None)``, a report in one file.
    """

    def _draw(self) -> Figure:
        return draw(self)

    def _render(self) -> str:
        return render(self)

    def save(self, folder: str | Path) -> None:
        """Write ``results.csv``, ``results.json``, ``history.csv``, ``figure.png``, ``report.html``, each whole or not at all."""
        folder = folder_of("folder", folder)
        write_whole(folder / "results.csv", as_csv(COLUMNS, self.summary_rows()))
        write_whole(folder / "results.json", self.to_json())
        rows = self.history_rows()
        write_whole(folder / "history.csv", as_csv(list(rows[0]) if rows else ["strategy"], rows))
        self.plot(folder / "figure.png")
        self.to_html(folder / "report.html")

    def __repr__(self) -> str:
        return f"SearchResults({', '.join(self.strategies)}; {len(self.traces)} searches)"
