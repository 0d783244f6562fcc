"""Adjacency encodings, decision by decision."""

from __future__ import annotations

import re

import numpy as np
import pytest

from archcast.encodings.base import get_encoding


def one_hot(space, row):
    out = {}
    for column, cardinality, value in zip(space.columns, space.cardinalities, row.tolist(), strict=True):
        if cardinality == 2:
            out[f"{column}=1"] = value
        elif cardinality > 2:
            out.update({f"{column}={v}": float(v == value) for v in range(cardinality)})
    return out


def is_edge(column):
    return re.match(r"[0-9]+->[0-9]+$", column) is not None


def categorical(space, row):
    decisions = list(zip(space.columns, space.cardinalities, row.tolist(), strict=True))
    bits = [value for column, c, value in decisions if is_edge(column) and c == 2]
    there = [k + 1 for k, bit in enumerate(bits) if bit]
    out = {f"edge[{k}]": value for k, value in enumerate(there + [0] * (len(bits) - len(there)))}
    out.update({column: value for column, c, value in decisions if c > 1 and not (is_edge(column) and c == 2)})
    return out


def continuous(space, row):
    decisions = list(zip(space.columns, space.cardinalities, row.tolist(), strict=True))
    out = {column: value / (c - 1) for column, c, value in decisions if c > 1}
    edges = [value != 0 for column, _, value in decisions if is_edge(column)]
    return {**out, **({"edges": sum(edges)} if edges else {})}


VARIANTS = {"adjacency": one_hot, "adjacency-categorical": categorical, "adjacency-continuous": continuous}


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("name", VARIANTS)
def test_equals_the_definition(space, name, pruned):
    encoder = get_encoding(name, space, pruned=pruned)
    rows = space.sample(40, 8)
    for row, features in zip(rows, encoder.transform(rows), strict=True):
        expected = VARIANTS[name](space, space.canonical(row)[0] if pruned else row)
        assert encoder.get_feature_names_out().tolist() == list(expected)
        np.testing.assert_allclose(features, list(expected.values()), rtol=1e-6)


def test_edge_bits_become_a_sorted_list():
    row = np.zeros(26, dtype=int)
    row[[0, 5, 10]] = 1  # 0->1, 0->6, 1->6
    row[21] = 2
    features = get_encoding("adjacency-categorical", "nasbench101").transform(row)[0]
    assert features.tolist() == [1, 6, 11] + [0] * 18 + [2, 0, 0, 0, 0]
    assert get_encoding("adjacency-continuous", "nasbench101").transform(row)[0, -6:].tolist() == [1, 0, 0, 0, 0, 3]


def test_raw_rows_are_told_apart(space):
    """Different rows have different codes: nothing of a row is lost."""
    rows = np.unique(space.sample(300, 9), axis=0)
    for name in VARIANTS:
        assert len(np.unique(get_encoding(name, space).transform(rows), axis=0)) == len(rows)
