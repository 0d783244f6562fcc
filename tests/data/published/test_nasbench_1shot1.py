"""NAS-Bench-1Shot1: sub-spaces of NAS-Bench-101, counted against published numbers."""

from __future__ import annotations

import pandas as pd
import pytest

import archcast
from archcast.data.published.nasbench_1shot1 import cells
from archcast.errors import InvalidFileError

SPACE = archcast.get_space("nasbench101")


@pytest.mark.parametrize(("task", "count"), [("1", 2_685), ("2", 7_773)])
def test_cells_up_to_isomorphism(task, count) -> None:
    assert len(cells(task)) == count
    assert (SPACE.canonical(cells(task)[:50]) == cells(task)[:50]).all()


def test_cells_of_the_sub_space_are_kept(tmp_path) -> None:
    inside = SPACE.format(cells("1")[[0, 100, 2_000]])
    # five parents of the output: no sub-space has that
    outside = "0111111;0000001;0000001;0000001;0000001;0000000;0000000|input," + "maxpool3x3," * 5 + "output"
    texts = [*inside, outside]
    columns = {"adjacency": [text.split("|")[0] for text in texts], "ops": list(map(_digits, texts))}
    table = pd.DataFrame({**columns, "val_acc": [1.0, 2.0, 3.0, 4.0]})
    table.to_csv(tmp_path / "nb101.csv.gz", index=False)
    benchmark = archcast.load_benchmark("nasbench-1shot1/1", path=tmp_path)
    assert benchmark.scores().tolist() == [1, 2, 3]
    assert benchmark.left_out == "1 cells of other spaces"
    table.iloc[3:].to_csv(tmp_path / "nb101.csv.gz", index=False)
    with pytest.raises(InvalidFileError, match="holds no cell of sub-space 1"):
        archcast.load_benchmark("nasbench-1shot1/1", tmp_path)


def _digits(text: str) -> str:
    names = {"input": "0", "output": "1", "maxpool3x3": "2", "conv1x1-bn-relu": "3", "conv3x3-bn-relu": "4"}
    return "".join(names[name] for name in text.split("|")[1].split(","))
