"""What the figures of benchmarks and searches share: colours, line styles, labels that keep apart, files."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError, short
from archcast.files import ordinary, write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLORS", "GREY", "INKS", "MARKERS", "STYLES", "TIP", "any_letters", "cut", "save", "spread", "tip"]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A6FF0", "#8C8C8C")
"""Okabe and Ito's colours for all kinds of colour vision, less those that vanish on white or on black."""
INKS = COLORS[:-1]
"""The colours without grey: as many things can be told apart in one panel."""
GREY = "#B8BCC2"
"""Of what is there for comparison."""
TIP = "tip:"
"""Begins the name of whatever says something in a page."""
STYLES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)))
MARKERS = ("o", "s", "^")


def spread(
    values: NDArray[np.float64], gap: float, low: float = -math.inf, high: float = math.inf
) -> NDArray[np.float64]:
    """The places nearest to ``values`` (least squares, same order) that lie at least ``gap`` apart, from ``low`` to ``high`` where
    so many fit.

    With ``z_i = y_i - i gap`` in increasing order that is isotonic regression, within bounds.
    """
    from sklearn.isotonic import isotonic_regression

    order = np.argsort(values, kind="stable")
    steps = gap * np.arange(len(values))
    highest = high - gap * (len(values) - 1)
    bounds = {"y_min": low, "y_max": highest} if low <= highest else {}
    out = np.empty(len(values))
    out[order] = isotonic_regression(values[order] - steps, **bounds) + steps
    return out


def tip(axes: Axes, x: float, y: float, said: str, color: str = "#8C8C8C") -> None:
    """Let a page say something where a pointer rests on a point: an invisible disc, larger than a marker."""
    axes.plot([x], [y], "o", ms=12, color=color, alpha=0.002, mew=0, zorder=9, gid=f"{TIP}{said}")


def cut(name: str, most: int = 28) -> str:
    """A name of at most ``most`` letters; the end of a longer one is left out.

    Examples:
        >>> cut("gp"), cut("x" * 100, 5)
        ('gp', 'xxxx…')
    """
    return name if len(name) <= most else name[: most - 1] + "…"


@contextmanager
def any_letters() -> Iterator[None]:
    """Within, letters that no font here has are drawn as boxes without a warning: names are their user's."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure whole or not at all.

    Raises:
        InvalidInputError: it is no path of a file, or its suffix is no format of figures.
    """
    path = ordinary("path", path)
    buffer, kind = io.BytesIO(), path.suffix.lstrip(".").lower() or "png"
    formats = figure.canvas.get_supported_filetypes()
    if kind not in formats:
        raise InvalidInputError(
            f"path {short(str(path))} ends in no format of figures: use one of {', '.join(formats)}."
        )
    with any_letters():
        figure.savefig(buffer, format=kind)
    write_whole(path, buffer.getvalue())
