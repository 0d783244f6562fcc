"""Liu et al.'s space: motifs and their graph against networks put together by hand, and against renamed rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archcast
from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT
from archcast.spaces.hierarchical.motifs import DECLARED, INNER, OUTER, live, parts_of

SPACE = archcast.get_space("hierarchical")
NONE = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def row_of(motifs, graph):
    """A row from ``{motif: {edge: operation}}`` and ``{edge: motif}``."""
    row = np.zeros(46, dtype=np.int64)
    for m, edges in motifs.items():
        for edge, name in edges.items():
            row[6 * (m - 1) + INNER.index(edge)] = 1 + list(DECLARED).index(name)
    for edge, m in graph.items():
        row[36 + OUTER.index(edge)] = m
    return row


def test_parameters_depth_and_operations_by_hand():
    """Two copies of a motif side by side, joined: each is a 1x1 and a depthwise convolution beside an identity, joined."""
    row = row_of(
        {2: {(0, 1): "conv_1x1", (1, 3): "depthwise_3x3", (0, 3): "identity"}},
        {(0, 4): 2, (0, 1): 2, (1, 4): 2},
    )
    task = archcast.Task((3, 8, 8), 10, width=4, depth=1)
    motif = lambda c: c * c + 2 * c + 9 * c + 2 * c + 2 * c * c + 2 * c  # noqa: E731
    cell = lambda c: 3 * motif(c) + 2 * c * c + 2 * c  # noqa: E731
    between = lambda c: 9 * c + 2 * c * c + 4 * c  # noqa: E731
    expected = 27 * 4 + 8 + cell(4) + between(4) + cell(8) + between(8) + cell(16) + 16 * 10 + 10
    assert sum(p.numel() for p in SPACE.build(row, task).parameters()) == expected
    found = SPACE.costs(row, task=task)
    assert found["params"][0] == expected
    assert found["depth"][0] == 1 + 3 * (2 * 3 + 1) + 2 * 2 + 1
    graphs = SPACE.graphs(row).pruned()
    names = [graphs.op_names[op] for op in graphs.operations[0] if op >= 2]
    assert sorted(names) == sorted(["conv_1x1", "depthwise_3x3", "identity"] * 3)


def paths(adjacency):
    """Number of paths from the first to the last node of each graph."""
    v = adjacency.shape[-1]
    return np.linalg.inv(np.eye(v) - adjacency)[:, 0, -1]


def test_the_flat_graph_has_the_parts_and_the_paths_of_the_nested_one():
    rows = SPACE.sample(60, 0)
    parts, graphs = parts_of(rows), SPACE.graphs(rows)
    pruned = graphs.pruned()
    for op in range(1, 7):
        nested = [sum((parts.motifs[n, m - 1] == op).sum() for m in parts.graph[n] if m) for n in range(len(rows))]
        np.testing.assert_array_equal((pruned.operations == op + 1).sum(axis=1), nested)

    def number(values, edges):
        """Paths through edges that stand for so many."""
        matrix = np.zeros((len(values), edges[-1][1] + 1, edges[-1][1] + 1))
        for e, (i, j) in enumerate(edges):
            matrix[:, i, j] = values[:, e]
        return paths(matrix)

    within = number((parts.motifs > 0).reshape(-1, 6), INNER).reshape(-1, 6)
    through = np.take_along_axis(np.pad(within, ((0, 0), (1, 0))), parts.graph, axis=1)
    np.testing.assert_allclose(paths(graphs.adjacency.astype(float)), number(through, OUTER))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_numbers_of_motifs_and_order_of_nodes_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    row = SPACE.sample(1, seed)[0]
    numbers = rng.permutation(6)
    twin = row.copy()
    for m in range(6):
        motif = row[6 * m : 6 * m + 6].copy()
        if motif[INNER.index((1, 2))] == 0 and rng.random() < 0.5:  # nodes 1 and 2 change places
            place = (0, 2, 1, 3)
            moved = np.zeros(6, dtype=np.int64)
            for e, (i, j) in enumerate(INNER):
                if (i, j) != (1, 2):
                    moved[INNER.index((place[i], place[j]))] = motif[e]
            motif = moved
        twin[6 * numbers[m] : 6 * numbers[m] + 6] = motif
    graph = np.where(row[36:] > 0, numbers[np.maximum(row[36:] - 1, 0)] + 1, 0)
    if graph[OUTER.index((2, 3))] == 0:  # and so do nodes 2 and 3
        place = (0, 1, 3, 2, 4)
        graph = np.array([graph[OUTER.index(tuple(sorted((place[i], place[j]))))] for i, j in OUTER])
    twin[36:] = graph
    np.testing.assert_array_equal(SPACE.canonical(row), SPACE.canonical(twin))
    costs, others = SPACE.costs(np.stack([row, SPACE.canonical(row)[0]])), SPACE.costs(twin)
    assert np.ptp(costs["params"]) == 0
    assert costs["params"][0] == others["params"][0]


def test_unused_and_equal_motifs_are_one_form():
    one = row_of({1: {(0, 3): "conv_1x1"}, 4: {(0, 3): "max_pool_3x3"}}, {(0, 4): 1})
    two = row_of({3: {(0, 3): "conv_1x1"}, 5: {(0, 3): "conv_1x1"}}, {(0, 4): 5})
    np.testing.assert_array_equal(SPACE.canonical(one), SPACE.canonical(two))
    three = row_of({3: {(0, 3): "conv_1x1", (0, 1): "identity"}}, {(0, 4): 3, (0, 2): 3})  # with dead ends
    np.testing.assert_array_equal(SPACE.canonical(one), SPACE.canonical(three))


def test_a_cell_without_a_path_is_not_in_the_space():
    with pytest.raises(InvalidInputError, match="is not an architecture"):
        SPACE.validate(row_of({1: {(0, 3): "conv_1x1"}}, {(0, 4): 2}))
    with pytest.raises(InvalidInputError, match="not one of none, motif1"):
        SPACE.parse(";".join([NONE] * 6 + [NONE.replace("none~0", "motif7~0", 1) + "+|none~0|none~1|none~2|none~3|"]))
    with pytest.raises(InvalidInputError, match="part 7 must be like"):
        SPACE.parse(";".join([NONE] * 7))


def test_live_edges_lie_on_a_path():
    there = np.array([[1, 0, 1, 0, 0, 0], [1, 0, 1, 0, 0, 1], [0, 1, 0, 1, 0, 0]], dtype=bool)
    np.testing.assert_array_equal(live(there, INNER), [[0] * 6, [1, 0, 1, 0, 0, 1], [0, 0, 0, 1, 0, 0]])
    assert (SPACE.graphs(SPACE.sample(5, 0)).operations[:, 1:-1] != ABSENT).any()
