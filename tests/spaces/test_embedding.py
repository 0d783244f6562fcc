"""Rows of one space as rows of another: the same cell, told by its pruned graph and its notation."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.spaces.base import get_space
from archcast.spaces.choices import Choices
from archcast.spaces.embedding import embed


def operations(space, rows):
    """Sorted names of what is left of each pruned cell."""
    graphs = space.graphs(rows).pruned()
    names = np.array([*graphs.op_names, ""])
    return [
        sorted(name for name in names[row] if name not in ("", *graphs.op_names[: graphs.terminals]))
        for row in graphs.operations
    ]


@pytest.mark.parametrize(
    ("space", "other", "share"),
    [
        ("nasbench201", "transnasbench101-micro", (0.8**6 - 0.08, 0.8**6 + 0.08)),  # no pooling on any of six edges
        ("transnasbench101-micro", "nasbench201", (1, 1)),
        ("darts-s1", "darts", (1, 1)),
        ("darts-s3", "darts-s2", (1, 1)),
        ("darts", "nds-darts", (1, 1)),
        ("nds-darts", "darts", (0.01, 0.15)),  # where no node takes the same source twice
        ("nds-enas", "nds-nasnet", (1, 1)),
        ("nds-amoeba", "nds-nasnet", (0.02, 0.2)),  # without the one operation that NASNet lacks
        ("nasbench-1shot1-2", "nasbench101", (1, 1)),
    ],
)
def test_a_counterpart_is_the_same_cell(space, other, share):
    space, other = get_space(space), get_space(other)
    rows = space.sample(400, 0)
    found, kept = embed(rows, space, other)
    assert share[0] <= len(kept) / len(rows) <= share[1]
    other.validate(found)
    assert operations(other, found[:40]) == operations(space, rows[kept[:40]])
    np.testing.assert_array_equal(
        space.graphs(rows[kept]).pruned().adjacency.sum(axis=(1, 2)),
        other.graphs(found).pruned().adjacency.sum(axis=(1, 2)),
    )


def test_back_and_forth_is_nothing():
    micro, cells = get_space("transnasbench101-micro"), get_space("nasbench201")
    rows = micro.sample(50, 1)
    back, kept = embed(embed(rows, micro, cells)[0], cells, micro)
    np.testing.assert_array_equal(back, rows)
    np.testing.assert_array_equal(kept, np.arange(50))


def test_own_spaces_are_told_by_names_and_values():
    small = Choices(width=[16, 32], act=["relu", "gelu"])
    large = Choices(act=["silu", "gelu", "relu"], width=[8, 16, 32, 64])
    found, kept = embed(np.array([[0, 0], [1, 1]]), small, large)
    assert found.tolist() == [[2, 1], [1, 2]]
    found, kept = embed(np.array([[0, 1], [1, 1], [2, 3], [2, 2]]), large, small)
    assert (found.tolist(), kept.tolist()) == ([[0, 1], [1, 0]], [1, 3])
    assert embed(np.zeros((1, 1), dtype=int), Choices(width=[16]), large) is None


@pytest.mark.parametrize(
    ("space", "other"),
    [
        ("nasbench201", "darts"),
        ("spikenas-bench", "nasbench201"),  # its neurons are not convolutions of the other
        ("nds-pnas", "nds-nasnet"),  # all nodes are in the output of the one, loose ends in that of the other
        ("nats-size", "nasbench-macro"),
        ("nasbench101", "nasbench-1shot1-1"),
    ],
)
def test_spaces_that_share_nothing(space, other):
    space, other = get_space(space), get_space(other)
    assert embed(space.sample(3, 0), space, other) is None
