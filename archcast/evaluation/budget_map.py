"""The map of budgets: which predictor is best for which seconds of init and of a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from archcast.evaluation.budgets import Budgets
from archcast.reports.figures import GREY, INKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_map"]

HATCHES = ("", "///", "...", "xxx", "|||", "---", "ooo", "++")
"""Of those that are left when every colour is taken: they are grey."""


def draw_map(budgets: Budgets, width: float = 8.0, height: float = 4.8) -> Figure:
    """Draw the map: a colour for each predictor that is best somewhere, on axes of seconds.

    Args:
        budgets: what to draw.
        width, height: inches.
    """
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    if not budgets.front:
        axes.text(0.5, 0.5, "no option has a rank correlation and known times", ha="center", transform=axes.transAxes)
        return figure
    names = [str(option["predictor"]) for option in budgets.front]
    winners = [names[i] for i in budgets.best.ravel().tolist() if i >= 0]
    shown = sorted(set(winners), key=lambda name: (-winners.count(name), name))
    looks: dict[str, dict[str, Any]] = {
        name: {
            "facecolor": to_rgba(INKS[i] if i < len(INKS) else GREY, 0.75),
            "edgecolor": "white",
            "hatch": "" if i < len(INKS) else HATCHES[(i - len(INKS)) % len(HATCHES)],
        }
        for i, name in enumerate(shown)
    }
    x, y = (np.append(steps, steps[-1] * 2) for steps in (budgets.init_seconds, budgets.query_seconds))
    for q, row in enumerate(budgets.best.tolist()):
        start = 0
        for i in range(1, len(row) + 1):  # one rectangle for each run of one predictor
            if i == len(row) or _name(names, row[i]) != _name(names, row[start]):
                if row[start] >= 0:
                    look = looks[names[row[start]]] | {"linewidth": 0}
                    axes.add_patch(Rectangle((x[start], y[q]), x[i] - x[start], y[q + 1] - y[q], **look))
                start = i
    axes.set(xscale="log", yscale="log", xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    axes.set_xlabel("init: seconds, trainings included")
    axes.set_ylabel("query: seconds an architecture")
    handles = [Patch(label=name, linewidth=0, **look) for name, look in looks.items()]
    columns = max(1, min(len(handles), int(width // 2)))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5)
    return figure


def _name(names: Sequence[str], number: int) -> str | None:
    return names[number] if number >= 0 else None
