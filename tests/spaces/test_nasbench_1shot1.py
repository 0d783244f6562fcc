"""NAS-Bench-1Shot1: counts of the paper and of its cells, parents, notation."""

from __future__ import annotations

import json

import numpy as np
import pytest

from archcast.data.published.nasbench_1shot1 import cells
from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.nasbench101 import EDGES

WHOLE = get_space("nasbench101")


def space_of(number):
    return get_space(f"nasbench-1shot1-{number}")


@pytest.mark.parametrize(("number", "rows", "classes"), [(1, 14_580, 2_685), (2, 29_160, 7_773)])
def test_rows_and_cells(number, rows, classes):
    space = space_of(number)
    every = space.enumerate()
    assert len(every) == rows
    mapped = WHOLE.canonical(space.cells(every))
    np.testing.assert_array_equal(np.unique(mapped, axis=0), np.unique(cells(str(number)), axis=0))
    canonical = space.canonical(every)
    assert len(np.unique(canonical, axis=0)) == len(np.unique(mapped, axis=0)) == classes
    assert len(np.unique(np.concatenate([canonical, mapped], axis=1), axis=0)) == classes


@pytest.mark.parametrize("number", [1, 2, 3])
def test_nodes_have_their_parents(number):
    space = space_of(number)
    assert np.prod(space.cardinalities) == {1: 14_580, 2: 29_160, 3: 1_312_200}[number]
    mapped = space.cells(space.sample(200, 0))
    assert WHOLE.is_valid(mapped).all()
    assert (mapped[:, : len(EDGES)].sum(axis=1) == 9).all()
    ends = np.array([end for _, end in EDGES])
    for block, count in enumerate(space.parents, 1):
        end = block if block < len(space.parents) else 6
        assert (mapped[:, : len(EDGES)][:, ends == end].sum(axis=1) == count).all()


def test_a_configuration_by_hand():
    space = space_of(1)
    config = {
        "choice_block_1_op": "conv3x3-bn-relu", "choice_block_1_parents": [0],
        "choice_block_2_op": "maxpool3x3", "choice_block_2_parents": [0, 1],
        "choice_block_3_op": "conv1x1-bn-relu", "choice_block_3_parents": [0, 2],
        "choice_block_4_op": "conv3x3-bn-relu", "choice_block_4_parents": [1, 3],
        "choice_block_5_parents": [3, 4],
    }  # fmt: skip
    row = space.parse(json.dumps(config))
    text = ["0111000", "0010100", "0001000", "0000101", "0000001", "0000000", "0000000"]
    cell = space.cells(row)[0]
    edges = {edge for edge, bit in zip(EDGES, cell[: len(EDGES)].tolist(), strict=True) if bit}
    assert edges == {(i, j) for i, line in enumerate(text) for j, bit in enumerate(line) if bit == "1"}
    assert cell[len(EDGES) :].tolist() == [0, 2, 1, 0, 0]
    assert json.loads(space.format(row)[0]) == config
    assert space.costs(row) == WHOLE.costs(cell)
    task = Task((3, 8, 8), 4, width=8, depth=1, stages=1)
    sizes = [sum(p.numel() for p in of.build(r, task).parameters()) for of, r in ((space, row[0]), (WHOLE, cell))]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"choice_block_1_op": "conv5x5"}, "choice_block_1_op is conv5x5, not one of conv3x3-bn-relu, "),
        ({"choice_block_2_parents": [0]}, "choice_block_2_parents is [0], not one of [0, 1]"),
        ({"choice_block_2_parents": [False, True]}, "choice_block_2_parents is [False, True]"),
        ({"choice_block_3_parents": 3}, "choice_block_3_parents is 3, not one of [0, 1], [0, 2], [1, 2]"),
        ({"more": 1}, "choice_block_4_parents, choice_block_5_parents"),
    ],
)
def test_malformed(change, message):
    space = space_of(1)
    found = json.loads(space.format(space.sample(1, 0))[0])
    with pytest.raises(InvalidInputError) as caught:
        space.parse(json.dumps(found | change))
    assert message in str(caught.value)
