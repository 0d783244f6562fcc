"""HTML pages: one file that loads nothing from elsewhere, readable on a phone, in light and in dark."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from archcast.reports.figures import TIP, any_letters
from archcast.reports.numbers import mean_and_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["definitions", "page", "plus_minus", "svg", "text"]

INK = "#010203"
"""Stands for the colour of text while the figure is drawn; becomes ``currentColor``."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #5d636b; --line: #d9dce0; --paper: #ffffff; --best: #e4f1ea; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ea; --soft: #a2a9b1; --line: #3a3f45; --paper: #16181b; --best: #1f3a2e; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem; max-width: 62rem; color: var(--ink); background: var(--paper);
       font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .2rem 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; } .soft { color: var(--soft); } figure { margin: 1.2rem 0; } svg { width: 100%; height: auto; }
.narrow { display: none; } @media (max-width: 40rem) { .wide { display: none; } .narrow { display: block; } }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
thead th { border-bottom-width: 2px; } td.best { background: var(--best); font-weight: 600; }
.sem { color: var(--soft); font-weight: 400; } dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { dl { display: block; } dd { margin: 0 0 .6rem; } th, td { padding: .3rem .45rem; }
  th:first-child, td:first-child { max-width: 42vw; overflow: hidden; text-overflow: ellipsis; } }
h3 { font-size: 1rem; margin: 1rem 0 .3rem; } .checks { list-style: none; margin: 0; padding: 0; }
.checks li { margin: .25rem 0 .25rem 1.6rem; text-indent: -1.6rem; }
.checks .mark { display: inline-block; width: 1.6rem; text-indent: 0; }
.tip:hover use { fill-opacity: .4 !important; }
.sorted > input { position: absolute; opacity: 0; width: 0; height: 0; margin: 0; }
.sorted th label { cursor: pointer; text-decoration: underline dotted; text-underline-offset: .25em; }
@supports (grid-template-columns: subgrid) {
  .sorted table { display: grid; grid-template-columns: repeat(var(--columns), auto); width: max-content; min-width: 100%; }
  .sorted thead, .sorted tbody { display: contents; }
  .sorted tr { display: grid; grid-template-columns: subgrid; grid-column: 1 / -1; } .sorted thead tr { order: -1 !important; }
}
"""
"""The style of every page."""

ORDERS = "\n".join(
    f".sorted > .s{j}:checked ~ .scroll tr {{ order: var(--k{j}); }} "
    f".sorted > .s{j}:checked ~ .scroll th:nth-child({j + 1}) label {{ text-decoration: underline; }} "
    f".sorted > .s{j}:focus-visible ~ .scroll th:nth-child({j + 1}) label {{ outline: 2px solid; }}"
    for j in range(24)
)
"""A rule for each column that a table can be sorted by."""


def page(title: str, body: Iterable[str]) -> str:
    """A whole HTML page from the elements of its body."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}{ORDERS}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def svg(make: Callable[[], Figure], salt: str) -> str:
    """A figure as inline SVG whose text has the colour of the page; ``salt`` differs between the figures of a page.

    What :func:`archcast.reports.figures.tip` marked says its text where a pointer rests on it.
    """
    import matplotlib as mpl

    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": salt, "font.family": "sans-serif"}
    settings |= dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK)
    buffer = io.StringIO()
    with mpl.rc_context(settings), any_letters():
        make().savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    drawn = buffer.getvalue()
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn[drawn.index("<svg") :], flags=re.DOTALL)
    drawn = re.sub(rf"""<g id=(["']){TIP}(.*?)\1>""", r'<g class="tip"><title>\2</title>', drawn)
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn)
    drawn = re.sub(r' xmlns(:xlink)?="[^"]*"', "", drawn).replace("xlink:href", "href")
    drawn = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", drawn, count=1)
    drawn = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", drawn, count=1)
    return drawn.replace(INK, "currentColor")


def definitions(items: Any) -> str:
    """A definition list of a mapping; values that are lists stand with commas between them.

    Examples:
        >>> definitions({"sizes": [10, 32]})
        '<dl><dt>sizes</dt><dd>10, 32</dd></dl>'
    """
    values = {k: ", ".join(map(str, v)) if isinstance(v, (list, tuple)) else v for k, v in items.items()}
    return "<dl>" + "".join(f"<dt>{text(k)}</dt><dd>{text(v)}</dd>" for k, v in values.items()) + "</dl>"


def text(value: Any) -> str:
    """``value`` as HTML text."""
    return html.escape(str(value))


def plus_minus(mean: float, error: float, places: int = 3) -> str:
    """A mean, and in soft ink its standard error."""
    shown, sem = mean_and_error(mean, error, places)
    return shown + (f' <span class="sem">{sem}</span>' if sem else "")
