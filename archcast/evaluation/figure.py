"""The figure of a benchmark run: Kendall tau against train size.

Up to seven predictors share one panel. More of them get a panel for each family: its predictors in colour, all others in grey
behind them. No colour stands for two predictors of a panel; of a family with more than seven, the best seven have a colour and a
name.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from archcast.evaluation.measurements import Measurements
from archcast.predictors.base import PREDICTORS
from archcast.proxies.base import PROXIES
from archcast.reports.figures import COLORS, GREY, INKS, cut, tip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "family_of"]

OTHERS, UNTRAINED = "others", "zero-cost proxies"


def family_of(label: str) -> str:
    """The family of the predictor or proxy that a label names; ``"others"`` for one that is not registered under it."""
    name = label.partition(" @")[0].partition(":")[0]
    if name in PROXIES:
        return UNTRAINED
    if name not in PREDICTORS:
        return OTHERS
    family = PREDICTORS.index[name].split(".")[-2].replace("_", "-")  # the folder is the family
    return UNTRAINED if family in UNTRAINED else family


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
    sizes = sorted(set(summary["train_size"]))
    if len(sizes) < 2:
        figure = Figure(figsize=(width, height or max(3.2, 1.1 + 0.22 * len(names))), dpi=150, layout="constrained")
        axes = _panel(figure.add_subplot())
        if names:
            _ranking(axes, summary.sort_values("kendall_tau"))
        else:
            axes.text(0.5, 0.5, "no trial gave a rank correlation", ha="center", transform=axes.transAxes)
        return figure
    rows = {name: summary[summary["label"] == name].sort_values("train_size") for name in names}
    groups = _groups(rows)
    columns = min(len(groups), 1 if width < 6 else 2 if width < 9 else 3)
    lines = math.ceil(len(groups) / columns)
    tall = 4.2 if len(groups) == 1 else 0.6 + 2.9 * lines
    figure = Figure(figsize=(width, tall if len(groups) > 1 else height or tall), dpi=150, layout="constrained")
    panels = list(np.ravel(figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)))
    for extra in panels[len(groups) :]:
        extra.remove()
    for i, (panel, (title, group)) in enumerate(zip(panels, groups.items())):
        _lines(_panel(panel), rows, group, sizes, 0.7 * width / columns)
        panel.tick_params(labelbottom=True)
        if title:
            panel.set_title(title, fontsize=9.5, loc="left")
        if i % columns == 0:
            panel.set_ylabel("Kendall tau-b")
        if i + columns >= len(groups):
            panel.set_xlabel("training architectures")
    return figure


def _panel(axes: Axes) -> Axes:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    return axes


def _groups(rows: dict[str, Any]) -> dict[str, list[str]]:
    """Title -> names in a panel, the best first: all in one if they are few, else a panel for each family, the best first."""
    last = {name: float(row["kendall_tau"].iloc[-1]) for name, row in rows.items()}
    best = sorted(rows, key=lambda name: -last[name])
    if len(best) <= len(INKS):
        return {"": best}
    families: dict[str, list[str]] = {}
    for name in best:
        families.setdefault(family_of(name), []).append(name)
    return families if len(families) > 1 else {"": best}


def _lines(axes: Axes, rows: dict[str, Any], group: list[str], sizes: list[int], inches: float) -> None:
    """The group in colour with a legend, best first; all others in grey. The axis is about so many inches wide."""
    named = group[: len(INKS)]
    for name, row in rows.items():
        if name not in named:
            own = name in group
            axes.plot(
                row["train_size"], row["kendall_tau"], color=GREY, lw=1.0 if own else 0.6, alpha=0.9 if own else 0.5
            )
            if own:
                _tips(axes, name, row, GREY)
    for i, (name, color) in enumerate(zip(named, INKS)):
        row = rows[name]
        x, tau = row["train_size"].to_numpy(), row["kendall_tau"].to_numpy()
        error = row["kendall_tau_sem"].fillna(0).to_numpy()
        axes.plot(x, tau, color=color, marker="o", ms=3.5, lw=1.6, label=cut(name), zorder=3 - 0.05 * i)
        axes.fill_between(x, tau - error, tau + error, color=color, alpha=0.12, lw=0)
    for name, color in zip(named, INKS):  # above all lines, so that every point can be pointed at
        _tips(axes, name, rows[name], color)
    rest = f"{len(group) - len(named)} more in grey" if len(group) > len(named) else None
    axes.legend(
        fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.02), title=rest,
        title_fontsize=7.5, handlelength=1.2, borderaxespad=0.2,
    )  # fmt: skip
    axes.set_xscale("log")
    span = max(math.log10(sizes[-1] / sizes[0]), 1e-9)
    axes.set_xticks(sizes, _spaced(sizes, 0.42 * span / inches), minor=False)
    axes.set_xticks([], minor=True)


def _tips(axes: Axes, name: str, row: Any, color: str) -> None:
    for n, tau, sem in zip(row["train_size"], row["kendall_tau"], row["kendall_tau_sem"]):
        error = "" if math.isnan(sem) else f" ± {sem:.3f}"
        tip(axes, float(n), float(tau), f"{name}: tau {tau:.3f}{error} with n = {n:,}", color)


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
    for place, (name, tau, sem) in enumerate(zip(summary["label"], summary["kendall_tau"], summary["kendall_tau_sem"])):
        tip(axes, tau, place, f"{name}: tau {tau:.3f}" + ("" if math.isnan(sem) else f" ± {sem:.3f}"), COLORS[0])
    axes.set_yticks(y, [cut(name) for name in summary["label"]])
    axes.set_xlabel(f"Kendall tau-b with {summary['train_size'].iloc[0]:,} training architectures")
    axes.set_ylim(-0.7, len(summary) - 0.3)
