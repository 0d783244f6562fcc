"""HTML pages: one file that loads nothing from elsewhere, readable on a phone, in light and in dark."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

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
"""


def page(title: str, body: Iterable[str]) -> str:
    """A whole HTML page from the elements of its body."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def svg(make: Callable[[], Figure], salt: str) -> str:
    """A figure as inline SVG whose text has the colour of the page; ``salt`` differs between the figures of a page."""
    import matplotlib as mpl

    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": salt, "font.family": "sans-serif"}
    settings |= dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK)
    buffer = io.StringIO()
    with mpl.rc_context(settings):
        make().savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    drawn = buffer.getvalue()
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn[drawn.index("<svg") :], flags=re.DOTALL)
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn)
    drawn = re.sub(r' xmlns(:xlink)?="[^"]*"', "", drawn).replace("xlink:href", "href")
    drawn = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", drawn, count=1)
    drawn = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", drawn, count=1)
    return drawn.replace(INK, "currentColor")


def definitions(items: Any) -> str:
    """A definition list of a mapping."""
    return "<dl>" + "".join(f"<dt>{text(k)}</dt><dd>{text(v)}</dd>" for k, v in items.items()) + "</dl>"


def text(value: Any) -> str:
    """``value`` as HTML text."""
    return html.escape(str(value))


def plus_minus(mean: float, error: float) -> str:
    """A mean, and in soft ink its standard error."""
    shown, sem = mean_and_error(mean, error)
    return shown + (f' <span class="sem">{sem}</span>' if sem else "")
