"""The picture of a forecast: a panel for each training, its curve so far and the fan of what may come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from archcast.forecasting.metrics import percent
from archcast.reports.figures import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


__all__ = ["PANELS", "draw"]

PANELS = 24
"""Most panels; of more trainings the likeliest to win are shown."""
GREY = "#8C8C8C"
HUES = {"go on": COLORS[2], "stop": COLORS[1], "finished": COLORS[0]}


def draw(forecast: Any, columns: int | None = None) -> Figure:
    """Panels of the trainings that are not finished, all on the same axes; finished ones are thin grey lines behind each.

    Args:
        forecast: a :class:`~archcast.forecasting.forecast.Forecast`.
        columns: panels side by side; ``None`` is at most three, four of more than twelve.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chance = np.nan_to_num(forecast.chance_above_best, nan=1.0)
    open_rows = np.flatnonzero(~forecast.finished)
    if not len(open_rows):
        open_rows = np.arange(len(forecast))
    left_out = max(len(open_rows) - PANELS, 0)
    if left_out:
        open_rows = np.sort(open_rows[np.argsort(-chance[open_rows], kind="stable")[:PANELS]])
    columns = columns or min(len(open_rows), 3 if len(open_rows) <= 12 else 4)
    lines = -(-len(open_rows) // columns)
    size = (7.0, 4.0) if len(open_rows) == 1 else (max(3.2 * columns, 4.6), 2.5 * lines + 0.5)
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    marks, quantiles = forecast.course
    shown = [
        forecast.curves[open_rows].ravel(),
        quantiles[:, open_rows].ravel(),
        forecast.curves[forecast.finished].ravel(),
    ]
    low, high = _limits(np.concatenate(shown), forecast.to_beat)
    for panel, axis in enumerate(axes.flat):
        if panel >= len(open_rows):
            axis.set_axis_off()
            continue
        _panel(axis, forecast, int(open_rows[panel]), marks, quantiles)
        axis.set_ylim(low, high)
        axis.set_xlim(0.5, forecast.epochs + 0.5)
    for axis in axes[:, 0]:
        axis.set_ylabel(forecast.metric.name)
    for column in range(columns):
        below = [axis for row, axis in enumerate(axes[:, column]) if row * columns + column < len(open_rows)]
        below[-1].set_xlabel("epoch")
        below[-1].tick_params(labelbottom=True)
    said = "line: median, dark: 50 %, light: 90 %"
    if not np.isnan(forecast.to_beat).all():
        said += ", dashed: to beat"
    if left_out:
        said += f"; {left_out} less likely ones are left out"
    figure.supxlabel(said, fontsize=8, color=GREY)
    return figure


def _panel(axis: Axes, forecast: Any, row: int, marks: np.ndarray, quantiles: np.ndarray) -> None:
    """One training."""
    seen, advice = int(forecast.epochs_seen[row]), forecast.advice[row]
    hue = HUES[advice]
    time = np.arange(1, forecast.epochs + 1)
    for other in np.flatnonzero(forecast.finished)[:40]:
        axis.plot(time, forecast.curves[other], color=GREY, alpha=0.25, linewidth=0.7)
    axis.plot(
        time[:seen],
        forecast.curves[row, :seen],
        color=hue,
        linewidth=1.6,
        marker="o" if seen < 3 else None,
        markersize=3,
    )
    ahead = marks > seen
    if ahead.any() and not forecast.diverged[row]:
        x = np.r_[seen, marks[ahead]]
        fan = [np.r_[forecast.last[row], quantiles[level, row, ahead]] for level in range(5)]
        axis.fill_between(x, fan[0], fan[4], color=hue, alpha=0.18, linewidth=0)
        axis.fill_between(x, fan[1], fan[3], color=hue, alpha=0.3, linewidth=0)
        axis.plot(x, fan[2], color=hue, linewidth=1.2)
    if not np.isnan(forecast.to_beat[row]):
        axis.axhline(forecast.to_beat[row], color=GREY, linestyle="--", linewidth=1)
    name = forecast.runs[row]
    chance = forecast.chance_above_best[row]
    told = "diverged" if forecast.diverged[row] else advice if np.isnan(chance) else f"{advice}, {percent(chance)}"
    axis.set_title(f"{name if len(name) <= 26 else '…' + name[-25:]}: {told}", fontsize=8, color=hue, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=7)


def _limits(values: np.ndarray, goals: np.ndarray) -> tuple[float, float]:
    """Limits that show all but the worst hundredth, which a diverged training may need alone."""
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.01, 0.99])
    goals = goals[np.isfinite(goals)]
    low, high = min(low, *goals) if len(goals) else low, max(high, *goals) if len(goals) else high
    room = 0.05 * (high - low) or 0.05 * max(abs(high), 1e-9)
    return float(low - room), float(high + room)
