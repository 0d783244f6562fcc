"""Rows of a table in a space that is given."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.choosing import read_table
from archcast.choosing.table import rows_of
from archcast.errors import DataNotFoundError, InvalidInputError


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


def test_candidates_that_cannot_be_read_are_told_apart(plain, candidates):
    table = read_table(plain)
    columns = {name: [row[name] for row in candidates] for name in candidates[0]}
    columns["act"][3] = "swish"
    rows, problems = rows_of(table.space, columns, table.roles)
    assert [i for i, problem in enumerate(problems) if problem] == [3]
    assert "act: 'swish' is none of its values" in problems[3]
    assert table.space.validate(rows) is not None
