"""Batches of cells against networkx, one graph at a time."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT, CONVOLUTION, KINDS, CellGraphs, Operation, on_path
from archcast.spaces.base import get_space


def random_graphs(seed, n=20, v=7, inputs=1, zero=True):
    rng = np.random.default_rng(seed)
    adjacency = np.triu(rng.random((n, v, v)) < rng.uniform(0.1, 0.6), 1)
    adjacency[:, :, :inputs] = False
    names = [*(f"input{k}" for k in range(inputs)), "output", "conv", "none", "pool"]
    ops = rng.integers(inputs + 1, len(names), size=(n, v))
    absent = rng.random((n, v)) < 0.15
    ops[absent] = ABSENT
    ops[:, :inputs], ops[:, -1] = np.arange(inputs), inputs
    gone = ops == ABSENT
    adjacency &= ~gone[:, :, None] & ~gone[:, None, :]
    return CellGraphs(adjacency, ops, tuple(names), inputs + 1, inputs, zero_op="none" if zero else None)


def slow_live(graphs, k):
    """Nodes on a path from an input to the output that avoids zero operations."""
    v = graphs.operations.shape[1]
    graph = nx.DiGraph()
    graph.add_nodes_from(range(v))
    graph.add_edges_from(np.argwhere(graphs.adjacency[k]).tolist())
    if graphs.zero_op is not None:
        zero = graphs.op_names.index(graphs.zero_op)
        graph.remove_nodes_from([i for i in range(v) if graphs.operations[k, i] == zero])
    from_input = set(range(graphs.inputs)).union(*(nx.descendants(graph, i) for i in range(graphs.inputs)))
    return (nx.ancestors(graph, v - 1) | {v - 1}) & from_input


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), inputs=st.integers(1, 2), zero=st.booleans(), v=st.integers(4, 9))
def test_pruned_keeps_exactly_the_nodes_on_paths(seed, inputs, zero, v):
    graphs = random_graphs(seed, v=v, inputs=inputs, zero=zero)
    before = graphs.adjacency.copy(), graphs.operations.copy()
    pruned = graphs.pruned()
    for k in range(len(graphs)):
        live = slow_live(graphs, k)
        terminals = {*range(inputs), v - 1}
        assert set(np.flatnonzero(pruned.operations[k] != ABSENT).tolist()) == live | terminals
        expected = [[i, j] for i, j in np.argwhere(graphs.adjacency[k]).tolist() if i in live and j in live]
        assert np.argwhere(pruned.adjacency[k]).tolist() == expected
    np.testing.assert_array_equal(graphs.adjacency, before[0])
    np.testing.assert_array_equal(graphs.operations, before[1])


def test_on_path_without_operations():
    graphs = random_graphs(3, n=200, zero=False)
    live = on_path(graphs.adjacency)
    for k in range(len(graphs)):
        assert set(np.flatnonzero(live[k]).tolist()) == slow_live(graphs, k)


def test_cells_are_split_and_pruned_apart():
    one, two = random_graphs(1, v=5), random_graphs(2, v=6)
    adjacency = np.zeros((20, 11, 11), dtype=bool)
    adjacency[:, :5, :5], adjacency[:, 5:, 5:] = one.adjacency, two.adjacency
    both = CellGraphs(
        adjacency,
        np.concatenate([one.operations, two.operations], axis=1),
        one.op_names,
        cells=(slice(0, 5), slice(5, 11)),
        zero_op="none",
    )
    assert both.cell_of_node.tolist() == [0] * 5 + [1] * 6
    assert one.cell_of_node.tolist() == [0] * 5
    for part, cell in zip(both.pruned().split(), (one.pruned(), two.pruned()), strict=True):
        np.testing.assert_array_equal(part.adjacency, cell.adjacency)
        np.testing.assert_array_equal(part.operations, cell.operations)
        assert part.cells == (slice(0, None),)


@pytest.mark.parametrize("rows", [slice(3, 8), [4, 1, 1], np.arange(20) % 3 == 0])
def test_rows_are_taken_like_those_of_an_array(rows):
    graphs = random_graphs(0)
    part = graphs[rows]
    assert len(part) == len(graphs.operations[rows])
    np.testing.assert_array_equal(part.adjacency, graphs.adjacency[rows])
    np.testing.assert_array_equal(part.operations, graphs.operations[rows])
    assert part.op_names == graphs.op_names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("conv",), "kind must be one of convolution, attention, pooling, identity, nothing, got 'conv'"),
        ((CONVOLUTION, -1), "weight must be a number of at least 0, got -1"),
        ((CONVOLUTION, float("nan")), "weight must be a number of at least 0, got nan"),
        ((CONVOLUTION, "9"), "weight must be a number of at least 0, got '9'"),
        ((CONVOLUTION, 1, 0), "reach must be a whole number of at least 1, got 0"),
        ((CONVOLUTION, 1, 2.5), "reach must be a whole number of at least 1, got 2.5"),
        ((CONVOLUTION, 1, 3, 0), "widens must be a number above 0, got 0"),
        ((CONVOLUTION, 1, 3, "2"), "widens must be a number above 0, got '2'"),
        ((CONVOLUTION, 1, 3, 2, 0), "stride must be a whole number of at least 1, got 0"),
    ],
)
def test_operations_that_make_no_sense(arguments, message):
    with pytest.raises(InvalidInputError) as caught:
        Operation(*arguments)
    assert message in str(caught.value)


def test_operations_that_keep_the_shape():
    assert Operation(CONVOLUTION, 9, 3).keeps_shape
    assert not Operation(CONVOLUTION, widens=2).keeps_shape
    assert not Operation(CONVOLUTION, stride=2).keeps_shape


def test_learned_operations():
    assert [Operation(kind).learned for kind in KINDS] == [True, True, False, False, False]


def test_units_go_with_their_nodes():
    graphs = get_space("darts").graphs(get_space("darts").sample(4, 0))
    units = np.arange(graphs.operations.size).reshape(graphs.operations.shape)
    graphs = replace(graphs, units=units)
    np.testing.assert_array_equal(graphs[1:3].units, units[1:3])
    np.testing.assert_array_equal(graphs.pruned().units, units)
    np.testing.assert_array_equal(np.concatenate([cell.units for cell in graphs.split()], axis=1), units)
    assert get_space("darts").graphs(get_space("darts").sample(2, 0))[0].units is None


@pytest.mark.parametrize("terminals", [-1, 1.5, None, "2", object()])
def test_terminals_are_a_number(terminals):
    graphs = get_space("nasbench201").graphs(get_space("nasbench201").sample(2, 0))
    with pytest.raises(InvalidInputError, match=r"^terminals must be a whole number"):
        replace(graphs, terminals=terminals)
