"""A forecast as HTML: a table, the picture, what was guessed."""

from __future__ import annotations

from typing import Any

import numpy as np

from archcast.faces import MOST_ROWS, face
from archcast.reports.pages import page, svg, text

__all__ = ["fragment", "whole_page"]

HEADS = ("run", "advice", "chance", "epochs", "now", "end", "50 %", "90 %")
"""What decides comes first: a telephone shows the first columns."""


def fragment(forecast: Any) -> str:
    """Table, picture and notes, to stand in a notebook or a page."""
    from archcast.forecasting.figure import draw
    from archcast.forecasting.metrics import percent, show

    inner, outer = forecast.interval(0.5), forecast.interval(0.9)
    lines = []
    for i, name in enumerate(forecast.runs):
        chance = forecast.chance_above_best[i]
        spread = (
            ["", ""] if forecast.finished[i] else [f"{show(low[i])} – {show(high[i])}" for low, high in (inner, outer)]
        )
        cells = [
            name,
            forecast.advice[i],
            "–" if np.isnan(chance) or forecast.finished[i] else percent(chance),
            f"{forecast.epochs_seen[i]}/{forecast.epochs}",
            show(forecast.last[i]),
            show(forecast.median[i]),
            *spread,
        ]
        lines.append(cells)
    title = f"{forecast.metric.name} after {forecast.epochs} epochs"
    begun = [i for i in range(len(forecast)) if not forecast.finished[i]]
    reasons = [f"{forecast.advice[i]}: {forecast.runs[i]}, {forecast.reasons[i]}." for i in begun[:MOST_ROWS]]
    table = face(title, HEADS, lines, [*reasons, *forecast.notes])
    return f"{table}<figure>{svg(lambda: draw(forecast), 'forecast')}</figure>"


def whole_page(forecast: Any) -> str:
    """A page that stands alone."""
    title = f"Forecast of {forecast.metric.name} after {forecast.epochs} epochs"
    return page(title, [f"<h1>{text(title)}</h1>", fragment(forecast)])
