"""Weisfeiler-Lehman counts against labels written out as nested tuples."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from archcast.encodings.base import EncoderNotFittedError, get_encoding
from archcast.encodings.wl import WeisfeilerLehman
from archcast.errors import ArchcastError, InvalidInputError
from archcast.spaces.base import get_space


def written_out(space, row, cells_of, iterations):
    """For each h a Counter of labels as nested tuples."""
    steps = [Counter() for _ in range(iterations + 1)]
    for c, cell in enumerate(cells_of(space, row, pruned=True)):
        label = {i: (c, cell.op(i)) for i in cell.graph}
        for h in range(iterations + 1):
            steps[h].update(label.values())
            label = {
                i: (
                    label[i],
                    tuple(sorted(label[j] for j in cell.graph.predecessors(i))),
                    tuple(sorted(label[j] for j in cell.graph.successors(i))),
                )
                for i in cell.graph
            }
    return steps


def columns(matrix):
    """The columns as a multiset."""
    return Counter(map(tuple, np.asarray(matrix).T.tolist()))


@pytest.mark.parametrize(("iterations", "min_count"), [(2, 1), (2, 3), (0, 1), (3, 2)])
def test_equals_labels_written_out(space, cells_of, iterations, min_count):
    archs, rows = space.sample(40, 10), space.sample(20, 11)
    encoder = get_encoding("wl", space, iterations=iterations, min_count=min_count).fit(archs)
    found = encoder.transform(rows)
    names = encoder.get_feature_names_out()
    seen = [written_out(space, row, cells_of, iterations) for row in archs]
    asked = [written_out(space, row, cells_of, iterations) for row in rows]
    for h in range(iterations + 1):
        held = Counter(label for steps in seen for label in steps[h])
        vocabulary = [label for label, count in held.items() if count >= min_count]
        expected = [[steps[h][label] for label in vocabulary] for steps in asked]
        assert columns(found[:, [name.startswith(f"h{h}:") for name in names]]) == columns(expected)


def test_dot_product_is_the_subtree_kernel(cells_of):
    space = get_space("nasbench201")
    rows = space.sample(15, 12)
    features = get_encoding("wl", space).fit(rows).transform(rows)
    labels = [written_out(space, row, cells_of, 2) for row in rows]
    expected = [[sum(a[h][x] * b[h][x] for h in range(3) for x in a[h]) for b in labels] for a in labels]
    np.testing.assert_array_equal(features @ features.T, expected)


def test_direction_is_kept():
    space = get_space("nasbench101")
    fork = space.parse("0110;0001;0001;0000|input,conv1x1-bn-relu,conv3x3-bn-relu,output")
    chain = space.parse("0100;0010;0001;0000|input,conv1x1-bn-relu,conv3x3-bn-relu,output")
    reverse = space.parse("0100;0010;0001;0000|input,conv3x3-bn-relu,conv1x1-bn-relu,output")
    encoder = get_encoding("wl", space, iterations=1).fit(np.concatenate([fork, chain, reverse]))
    assert len(np.unique(encoder.transform(np.concatenate([fork, chain, reverse])), axis=0)) == 3


def test_unknown_labels_are_not_counted():
    space = get_space("nasbench201")
    encoder = get_encoding("wl", space).fit([[3, 0, 0, 0, 0, 0], [0, 0, 0, 3, 0, 0]])
    only_terminals = encoder.transform([[0, 0, 0, 4, 0, 0]])[0]
    assert only_terminals.sum() == 2


def test_a_vocabulary_may_be_empty():
    space = get_space("nasbench201")
    encoder = get_encoding("wl", space, min_count=5).fit(space.sample(2, 0))
    assert encoder.transform(space.sample(3, 0)).shape == (3, 0)
    assert encoder.get_feature_names_out().shape == (0,)


def test_fit_in_chunks_is_the_same(monkeypatch):
    space = get_space("nasbench201")
    archs = space.sample(50, 13)
    whole = get_encoding("wl", space, min_count=2).fit(archs)
    monkeypatch.setattr("archcast.encodings.wl.CHUNK", 7)
    parts = get_encoding("wl", space, min_count=2).fit(archs)
    for a, b in zip(whole.labels_, parts.labels_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_errors():
    encoder = get_encoding("wl", "nasbench201")
    with pytest.raises(
        EncoderNotFittedError, match=r"WeisfeilerLehman learns its features: call fit\(archs\) first"
    ) as e:
        encoder.transform([[0] * 6])
    assert isinstance(e.value, ArchcastError)
    assert isinstance(e.value, NotFittedError)
    with pytest.raises(InvalidInputError, match=r"iterations must be an integer of at least 0, got -1\."):
        get_encoding("wl", "nasbench201", iterations=-1).fit([[0] * 6])
    with pytest.raises(InvalidInputError, match=r"min_count must be an integer of at least 1, got 0\.5\."):
        get_encoding("wl", "nasbench201", min_count=0.5).fit([[0] * 6])


@pytest.mark.parametrize("name", ["nasbench201", "darts"])
def test_sparse_counts_are_the_dense_ones(name):
    space = get_space(name)
    archs, others = space.sample(40, 0), space.sample(15, 1)
    encoder = WeisfeilerLehman(space).fit(archs)
    found = encoder.sparse(others)
    assert found.nnz == np.count_nonzero(found.toarray())
    np.testing.assert_array_equal(found.toarray(), encoder.transform(others))
    assert encoder.sparse(others[:0]).shape == (0, found.shape[1])
    every = WeisfeilerLehman(space).fit(others).transform(others)
    np.testing.assert_allclose(WeisfeilerLehman(space).square_lengths(others), np.square(every).sum(axis=1))
    with pytest.raises(EncoderNotFittedError):
        WeisfeilerLehman(space).sparse(others)
