"""What everything that can be shown has in common: a figure and a page, drawn or written to a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from archcast.files import write_whole
from archcast.reports.figures import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Presentable"]


class Presentable(ABC):
    """Mixin that gives ``plot`` and ``to_html``. A subclass writes ``_draw`` and ``_render``."""

    @abstractmethod
    def _draw(self) -> Figure:
        """The figure."""

    @abstractmethod
    def _render(self) -> str:
        """The page."""

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the figure.

        Args:
            path: file to save the figure to; its suffix says the format.
        """
        figure = self._draw()
        if path is not None:
            save(figure, path)
        return figure

    def to_html(self, path: str | Path | None = None) -> str:
        """Write the report: one page that loads nothing from elsewhere.

        Args:
            path: file to save the page to.
        """
        page = self._render()
        if path is not None:
            write_whole(path, page)
        return page
