"""A forecast as HTML: a table, the picture, what was guessed."""

from __future__ import annotations

from typing import Any

import numpy as np

from archcast.faces import face
from archcast.reports.pages import page, svg, text

__all__ = ["fragment", "whole_page"]

HEADS = ("run", "epochs", "now", "end", "50 %", "90 %", "chance", "advice", "reason")


def fragment(forecast: Any) -> str:
    """Table, picture and notes, to stand in a notebook or a page."""
    from archcast.forecasting.figure import draw
    from archcast.forecasting.metrics import show

    inner, outer = forecast.interval(0.5), forecast.interval(0.9)
    lines = []
    for i, name in enumerate(forecast.runs):
        chance = forecast.chance_above_best[i]
        cells = [
            name,
            f"{forecast.epochs_seen[i]}/{forecast.epochs}",
            show(forecast.last[i]),
            show(forecast.median[i]),
            *(f"{show(low[i])} – {show(high[i])}" for low, high in (inner, outer)),
            "–" if np.isnan(chance) else f"{100 * chance:.0f} %",
            forecast.advice[i],
            forecast.reasons[i],
        ]
        lines.append(cells)
    title = f"{forecast.metric.name} after {forecast.epochs} epochs"
    return f"{face(title, HEADS, lines, forecast.notes)}<figure>{svg(lambda: draw(forecast), 'forecast')}</figure>"


def whole_page(forecast: Any) -> str:
    """A page that stands alone."""
    title = f"Forecast of {forecast.metric.name} after {forecast.epochs} epochs"
    return page(title, [f"<h1>{text(title)}</h1>", fragment(forecast)])
