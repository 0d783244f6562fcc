"""Tables with scores, ready to learn from."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from archcast.choosing import read_table
from archcast.errors import InvalidInputError


def test_a_frame_is_a_table(plain):
    assert read_table(pd.DataFrame(plain)).roles == read_table(plain).roles


def test_rows_without_a_score_are_left_out(plain):
    gaps = [{**row, "val_acc": None} if i < 10 else row for i, row in enumerate(plain)]
    table = read_table(gaps)
    assert len(table) == 80
    assert any("10 of 90 rows have no val_acc" in note for note in table.notes)


@pytest.mark.parametrize(
    ("frame", "arguments", "says"),
    [
        ({"a": [1, 2] * 5, "b": ["x", "y"] * 5}, {}, "no column's name says that it is the score"),
        ({"a": [1, 2] * 5, "score": [1.0] * 10}, {}, "is 1 in every row"),
        ({"a": [1, 2] * 5, "score": range(10)}, {"score": "scroe"}, "has no column 'scroe'. Did you mean 'score'"),
        ({"a": [1, 2], "score": [1, 2]}, {}, "2 rows have a number in column 'score', at least 6 are needed"),
        (
            {"a": [1, 2] * 5, "score": ["x"] * 10},
            {"score": "score"},
            "row 1: 'score' is 'x', which is not a finite number",
        ),
        ({"score": range(10)}, {}, "has no column that describes an architecture"),
        ({}, {}, "has no rows"),
        ({"a": [1, 2] * 5, "score": range(10)}, {"better": "up"}, "better must be 'higher' or 'lower'"),
    ],
)
def test_errors(frame, arguments, says):
    with pytest.raises(InvalidInputError, match=says):
        read_table(frame, **arguments)


def test_values_that_are_there_once_are_no_condition():
    """A learning rate of its own in each row separates the rows of any column; two depths that repeat say something."""
    lr, width = [0.001 * (i + 1) for i in range(24)], [None if i % 9 == 0 else 16 * (1 + i % 3) for i in range(24)]
    space = read_table({"lr": lr, "width": width, "score": [i / 7 for i in range(24)]}).space
    assert space.conditions == ()
    depth = [1 if w is None else 2 + i % 2 for i, w in enumerate(width)]
    space = read_table({"depth": depth, "width": width, "score": [i / 7 for i in range(24)]}).space
    assert [(c.column, c.parent) for c in space.conditions] == [("width", "depth")]


def test_records_within_records_are_columns(tmp_path):
    rows = [
        {"config": {"width": w, "optim": {"lr": lr, "name": "adam"}}, "val_acc": w * lr}
        for w in (1, 2, 3)
        for lr in (0.1, 0.2)
    ]
    path = tmp_path / "runs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    for frame in (rows, path):
        table = read_table(frame)
        assert table.roles.decisions == ("config.width", "config.optim.lr", "config.optim.name")
        assert any("from config.optim.name: one value in every row" in note for note in table.notes)
    with pytest.raises(InvalidInputError, match=r"two values called 'a.b' in one record"):
        read_table([{"a": {"b": 1}, "a.b": 2, "val_acc": 1}] * 6)


def test_units_are_read_and_said(plain):
    rows = [{**row, "width1": f"{row['width1']}px", "val_acc": f"{1000 * row['val_acc']:.0f} ms"} for row in plain]
    table = read_table(rows, score="val_acc", better="higher")
    same = read_table([{**row, "val_acc": float(f"{1000 * row['val_acc']:.0f}")} for row in plain], better="higher")
    np.testing.assert_array_equal(table.scores, same.scores)
    np.testing.assert_array_equal(table.archs, same.archs)
    assert any(note.startswith("val_acc: '") and note.endswith(" ms") for note in table.notes)
    assert any(f"'{plain[0]['width1']}px' is read as {plain[0]['width1']}" in note for note in table.notes)
