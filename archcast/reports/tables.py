"""Tables that a reader can sort: a click on a heading puts the rows in its order, without a script.

Every row knows its place in the order of each column. Hidden radio buttons before the table say which order is shown, the headings
are their labels, and the style sheet of :mod:`archcast.reports.pages` does the rest. Where a browser does not know how, the table
stays as it was written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from archcast.reports.pages import text

__all__ = ["MOST_COLUMNS", "Column", "sortable"]

MOST_COLUMNS = 24
"""Columns that can be sorted by; the style sheet has a rule for each."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        cells: HTML, one for each row.
        keys: what the rows are sorted by, ``None`` where they are not sorted by this column; NaN comes last.
        falling: whether the largest comes first.
        best: whether the first in this order is marked.
    """

    title: str
    cells: Sequence[str]
    keys: Sequence[float | str] | None = None
    falling: bool = False
    best: bool = False


def sortable(columns: Sequence[Column], name: str) -> str:
    """A table as HTML.

    Args:
        columns: all with equally many cells.
        name: of the table, different for every table of a page.

    Examples:
        >>> html = sortable([Column("who", ["a", "b"], ["a", "b"]), Column("tau", [".1", ".2"], [0.1, 0.2], falling=True)], "t")
        >>> 'style="--k0:0;--k1:1"' in html
        True
    """
    rows = range(len(columns[0].cells))
    places = {j: _places(column) for j, column in enumerate(columns[:MOST_COLUMNS]) if column.keys is not None}
    buttons = "".join(
        f'<input type="radio" name="{name}" id="{name}-{j}" class="s{j}" aria-label="sort by {text(columns[j].title)}"/>'
        for j in places
    )
    head = "".join(
        f'<th><label for="{name}-{j}">{text(column.title)}</label></th>'
        if j in places
        else f"<th>{text(column.title)}</th>"
        for j, column in enumerate(columns)
    )
    tops = {j: _top(column) for j, column in enumerate(columns) if column.best and column.keys is not None}
    body = []
    for i in rows:
        order = ";".join(f"--k{j}:{place[i]}" for j, place in places.items())
        cells = "".join(f"<td{_mark(i in tops.get(j, ()))}>{column.cells[i]}</td>" for j, column in enumerate(columns))
        body.append(f'<tr style="{order}">{cells}</tr>')
    return (
        f'<div class="sorted">{buttons}<div class="scroll"><table style="--columns:{len(columns)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div></div>"
    )


def _mark(best: bool) -> str:
    return ' class="best"' if best else ""


def _places(column: Column) -> list[int]:
    """Place of each row in the order of a column."""
    keys = column.keys or ()
    known = [i for i, key in enumerate(keys) if not (isinstance(key, float) and math.isnan(key))]
    order = sorted(known, key=lambda i: keys[i], reverse=column.falling)
    order += [i for i in range(len(keys)) if i not in set(known)]
    places = [0] * len(keys)
    for place, i in enumerate(order):
        places[i] = place
    return places


def _top(column: Column) -> set[int]:
    """Rows that no other comes before."""
    known = [key for key in column.keys or () if not (isinstance(key, float) and math.isnan(key))]
    if not known:
        return set()
    top = (max if column.falling else min)(known)
    return {i for i, key in enumerate(column.keys or ()) if key == top}
