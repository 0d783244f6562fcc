"""Tables as people, Excel, numpy and pandas write them."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest

from archcast.errors import InvalidFileError
from archcast.spaces._frames import columns_of, read_columns

DEPTH, ACC = [1, 2, 3, 4], [0.5, 0.25, 0.75, 1.5]
FRAME = pd.DataFrame({"depth": DEPTH, "acc": ACC})
LINES = FRAME.to_csv(index=False)


def _saved(delimiter: str) -> str:
    file = io.StringIO()
    np.savetxt(file, FRAME.to_numpy(), delimiter=delimiter, header=f"depth{delimiter}acc")
    return file.getvalue()


WRITTEN = {
    "comments above": "# made by a tool\n# 2026\n" + LINES,
    "a header in a comment, of numpy": _saved(","),
    "the same with blanks": _saved(" "),
    "comments above blanks": "# depth and\n# two words\n" + FRAME.to_string(index=False) + "\n",
    "Excel's line": "sep=;\r\n" + FRAME.to_csv(index=False, sep=";", decimal=",").replace("\n", "\r\n"),
    "bars": FRAME.to_csv(index=False, sep="|"),
    "Markdown": "| depth | acc |\n|---|:--:|\n" + "".join(f"| {d} | {a} |\n" for d, a in zip(DEPTH, ACC)),
    "columns aligned by blanks": FRAME.to_string(index=False) + "\n",
    "the header twice": LINES + LINES.partition("\n")[0] + "\n",
    "old lines": LINES.replace("\n", "\r"),
    "columns in JSON": json.dumps({"depth": DEPTH, "acc": ACC}),
    "pandas' columns": FRAME.to_json(),
    "pandas' records": FRAME.to_json(orient="records"),
    "pandas' lines": FRAME.to_json(orient="records", lines=True),
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_one_table_written_in_many_ways(kind, tmp_path):
    (tmp_path / "t.csv").write_text(WRITTEN[kind], newline="")
    columns = read_columns(tmp_path / "t.csv")
    assert list(columns) == ["depth", "acc"]
    np.testing.assert_allclose([columns["depth"], columns["acc"]], [DEPTH, ACC])


@pytest.mark.parametrize(
    ("separator", "texts", "numbers"),
    [
        (",", ['"11,689,512"', '"1,234.5"', "7"], [11689512, 1234.5, 7]),
        (";", ["11,689,512", "12", "7"], [11689512, 12, 7]),
        (";", ["1.234,5", "0,5", "-7"], [1234.5, 0.5, -7]),
        (",", ["1'234", "56", "1'234'567.5"], [1234, 56, 1234567.5]),
        (",", ["1 234", "1\u00a0234", "3"], [1234, 1234, 3]),
        (",", ["\u22121.5", "2", "-3"], [-1.5, 2, -3]),
        (",", ["#DIV/0!", "-", "1.#QNAN", "2", "<NA>", "n.d."], [None, None, None, 2, None, None]),
        (",", ["93.1 %", "93%", "7 %"], [93.1, 93, 7]),
        (",", ["1e400", "2", "3"], [np.inf, 2, 3]),
        (",", ["12,34", "1", "2"], None),
        (",", ["1_0", "1", "2"], None),
        (",", ["0x1f", "1", "2"], None),
        (",", ["1,2345", "1", "2"], None),
        (",", ["0,500", "0,912", "0,871"], None),  # halves, not hundreds: no group of digits begins with 0
        (",", ["1 2 3", "1", "2"], None),
    ],
)
def test_numbers_as_people_write_them(separator, texts, numbers, tmp_path):
    quoted = [f'"{text}"' if "," in text and separator == "," and '"' not in text else text for text in texts]
    (tmp_path / "t.csv").write_text("".join(f"{cell}{separator}x\n" for cell in ["a", *quoted]))
    found = read_columns(tmp_path / "t.csv")["a"]
    assert found == (numbers if numbers is not None else [text.strip('"') for text in texts])


def test_a_row_of_markdown_that_tells_nothing_is_no_rule(tmp_path):
    (tmp_path / "t.md").write_text("| a | b |\n|-|:-:|\n| 1 | 2 |\n| - | - |\n| 3 | - |\n")
    assert read_columns(tmp_path / "t.md") == {"a": [1, None, 3], "b": [2, None, None]}


class Text(str):
    """A text whose methods fail."""

    lower = split = strip = lambda self, *_: 1 / 0


def test_a_text_whose_methods_fail_is_a_text():
    (values,) = columns_of({"a": [Text("x"), Text("y")]}).values()
    assert values == ["x", "y"]
    assert {type(value) for value in values} == {str}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.csv", "404: Not Found", "has a header but no rows; the header is '404: Not Found'"),
        ("t.csv", 'a,b\n1,"2\n3,4\n', "is no table: the row of line 2: a quote in it is not closed"),
        ("t.csv", "a,b\n1;2\n", "line 2: 1 field, the header has 2 .commas separate them"),
        ("t.csv", "# about\n\na;b\n1;2;3\n", "line 4: 3 fields, the header has 2 .semicolons separate them"),
        ("t.csv", json.dumps({"nbformat": 4, "cells": []}), "is a notebook"),
        ("t.jsonl", '{"a": 1}\n\n{"a": 2\n', "line 3, is not JSON"),
        ("t.json", "[1, 2", "is not JSON"),
        ("t.csv", "\n \n# nothing\n", "is empty"),
    ],
)
def test_what_is_no_table_is_named(name, text, says, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidFileError, match=says):
        read_columns(tmp_path / name)
