"""What the columns of a table are."""

from __future__ import annotations

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
