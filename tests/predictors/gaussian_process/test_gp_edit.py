"""The edit distance against sequences of edits and matchings that are tried one by one."""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import kendalltau

import archcast
from archcast.graphs import ABSENT
from archcast.predictors.gaussian_process._layers import layers_of
from archcast.predictors.gaussian_process.gp_edit import edit_distance, layer_distance, skip_distance
from tests.predictors.gaussian_process.test_gp_ot import LayerGraph


def parts(space, row):
    """Operations ``(name, kind, cell, size)`` in order, and skip connections ``(start, span, cell)``."""
    graphs = space.graphs(row).pruned()
    adjacency, ops, cells = graphs.adjacency[0], graphs.operations[0], graphs.cell_of_node
    there = [k for k in range(len(ops)) if ops[k] != ABSENT]
    layers = []
    for k in there:
        if ops[k] >= graphs.terminals:
            operation = space.operations[graphs.op_names[ops[k]]]
            units = 1.0 if graphs.units is None else graphs.units[0, k]
            layers.append((graphs.op_names[ops[k]], operation.kind, cells[k], (operation.weight or 1.0) * units))
    skips = [
        (i, j - i, cells[there[i]])
        for i in range(len(there))
        for j in range(i + 2, len(there))
        if adjacency[there[i], there[j]]
    ]
    return layers, skips


def change(a, b):
    if a[1:3] != b[1:3]:
        return 1.0
    relative = abs(a[3] - b[3]) / max(a[3], b[3])
    return relative if a[0] == b[0] else max(relative, 0.25)


def edits_by_hand(x, y):
    @lru_cache(None)
    def cost(i, j):
        if i == 0 or j == 0:
            return float(i + j)
        return min(cost(i - 1, j) + 1, cost(i, j - 1) + 1, cost(i - 1, j - 1) + change(x[i - 1], y[j - 1]))

    return cost(len(x), len(y))


def apart(a, b):
    if a[2] != b[2]:
        return 1.0
    return (abs(a[0] - b[0]) + abs(a[1] - b[1])) / (max(a[0], b[0]) + max(a[1], b[1]))


def matching_by_hand(x, y):
    few, many = sorted((x, y), key=len)
    return (
        len(many)
        - len(few)
        + min(sum(apart(a, b) for a, b in zip(few, order, strict=False)) for order in permutations(many, len(few)))
    )


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101", "darts", "transnasbench101-macro", "layers with units"])
def test_layers_by_hand(name):
    space = LayerGraph() if name == "layers with units" else archcast.get_space(name)
    a, b = space.sample(6, 0), space.sample(5, 1)
    expected = [[edits_by_hand(parts(space, x)[0], parts(space, y)[0]) for y in b] for x in a]
    np.testing.assert_allclose(layer_distance(layers_of(space, a), layers_of(space, b)), expected)


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101", "transnasbench101-macro"])
def test_skip_connections_by_hand(name):
    space = archcast.get_space(name)
    rows = [row for row in space.sample(40, 0) if len(parts(space, row)[1]) <= 6][:9]
    a, b = np.array(rows[:5]), np.array(rows[5:])
    expected = [[matching_by_hand(parts(space, x)[1], parts(space, y)[1]) for y in b] for x in a]
    np.testing.assert_allclose(skip_distance(layers_of(space, a).skips(), layers_of(space, b).skips()), expected)


def test_it_is_symmetric_and_zero_for_equal_networks():
    space = archcast.get_space("nasbench101")
    layers = layers_of(space, space.canonical(space.sample(12, 0)))
    found = edit_distance(layers, layers, 0.5)
    np.testing.assert_allclose(np.diag(found), 0, atol=1e-12)
    np.testing.assert_allclose(found, found.T, atol=1e-9)


@pytest.mark.parametrize("embedding", ["rows", "bourgain"])
def test_it_learns_with_a_positive_kernel(embedding):
    space = archcast.get_space("nasbench201")
    archs, queries = space.sample(60, 3), space.sample(200, 4)
    gp = archcast.get_predictor("gp-edit", space, embedding=embedding, random_state=0)
    gp.init(archs, (archs == 3).sum(axis=1))
    assert np.linalg.eigvalsh(gp._between(gp.rows_, gp.rows_)[0]).min() > -1e-9
    assert kendalltau(gp.query(queries).mean, (queries == 3).sum(axis=1)).statistic > 0.4
