"""The figure of a benchmark run: Kendall tau against train size, a line a predictor, labelled at its end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from archcast.evaluation.measurements import Measurements
from archcast.reports.figures import COLORS, MARKERS, STYLES, cut, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

LABEL_POINTS = 8.5


def draw(results: Measurements, width: float = 8.0, height: float | None = None) -> Figure:
    """Draw the figure; with a single train size it is a ranking with error bars.

    Of a predictor that was asked after several numbers of epochs, only the longest look is drawn.

    Args:
        results: what to draw.
        width, height: inches.
    """
    from matplotlib.figure import Figure

    summary = results.summary()
    summary = summary[summary["kendall_tau"].notna()]
    summary = summary[summary["epochs"] == summary.groupby("predictor")["epochs"].transform("max")]
    names = list(dict.fromkeys(summary["label"]))
    figure = Figure(figsize=(width, height or max(4.2, 1.3 + 0.16 * len(names))), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    sizes = sorted(set(summary["train_size"]))
    if not names:
        axes.text(0.5, 0.5, "no trial gave a rank correlation", ha="center", transform=axes.transAxes)
    elif len(sizes) == 1:
        _ranking(axes, summary.sort_values("kendall_tau"))
    else:
        _lines(axes, summary, names, sizes)
    return figure


def _lines(axes: Axes, summary: Any, names: list[str], sizes: list[int]) -> None:
    ends = []
    for i, name in enumerate(names):
        rows = summary[summary["label"] == name].sort_values("train_size")
        x, tau = rows["train_size"].to_numpy(), rows["kendall_tau"].to_numpy()
        error = rows["kendall_tau_sem"].fillna(0).to_numpy()
        color, style = COLORS[i % len(COLORS)], (i // len(COLORS)) % len(STYLES)
        axes.plot(x, tau, color=color, ls=STYLES[style], marker=MARKERS[style], ms=4, lw=1.6)
        axes.fill_between(x, tau - error, tau + error, color=color, alpha=0.16 / math.sqrt(len(names)), lw=0)
        ends.append((x[-1], tau[-1], color, MARKERS[style]))
    axes.set_xscale("log")
    width, height = axes.get_figure().get_size_inches()  # type: ignore[union-attr]
    span = math.log10(sizes[-1] / sizes[0])
    axes.set_xticks(sizes, _spaced(sizes, 0.42 * span / (0.68 * width)), minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlabel("training architectures")
    axes.set_ylabel("Kendall tau-b")
    low, high = axes.get_ylim()
    line = LABEL_POINTS * 1.25 / 72 * (high - low) / (height - 1)
    places = spread(np.array([tau for _, tau, _, _ in ends]), line, low + line / 2, high - line / 2)
    axes.set_ylim(min(low, places.min() - line / 2), max(high, places.max() + line / 2))
    key_x, text_x = (sizes[-1] * 10 ** (inches * span / (0.68 * width)) for inches in (0.3, 0.38))
    for name, (x_end, tau_end, color, marker), y in zip(names, ends, places):
        start = x_end * 10 ** (0.01 * span)
        axes.plot([start, key_x], [tau_end, y], color=color, lw=0.9, clip_on=False)
        axes.plot([key_x], [y], color=color, marker=marker, ms=4, clip_on=False)
        axes.text(text_x, y, cut(name), va="center", fontsize=LABEL_POINTS)
    axes.set_xlim(sizes[0] * 10 ** (-0.03 * span), sizes[-1] * 10 ** (0.02 * span))


def _spaced(sizes: list[int], gap: float) -> list[str]:
    """A label for each size; empty where the next larger one, ``gap`` decades away, needs the room."""
    labels, taken = [], math.inf
    for n in reversed(sizes):
        room = taken - math.log10(n) >= gap
        labels.append(f"{n:,}" if room else "")
        taken = math.log10(n) if room else taken
    return labels[::-1]


def _ranking(axes: Axes, summary: Any) -> None:
    y = np.arange(len(summary))
    error = summary["kendall_tau_sem"].fillna(0)
    axes.errorbar(summary["kendall_tau"], y, xerr=error, fmt="o", color=COLORS[0], ms=5, capsize=2.5, lw=1.2)
    axes.set_yticks(y, [cut(name) for name in summary["label"]])
    axes.set_xlabel(f"Kendall tau-b with {summary['train_size'].iloc[0]:,} training architectures")
    axes.set_ylim(-0.7, len(summary) - 0.3)
