"""Tables and sentences of the screen: columns without lines, and no blanks at the end of a line.

Not imported before a table is printed, because it imports rich.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

__all__ = ["Grid", "say"]


class Grid(Table):
    """A table whose columns stand two blanks apart; what is piped to a file has no blanks at the end of its lines.

    Args:
        **options: of rich's ``Table``.

    Examples:
        >>> grid = Grid(show_header=False)
        >>> grid.add_row("params", "1,024")
        >>> grid.add_row("flops", "")
        >>> console = Console(width=40)
        >>> with console.capture() as shown:
        ...     console.print(grid)
        >>> shown.get().splitlines()
        ['params  1,024', 'flops']
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0), **options)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in Segment.split_lines(super().__rich_console__(console, options)):  # type: ignore[arg-type]
            yield from _unpadded(line)
            yield Segment.line()


def say(console: Console, sentence: str | Text, style: str = "") -> None:
    """Print prose in lines that fit: no word is broken, and no line ends in a blank.

    Examples:
        >>> console = Console(width=12)
        >>> with console.capture() as shown:
        ...     say(console, "one two three four ./a/path/that/is/long")
        >>> shown.get().splitlines()
        ['one two', 'three four', './a/path/that/is/long']
    """
    text = sentence if isinstance(sentence, Text) else Text(sentence, style=style)
    wrap = textwrap.TextWrapper(
        console.width, break_long_words=False, break_on_hyphens=False, replace_whitespace=False, expand_tabs=False
    )
    end = 0
    for line in wrap.wrap(text.plain):
        start = text.plain.index(line, end)
        end = start + len(line)
        console.print(text[start:end], soft_wrap=True)


def _unpadded(line: list[Segment]) -> Iterator[Segment]:
    """A line without the blanks at its end."""
    rest = list(line)
    while rest and not rest[-1].control:
        last = rest.pop()
        text = last.text.rstrip()
        if text:
            rest.append(Segment(text, last.style))
            break
    yield from rest
