"""What the columns of a table are."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

import archcast
from archcast.choosing import read_table
from archcast.choosing.table import rows_of
from archcast.errors import DataNotFoundError, InvalidInputError


def test_roles(rows):
    table = read_table(rows)
    roles = table.roles
    assert roles.score == "val_acc"
    assert not roles.falls
    assert roles.decisions == ("width1", "width2", "width3", "depth", "act", "lr")
    assert roles.costs == ("params",)
    assert list(roles.curves) == ["train_acc"]
    assert roles.epochs == 2
    assert table.evidence.curves["train_acc"].shape == (90, 2)
    assert table.scores.tolist() == [row["val_acc"] for row in rows]
    said = "\n".join(table.notes)
    for part in (
        "val_acc, chosen by its name",
        "test_acc: it looks like another result",
        "train_seconds: it is known only",
        "id: ",
    ):
        assert part in said
    assert read_table(rows, epochs=5).evidence.curves["train_acc"].shape == (90, 5)
    with pytest.raises(InvalidInputError, match="epochs is 11: the curves of the table have 10 epochs"):
        read_table(rows, epochs=11)


def test_a_frame_is_a_table(plain):
    assert read_table(pd.DataFrame(plain)).roles == read_table(plain).roles


@pytest.mark.parametrize(
    ("score", "better", "falls"),
    [
        ("val_loss", None, True),
        ("error", None, True),
        ("perplexity", None, True),
        ("thing", "lower", True),
        ("thing", None, False),
    ],
)
def test_direction(score, better, falls):
    rng = np.random.default_rng(0)
    values = rng.random(20)
    table = read_table({"width": rng.integers(1, 9, 20), score: values}, score=score, better=better)
    assert table.roles.falls is falls
    np.testing.assert_allclose(table.scores, -values if falls else values)


def test_published_notation():
    space = archcast.get_space("nasbench201")
    archs = space.sample(20, 0)
    table = read_table(
        {"arch": space.format(archs), "accuracy": (archs == 3).sum(axis=1) + np.arange(20) / 100}, space="nasbench201"
    )
    np.testing.assert_array_equal(table.archs, archs)
    other = read_table({"cell": space.format(archs), "accuracy": np.arange(20) / 100}, space="nasbench201")
    assert other.roles.decisions == ("cell",)
    np.testing.assert_array_equal(other.archs, archs)
    by_column = {name: archs[:, j] for j, name in enumerate(space.columns)} | {"score": np.arange(20.0)}
    np.testing.assert_array_equal(read_table(by_column, space="nasbench201").archs, archs)
    with pytest.raises(
        InvalidInputError, match="has no column with architectures of space 'nasbench201' in its notation"
    ):
        read_table({"a": [1, 2] * 5, "score": range(10)}, space="nasbench201")


def test_a_space_in_a_file(tmp_path):
    space = archcast.Choices(width=[8, 16, 32, 64])
    (tmp_path / "space.json").write_text(space.to_json())
    table = read_table({"width": [8, 16, 32] * 4, "score": range(12)}, space=str(tmp_path / "space.json"))
    assert table.space == space
    with pytest.raises(DataNotFoundError, match="No file"):
        read_table({"width": [8] * 9, "score": range(9)}, space=str(tmp_path / "none.json"))


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


def test_candidates_that_cannot_be_read_are_told_apart(plain, candidates):
    table = read_table(plain)
    columns = {name: [row[name] for row in candidates] for name in candidates[0]}
    columns["act"][3] = "swish"
    rows, problems = rows_of(table.space, columns, table.roles)
    assert [i for i, problem in enumerate(problems) if problem] == [3]
    assert "act: 'swish' is none of its values" in problems[3]
    assert table.space.validate(rows) is not None


def test_columns_of_other_tools_and_ways_to_write_numbers(tmp_path):
    """Optuna calls decisions params_NAME, which are no counts of parameters; percentages and decimal commas are numbers."""
    rows = [
        (w, d, 0.5 + w / 1000 + d / 50 + i / 1e4) for i, (w, d) in enumerate([(16, 1), (32, 2), (64, 3), (16, 4)] * 6)
    ]
    optuna = {"number": range(24), "value": [s for *_, s in rows], "params_depth": [d for _, d, _ in rows]}
    optuna |= {"params_width": [w for w, *_ in rows], "params_lr": [0.001 * (i + 1) for i in range(24)]}
    table = read_table({name: list(values) for name, values in optuna.items()})
    assert table.roles.decisions == ("params_depth", "params_width", "params_lr")
    assert table.roles.costs == ()
    counted = {"width": [w for w, *_ in rows], "params_M": [w * d + i / 9 for i, (w, d, _) in enumerate(rows)]}
    assert read_table(counted | {"score": optuna["value"]}).roles.costs == ("params_M",)
    path = tmp_path / "table.csv"
    text = "".join(f"{w};{d};{str(d / 10).replace('.', ',')};{100 * s:.2f} %\n".replace(".", ",") for w, d, s in rows)
    path.write_text("width;depth;rate;accuracy\n" + text)
    table = read_table(path)
    assert table.roles.score == "accuracy"
    np.testing.assert_allclose(table.scores, [round(100 * s, 2) for *_, s in rows])
    assert table.space.decisions["rate"].values == (0.1, 0.2, 0.3, 0.4)


def test_values_that_are_there_once_are_no_condition():
    """A learning rate of its own in each row separates the rows of any column; two depths that repeat say something."""
    lr, width = [0.001 * (i + 1) for i in range(24)], [None if i % 9 == 0 else 16 * (1 + i % 3) for i in range(24)]
    space = read_table({"lr": lr, "width": width, "score": [i / 7 for i in range(24)]}).space
    assert space.conditions == ()
    depth = [1 if w is None else 2 + i % 2 for i, w in enumerate(width)]
    space = read_table({"depth": depth, "width": width, "score": [i / 7 for i in range(24)]}).space
    assert [(c.column, c.parent) for c in space.conditions] == [("width", "depth")]


def test_a_loss_that_is_infinite_was_not_measured():
    rows = [
        {"lr": 0.1 * (i % 5), "width": i % 3, "val_loss": float("inf") if i % 4 == 0 else i / 10} for i in range(24)
    ]
    table = read_table(rows)
    assert len(table) == 18
    assert "6 of 24 rows have no val_loss and are left out" in table.notes


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


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([0.5] * 8, "it holds 1 different number, where at least three are needed"),
        ([0.5, 0.6, "?"] * 3, "it holds '?', which"),
    ],
)
def test_why_a_column_is_no_score_is_said(values, why):
    with pytest.raises(InvalidInputError, match=re.escape(f"column 'val_acc' is called like a score, but {why}")):
        read_table([{"width": i % 3, "val_acc": value} for i, value in enumerate(values)])
