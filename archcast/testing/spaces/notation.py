"""Checks of the notation: texts to rows and back."""

from __future__ import annotations

from archcast.errors import InvalidInputError, short
from archcast.spaces.base import SearchSpace
from archcast.testing._assertions import expect_error, require, require_equal
from archcast.testing.spaces._material import rows_of


def check_notation(space: SearchSpace) -> None:
    rows = rows_of(space)
    texts = space.format(rows)
    require(
        len(texts) == len(rows) and all(isinstance(t, str) and "\n" not in t for t in texts), "format: one line each"
    )
    require(len(set(texts)) == len({tuple(row) for row in rows.tolist()}), "different rows have the same text")
    require_equal(space.parse(texts), rows, "parse(format(rows)) is not rows")
    require_equal(space.parse(texts[0]), rows[:1], "one text must give one row")
    require_equal(space.parse([f" {texts[0]}\n"]), rows[:1], "space around a text must not matter")
    require(space.format(space.parse(texts)) == texts, "format(parse(texts)) is not texts")


def check_malformed_text(space: SearchSpace) -> None:
    text = space.format(rows_of(space, 1))[0]
    for bad in ("", "nonsense", text[:-1], text[1:], text + text, text + "é", text.swapcase() + "x"):
        with expect_error(InvalidInputError, f"the text {bad!r}", short(bad, 240)):
            space.parse([text, bad])
