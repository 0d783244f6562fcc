"""NAS-Bench-1Shot1: sub-spaces of NAS-Bench-101, counted against published numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import archcast
from archcast.data.published.nasbench_1shot1 import cells
from archcast.errors import InvalidFileError
from archcast.spaces.nasbench101 import EDGES

SPACE = archcast.get_space("nasbench101")


@pytest.mark.parametrize(("task", "count"), [("1", 2_685), ("2", 7_773)])
def test_cells_up_to_isomorphism(task, count) -> None:
    assert len(cells(task)) == count
    assert (SPACE.canonical(cells(task)[:50]) == cells(task)[:50]).all()


def test_the_largest_sub_space_holds_every_choice_of_parents_and_operations(rng) -> None:
    """Drawn edge by edge: nodes with 1, 1, 1, 2, 2 parents, an output with 2."""
    known = set(map(bytes, cells("3")))
    for _ in range(200):
        row = np.zeros(26, dtype=np.int64)
        for end, count in enumerate((1, 1, 1, 2, 2, 2), 1):
            for start in rng.choice(end, count, replace=False):
                row[EDGES.index((start, end))] = 1
        row[21:] = rng.integers(3, size=5)
        if SPACE.is_valid(row[None])[0]:
            assert bytes(SPACE.canonical(row)[0]) in known


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
