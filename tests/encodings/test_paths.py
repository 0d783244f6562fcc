"""Paths of a batch against networkx, one architecture at a time."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from archcast.encodings._paths import cell_paths, node_paths, operation_codes, templates
from archcast.graphs import CellGraphs
from archcast.spaces.base import get_space


@pytest.mark.parametrize("pruned", [False, True])
def test_cell_paths_are_all_simple_paths(space, cells_of, pruned):
    rows = space.sample(40, 5)
    graphs = space.graphs(space.canonical(rows)).pruned() if pruned else space.graphs(rows)
    for c, cell in enumerate(graphs.split()):
        paths = cell_paths(cell)
        start = np.arange(graphs.operations.shape[1])[graphs.cells[c]][0]
        values = np.random.default_rng(0).integers(0, 9, cell.operations.shape)
        sums = paths.sums(values)
        assert paths.present.shape == sums.shape == (len(paths.nodes), 40)
        for k, row in enumerate(rows):
            expected = {tuple(p[:-1]) for p in cells_of(space, row, pruned=pruned)[c].paths()}
            found = [m for m in range(len(paths.nodes)) if paths.present[m, k]]
            assert {tuple(i + start for i in paths.nodes[m]) for m in found} == expected
            for m in found:
                assert paths.lengths[m] == len(paths.nodes[m]) - 1
                assert sums[m, k] == sum(values[k, i] for i in paths.nodes[m][1:])


def test_node_paths_of_a_random_graph(rng):
    for _ in range(20):
        adjacency = np.triu(rng.random((7, 7)) < 0.5, 1)
        adjacency[:2, :2] = False
        graph = nx.DiGraph(adjacency.astype(int))
        expected = {tuple(p[:-1]) for i in (0, 1) for p in nx.all_simple_paths(graph, i, 6)}
        found = node_paths(adjacency, 2)
        assert len(found) == len(set(found))
        assert set(found) == expected


def test_a_batch_without_paths_has_none():
    graphs = CellGraphs(np.zeros((3, 4, 4), dtype=bool), np.zeros((3, 4), dtype=int), ("input", "output", "op"))
    paths = cell_paths(graphs)
    assert paths.nodes == ()
    assert paths.present.shape == (0, 3)
    assert paths.sums(np.ones((3, 4))).shape == (0, 3)


@pytest.mark.parametrize(
    ("name", "lengths", "paths", "chain"),
    [
        ("nasbench101", (0, 1, 2, 3, 4, 5), 32, False),
        ("nasbench201", (1, 2, 3), 4, False),
        ("transnasbench101-micro", (1, 2, 3), 4, False),
        ("darts", (1, 2, 3, 4), 2 * (3**4 - 1), False),
        ("nasbench-graph", (1, 2, 3, 4), 15, False),
        ("nasbench-macro", (8,), 1, True),
        ("nats-size", (5,), 1, True),
        ("transnasbench101-macro", (4, 5, 6), 3, True),
    ],
)
def test_templates_cover_the_space(name, lengths, paths, chain):
    """1,000 random architectures show every edge that the description of the space allows."""
    for template in templates(get_space(name)):
        assert (template.lengths, len(template.nodes), template.chain) == (lengths, paths, chain)


def test_operation_codes_leave_out_terminals_and_zero():
    graphs = get_space("nasbench201").graphs([[0] * 6])
    assert operation_codes(graphs, zero=True) == [2, 3, 4, 5, 6]
    assert operation_codes(graphs, zero=False) == [3, 4, 5, 6]
    assert operation_codes(get_space("darts").graphs(get_space("darts").sample(1, 0)), zero=False) == list(range(3, 10))
