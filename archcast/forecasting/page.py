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
    """Table, picture and notes, to stand in a notebook."""
    title = f"{forecast.metric.name} after {forecast.epochs} epochs"
    return f"{_table(forecast, title)}<figure>{_picture(forecast, 'forecast')}</figure>"


def whole_page(forecast: Any) -> str:
    """A page that stands alone; on a telephone the panels stand one below the other."""
    title = f"Forecast of {forecast.metric.name} after {forecast.epochs} epochs"
    wide, narrow = _picture(forecast, "forecast"), _picture(forecast, "narrow", 1)
    figure = f'<figure><div class="wide">{wide}</div><div class="narrow">{narrow}</div></figure>'
    return page(title, [f"<h1>{text(title)}</h1>", _table(forecast, ""), figure])


def _picture(forecast: Any, salt: str, columns: int | None = None) -> str:
    from archcast.forecasting.figure import draw

    return svg(lambda: draw(forecast, columns), salt)


def _table(forecast: Any, title: str) -> str:
    """What is not finished comes first, the likeliest to win at the top; below the table the reasons."""
    from archcast.forecasting.metrics import percent, show

    inner, outer = forecast.interval(0.5), forecast.interval(0.9)
    lines = []
    begun, done = forecast.order
    for i in [*begun, *done]:
        chance = forecast.chance_above_best[i]
        spread = (
            ["", ""] if forecast.finished[i] else [f"{show(low[i])} – {show(high[i])}" for low, high in (inner, outer)]
        )
        cells = [
            forecast.runs[i],
            forecast.advice[i],
            "–" if np.isnan(chance) or forecast.finished[i] else percent(chance),
            f"{forecast.epochs_seen[i]}/{forecast.epochs}",
            show(forecast.last[i]),
            show(forecast.median[i]),
            *spread,
        ]
        lines.append(cells)
    reasons = [f"{forecast.advice[i]}: {forecast.runs[i]}, {forecast.reasons[i]}." for i in begun[:MOST_ROWS]]
    return face(title, HEADS, lines, [*reasons, *forecast.notes])
