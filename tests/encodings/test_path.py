"""Path encodings against the paths that networkx finds, one architecture at a time."""

from __future__ import annotations

import re

import numpy as np
import pytest

from archcast.encodings import path as module
from archcast.encodings.base import get_encoding
from archcast.errors import InvalidInputError
from archcast.spaces.base import get_space


def expected_paths(space, row, cells_of, canonical=False):
    """``(cell, name)`` of every path of an architecture, as a set; paths through a zero operation are none."""
    zero = space.graphs(row).zero_op
    cells = cells_of(space, space.canonical(row)[0] if canonical else row, pruned=False)
    found = set()
    for c, cell in enumerate(cells):
        for path in cell.paths():
            operations = [cell.op(i) for i in path[1:-1]]
            if zero not in operations:
                source = cell.op(path[0])
                found.add((c, (f"cell{c}:" if len(cells) > 1 else "") + ">".join([source, *operations, "output"])))
    return found


@pytest.fixture
def space(space):
    """Every registered space but long chains, whose paths are too many for a column each."""
    if module.columns(space).total > module.LIMIT:
        with pytest.raises(InvalidInputError, match="or one that lists no paths"):
            get_encoding("path", space).get_feature_names_out()
        pytest.skip(f"the paths of {space.name} are too many to be listed, and were refused")
    return space


@pytest.mark.parametrize("pruned", [False, True])
def test_one_hot_equals_all_simple_paths(space, cells_of, pruned):
    encoder = get_encoding("path", space, pruned=pruned)
    rows = space.sample(40, 6)
    names = encoder.get_feature_names_out()
    for row, features in zip(rows, encoder.transform(rows), strict=True):
        assert set(np.unique(features)) <= {0.0, 1.0}
        assert set(names[features == 1]) == {name for _, name in expected_paths(space, row, cells_of, pruned)}


def test_variants_follow_from_the_one_hot_encoding(space, cells_of):
    rows = space.sample(40, 7)
    full = get_encoding("path", space)
    names = full.get_feature_names_out().tolist()
    one_hot = full.transform(rows)

    truncated = get_encoding("path-truncated", space, size=30)
    kept = truncated.get_feature_names_out().tolist()
    assert kept == names[: len(kept)]
    longer = names[len(kept) :]
    assert {name.count(">") for name in kept}.isdisjoint({name.count(">") for name in longer})
    assert len(kept) <= 30 or len({name.count(">") for name in kept}) == 1
    following = [name for name in longer if name.count(">") == longer[0].count(">")]
    assert len(kept) + len(following) > 30 or not longer
    np.testing.assert_array_equal(truncated.transform(rows), one_hot[:, : len(kept)])

    categorical = get_encoding("path-categorical", space).transform(rows)
    continuous = get_encoding("path-continuous", space)
    values = continuous.transform(rows)
    np.testing.assert_array_equal(values[:, : len(names)], one_hot)
    counts = values[:, len(names) :]
    assert counts.shape[1] == len(cells_of(space, rows[0], pruned=False))
    assert continuous.get_feature_names_out().tolist()[: len(names)] == names
    for k, row in enumerate(rows):
        numbers = [i + 1 for i in range(len(names)) if one_hot[k, i]]
        assert categorical[k].tolist() == numbers + [0] * (categorical.shape[1] - len(numbers))
        per_cell = [c for c, _ in expected_paths(space, row, cells_of)]
        assert counts[k].tolist() == [per_cell.count(c) for c in range(counts.shape[1])]


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("nasbench201", 4 + 16 + 64),
        ("transnasbench101-micro", 3 + 9 + 27),
        ("nasbench101", 1 + 3 + 9 + 27 + 81 + 243),
        ("darts", 4 * (7 + 49 + 343 + 2401)),
        ("nasbench-graph", 9 + 81 + 729 + 6561),
        ("nasbench-macro", 3**8),
        ("nats-size", 8**5),
        ("transnasbench101-macro", 4**4 + 4**5 + 4**6),
    ],
)
def test_every_sequence_has_a_column(name, total):
    names = get_encoding("path", name).get_feature_names_out()
    assert len(set(names)) == len(names) == total


def test_columns_are_ordered_by_length_then_operations():
    names = get_encoding("path", "nasbench101").get_feature_names_out()
    assert names[0] == "input>output"
    assert names[1:4].tolist() == [f"input>{op}>output" for op in ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")]
    assert [name.count(">") for name in names] == sorted(name.count(">") for name in names)
    assert get_encoding("path", "darts").get_feature_names_out()[:4].tolist() == [
        f"cell{c}:input{i}>max_pool_3x3>output" for c in (0, 1) for i in (0, 1)
    ]


def test_two_edges_are_not_swapped():
    """0->3 and 1->2 hold different operations: the encoding of a known peer mixes them up."""
    space = get_space("nasbench201")
    text = "|nor_conv_1x1~0|+|none~0|avg_pool_3x3~1|+|nor_conv_3x3~0|none~1|skip_connect~2|"
    row = space.parse(text)
    encoder = get_encoding("path", space)
    assert set(encoder.get_feature_names_out()[encoder.transform(row)[0] == 1]) == {
        "input>nor_conv_3x3>output",
        "input>nor_conv_1x1>avg_pool_3x3>skip_connect>output",
    }


def test_numbers_of_paths_beyond_64_bits_are_refused():
    with pytest.raises(InvalidInputError, match=r"PathCategorical numbers the paths .*'fbnet' has .*more than 2\*\*63"):
        get_encoding("path-categorical", "fbnet").transform([[0] * 22])


@pytest.mark.parametrize("size", [0, -3, 2.5, "40", None])
def test_size_must_be_a_positive_integer(size):
    with pytest.raises(InvalidInputError, match=f"size must be an integer of at least 1, got {re.escape(repr(size))}"):
        get_encoding("path-truncated", "nasbench201", size=size).transform([[0] * 6])


@pytest.mark.parametrize("name", ["path", "path-categorical", "path-continuous"])
def test_too_many_paths_are_refused(name, monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 83)
    with pytest.raises(
        InvalidInputError, match=r"84 columns for space 'nasbench201'.*Use the encoding 'path-truncated'"
    ):
        get_encoding(name, "nasbench201").transform([[3] * 6])
    assert get_encoding("path-truncated", "nasbench201").transform([[3] * 6]).shape == (1, 20)


def test_truncation_cannot_help_a_long_chain(monkeypatch):
    """NAS-Bench-Macro is a chain of eight: every path has the same length, so nothing can be cut off."""
    monkeypatch.setattr(module, "LIMIT", 1000)
    with pytest.raises(InvalidInputError, match=r"6561 columns for space 'nasbench-macro'.*the shortest length, 8"):
        get_encoding("path-truncated", "nasbench-macro").transform([[0] * 8])
