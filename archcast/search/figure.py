"""The figure of searches: regret against evaluations and against seconds of training, the front of several objectives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archcast.reports.figures import GREY, INKS, cut, tip
from archcast.search.findings import Findings
from archcast.search.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

POINTS = 200


def draw(results: Findings, width: float = 8.0) -> Figure:
    """Draw the figure: regret, or the best score where the optimum is unknown, against evaluations; against simulated or real
    seconds of training if they are known; with several objectives, their Pareto front and hypervolume.

    Args:
        results: what to draw.
        width: inches.
    """
    from matplotlib.figure import Figure

    p = results.protocol
    several = len(p["objectives"]) > 1
    timed = all(np.isfinite(trace.seconds).all() and trace.seconds.sum() > 0 for trace in results.traces)
    panels = 1 + timed + several * (1 + bool(p["reference"]))
    columns = min(panels, 2 if width > 6 else 1)
    rows = math.ceil(panels / columns)
    figure = Figure(figsize=(width, 3.6 * rows + 0.3), dpi=150, layout="constrained")
    axes: list[Axes] = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    for extra in axes[panels:]:
        extra.remove()
    for panel in axes[:panels]:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.25, linewidth=0.6)
    colors = _colors(results)
    _against_evaluations(axes[0], results, colors)
    if timed:
        _against_seconds(axes[1], results, colors)
    if several:
        _front(axes[1 + timed], results, colors)
        if p["reference"]:
            _hypervolume(axes[2 + timed], results, colors)
    grey = sum(color == GREY for color in colors.values())
    title = f"best first; {grey} more in grey" if grey else None
    axes[0].legend(frameon=False, fontsize=8.5, title=title, title_fontsize=8)
    return figure


def _colors(results: Findings) -> dict[str, str]:
    """Strategy -> colour, the best first; no colour twice: of many the rest is grey."""
    key = "best" if math.isnan(results.optimum) else "regret"
    last = {row["strategy"]: row[f"{key}_mean"] for row in results.summary_rows()}
    sign = 1 if key == "regret" else -1
    order = sorted(results.strategies, key=lambda name: (math.isnan(last[name]), sign * last[name]))
    return {name: INKS[i] if i < len(INKS) else GREY for i, name in enumerate(order)}


def _band(
    axes: Axes, x: NDArray[np.float64], mean: NDArray[np.float64], sem: NDArray[np.float64], name: str, color: str
) -> None:
    grey = color == GREY
    label = "_" if grey else cut(name)
    axes.plot(x, mean, color=color, lw=0.9 if grey else 1.6, label=label, zorder=1.5 if grey else 2)
    if not grey:
        sem = np.nan_to_num(sem)
        axes.fill_between(x, mean - sem, mean + sem, color=color, alpha=0.14, lw=0)


def _against_evaluations(axes: Axes, results: Findings, colors: dict[str, str]) -> None:
    known = not math.isnan(results.optimum)
    key, name = ("regret", "regret") if known else ("best", "best score")
    rows = results.summary_rows()
    for strategy, color in colors.items():
        own = [row for row in rows if row["strategy"] == strategy]
        x, mean, sem = (np.array([row[k] for row in own], float) for k in ("evaluations", f"{key}_mean", f"{key}_sem"))
        _band(axes, x, mean, sem, strategy, color)
        for n, value, error in zip(x, mean, sem):
            around = "" if math.isnan(error) else f" ± {error:.3f}"
            if math.isfinite(value):
                tip(axes, n, value, f"{strategy}: {name} {value:.4g}{around} after {n:.0f} evaluations", color)
    axes.set_xlabel("evaluations (full trainings)")
    axes.locator_params(axis="x", integer=True)
    axes.set_ylabel(f"{name}, {results.protocol['objectives'][0]}")
    if known:
        axes.set_ylim(bottom=0)


def _against_seconds(axes: Axes, results: Findings, colors: dict[str, str]) -> None:
    known = not math.isnan(results.optimum)
    end = min(float(trace.seconds.sum()) for trace in results.traces)
    start = max(float(trace.seconds[0]) for trace in results.traces)
    grid = np.linspace(min(start, end), end, POINTS)
    for strategy, color in colors.items():
        values = np.stack([_value_at(trace, grid) for trace in results.of(strategy)])
        values = results.optimum - values if known else values
        sem = values.std(axis=0, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else np.zeros(POINTS)
        _band(axes, grid, values.mean(axis=0), sem, strategy, color)
    axes.set_xlabel("seconds of training")
    if known:
        axes.set_ylim(bottom=0)


def _value_at(trace: Trace, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score of the best architecture after so many seconds of training."""
    at = np.searchsorted(np.cumsum(trace.seconds), seconds + 1e-9, side="right") - 1
    return np.where(at >= 0, trace.values[np.maximum(at, 0)], np.nan)


def _front(axes: Axes, results: Findings, colors: dict[str, str]) -> None:
    names = results.protocol["objectives"]
    sign = -1 if names[1].startswith("-") else 1
    for strategy, color in colors.items():
        scores = results.front(strategy)[1]
        axes.plot(sign * scores[:, 1], scores[:, 0], "o", ms=3.5, color=color, alpha=0.8)
    axes.set_xlabel(names[1].lstrip("-"))
    axes.set_ylabel(names[0])
    axes.set_title("Pareto front", fontsize=9, loc="left")


def _hypervolume(axes: Axes, results: Findings, colors: dict[str, str]) -> None:
    rows = results.summary_rows()
    for strategy, color in colors.items():
        own = [row for row in rows if row["strategy"] == strategy]
        keys = ("evaluations", "hypervolume_mean", "hypervolume_sem")
        x, mean, sem = (np.array([row[k] for row in own], float) for k in keys)
        _band(axes, x, mean, sem, strategy, color)
    axes.set_xlabel("evaluations (full trainings)")
    axes.locator_params(axis="x", integer=True)
    axes.set_ylabel("hypervolume")
