"""The string kernel against its definition, on paths that are listed one by one."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kendalltau

import archcast
from archcast.graphs import ABSENT
from archcast.predictors.gaussian_process.gp_string import StringGaussianProcess


def paths(space, row):
    """Every path of every cell, as a list of labels."""
    graphs = space.graphs(row).pruned()
    adjacency, ops, cells = graphs.adjacency[0], graphs.operations[0], graphs.cell_of_node
    found = []

    def walk(node, labels):
        for after in np.flatnonzero(adjacency[node]):
            if ops[after] == graphs.terminals - 1:
                found.append(labels)
            else:
                walk(after, [*labels, (ops[after], cells[after])])

    for cell in graphs.cells:
        for start in range(cell.start or 0, (cell.start or 0) + graphs.inputs):
            if ops[start] != ABSENT:
                walk(start, [])
    return found


def counts(strings, length, gap):
    out = Counter()
    for string in strings:
        for places in combinations(range(len(string)), length):
            left_out = places[-1] - places[0] + 1 - length
            out[tuple(string[place] for place in places)] += gap**left_out
    return Counter({key: value for key, value in out.items() if value})


def by_hand(space, a, b, length, gap):
    x, y = counts(paths(space, a), length, gap), counts(paths(space, b), length, gap)
    if not x and not y:
        return 1.0
    product = sum(x[key] * y[key] for key in x)
    return product / np.sqrt(max(sum(v * v for v in x.values()) * sum(v * v for v in y.values()), 1e-300))


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101", "darts", "transnasbench101-macro"])
@pytest.mark.parametrize("gap", [0.0, 0.5, 1.0])
def test_kernel_by_hand(name, gap):
    space = archcast.get_space(name)
    a, b = space.sample(5, 0), space.sample(4, 1)
    gp = StringGaussianProcess(space, length=3)
    found = next(iter(gp._kernels(a, b, [gap])))
    for length, kernel in enumerate(found, start=1):
        expected = [[by_hand(space, x, y, length, gap) for y in b] for x in a]
        np.testing.assert_allclose(kernel, expected, atol=1e-9)


def test_kernels_are_positive_and_rows_of_one_function_are_equal():
    space = archcast.get_space("nasbench201")
    rows = np.unique(space.canonical(space.sample(60, 0)), axis=0)
    for kernels in StringGaussianProcess(space)._kernels(rows, rows, [0.0, 0.5, 1.0]):
        for kernel in kernels:
            assert np.linalg.eigvalsh(kernel).min() > -1e-9
            np.testing.assert_allclose(np.diag(kernel), 1)
    gp = archcast.get_predictor("gp-string", space).init(rows, (rows == 3).sum(axis=1))
    assert np.ptp(gp.query([[0, 3, 0, 0, 0, 1], [4, 3, 0, 0, 0, 1]]).mean) == pytest.approx(0, abs=1e-12)


def test_it_learns():
    space = archcast.get_space("nasbench201")
    archs, queries = space.sample(60, 3), space.sample(200, 4)
    gp = archcast.get_predictor("gp-string", space).init(archs, (archs == 3).sum(axis=1))
    assert kendalltau(gp.query(queries).mean, (queries == 3).sum(axis=1)).statistic > 0.5
