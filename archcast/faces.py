"""The HTML face of an object in a notebook: a title, a table, notes.

It has no style of its own, so that a notebook's is used, and scrolls sideways where it is wider than the page.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["MOST_ROWS", "face", "number"]

MOST_ROWS = 60
"""Rows that are shown; of more, the first."""


def face(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], notes: Iterable[str] = ()) -> str:
    """A title, a table and notes as HTML, every text escaped.

    Args:
        title: a line in bold; none if it is empty.
        columns: headings.
        rows: a cell for each heading; numbers are shown with four digits.
        notes: a line each, below the table; empty ones are left out.

    Examples:
        >>> face("One", ["a"], [["x < y"]]).count("x &lt; y")
        1
    """
    lines = list(rows)
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(number(cell))}</td>" for cell in line) + "</tr>"
        for line in lines[:MOST_ROWS]
    )
    if len(lines) > MOST_ROWS:
        notes = (f"and {len(lines) - MOST_ROWS:,} more", *notes)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if lines else ""
    below = "".join(f"<p><small>{html.escape(note)}</small></p>" for note in notes if note)
    above = f"<p><strong>{html.escape(title)}</strong></p>" if title else ""
    return f'<div style="overflow-x:auto">{above}{table}{below}</div>'


def number(value: Any) -> str:
    """A cell as text.

    Examples:
        >>> number(0.123456), number(12345678), number(float("nan")), number("text")
        ('0.1235', '12,345,678', '–', 'text')
    """
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
