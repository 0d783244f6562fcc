"""Graph features against their definition, one architecture and one path at a time."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from archcast.encodings.base import get_encoding
from archcast.encodings.graph_features import subsets
from archcast.spaces.base import get_space


def is_chain_space(space, cells_of, rows):
    graphs = [cell.graph for row in rows for cell in cells_of(space, row, pruned=False)]
    inputs = max(len(cell.inputs) for cell in cells_of(space, rows[0], pruned=False))
    return inputs == 1 and all(d <= 1 for g in graphs for _, d in [*g.in_degree, *g.out_degree])


def longest_path(space, cells_of, rows):
    """Most operations on a path that the edges seen in a space allow."""
    edges = {edge for row in rows for cell in cells_of(space, row, pruned=False) for edge in cell.graph.edges}
    return nx.dag_longest_path_length(nx.DiGraph(edges)) - 1


def by_definition(cell, longest):
    """Every feature of a cell that is not a chain, and ``direct`` whether the space allows it or not."""
    out = {f"count({op})": sum(cell.op(i) == op for i in cell.graph) for op in cell.operations}
    out["direct"] = any(cell.graph.has_edge(i, cell.output) for i in cell.inputs)
    paths = [[cell.op(i) for i in path[1:-1]] for path in cell.paths()]
    for size in range(1, len(cell.operations) + 1):
        for subset in combinations(cell.operations, size):
            label = "|".join(subset)
            own = [len(path) for path in paths if path and all(op in subset for op in path)]
            out[f"min_path({label})"] = min(own, default=longest + 1)
            out[f"max_path({label})"] = max(own, default=0)
            out[f"max_on_path({label})"] = max((sum(op in subset for op in path) for path in paths), default=0)
            for k, i in enumerate(cell.inputs):
                name = f"input{k}" if len(cell.inputs) > 1 else "input"
                fed = sum(cell.op(j) in subset for j in cell.graph.successors(i))
                out[f"out_degree({name}, {label})"] = fed
            feeding = sum(cell.op(j) in subset for j in cell.graph.predecessors(cell.output))
            out[f"in_degree(output, {label})"] = feeding
    return out


def of_chain(cell):
    out = {f"count({op})": sum(cell.op(i) == op for i in cell.graph) for op in cell.operations}
    chain = nx.shortest_path(cell.graph, cell.inputs[0], cell.output)[1:-1]
    for position in range(1, cell.output):
        for k, op in enumerate(cell.operations):
            there = cell.operations.index(cell.op(chain[position - 1])) if position <= len(chain) else -1
            out[f"position{position}>={op}"] = there >= k
    return out


@pytest.mark.parametrize("name", ["graph-features", "graph-features-raw"])
def test_equals_the_definition(name, space, cells_of):
    encoder = get_encoding(name, space)
    rows = space.sample(40, 3)
    chain = is_chain_space(space, cells_of, rows)
    longest = longest_path(space, cells_of, space.sample(300, 4))
    names = encoder.get_feature_names_out().tolist()
    found = encoder.transform(rows)
    for row, features in zip(rows, found, strict=True):
        expected = {}
        cells = cells_of(space, row, pruned=name == "graph-features")
        for number, cell in enumerate(cells):
            prefix = f"cell{number}:" if len(cells) > 1 else ""
            for key, value in (of_chain(cell) if chain else by_definition(cell, longest)).items():
                expected[prefix + key] = value
        assert set(names) <= set(expected)
        np.testing.assert_array_equal(features, [expected[key] for key in names], err_msg=str(row))


def test_nothing_is_left_out_of_small_spaces():
    k = 4
    names = get_encoding("graph-features", "nasbench201").get_feature_names_out()
    assert len(names) == k + (2**k - 1) * 5
    assert len(get_encoding("graph-features-raw", "nasbench201").get_feature_names_out()) == 5 + 31 * 5
    assert "direct" in get_encoding("graph-features", "nasbench101").get_feature_names_out()


def test_subsets_of_many_operations_hold_one_or_lack_at_most_two():
    found = subsets(7)
    assert len(found) == len(set(found)) == 7 + 21 + 7 + 1
    assert {len(s) for s in found} == {1, 5, 6, 7}


def test_an_unconnected_cell_has_no_paths():
    encoder = get_encoding("graph-features", "nasbench201")
    features = dict(zip(encoder.get_feature_names_out(), encoder.transform([[3, 3, 3, 0, 0, 0]])[0], strict=True))
    assert {value for key, value in features.items() if key.startswith("min_path")} == {4.0}
    assert not any(value for key, value in features.items() if not key.startswith("min_path"))


def test_a_wire_from_input_to_output_hides_no_path():
    encoder = get_encoding("graph-features", "nasbench101")
    row = get_space("nasbench101").parse("0101;0010;0001;0000|input,conv3x3-bn-relu,conv1x1-bn-relu,output")
    features = encoder.transform(row)[0]
    found = dict(zip(encoder.get_feature_names_out(), features, strict=True))
    assert found["direct"] == 1
    assert found["min_path(conv3x3-bn-relu|conv1x1-bn-relu)"] == 2
    assert found["min_path(conv3x3-bn-relu)"] == 6
