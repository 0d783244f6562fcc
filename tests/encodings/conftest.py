"""Slow, independent views of architectures: one graph at a time, by networkx, against which encodings are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

from archcast.encodings._paths import MOST_PATHS, paths_of
from archcast.spaces.base import SPACES, SearchSpace, get_space


@dataclass
class Cell:
    """One cell of one architecture: nodes are ints, ``graph.nodes[i]["op"]`` is a name; terminals keep their names."""

    graph: nx.DiGraph
    inputs: list[int]
    output: int
    operations: list[str]

    def paths(self) -> list[list[int]]:
        """Every path from an input to the output."""
        return [path for i in self.inputs for path in nx.all_simple_paths(self.graph, i, self.output)]

    def op(self, node: int) -> str:
        return str(self.graph.nodes[node]["op"])


def look_at(space: SearchSpace, row: np.ndarray, *, pruned: bool) -> list[Cell]:
    graphs = space.graphs(space.canonical(row) if pruned else row)
    names, codes = graphs.op_names, graphs.operations[0].tolist()
    adjacency = graphs.adjacency[0]
    cells = []
    for part in graphs.cells:
        nodes = list(range(len(codes)))[part]
        inputs, output = nodes[: graphs.inputs], nodes[-1]
        graph = nx.DiGraph()
        graph.add_nodes_from((i, {"op": names[codes[i]]}) for i in nodes if codes[i] >= 0)
        graph.add_edges_from((i, j) for i in nodes for j in nodes if adjacency[i, j])
        operations = list(names[graphs.terminals :])
        if pruned:
            graph.remove_nodes_from([i for i in graph if graph.nodes[i]["op"] == graphs.zero_op])
            alive = nx.ancestors(graph, output) | {output}
            alive &= set().union(*({i} | nx.descendants(graph, i) for i in inputs))
            graph.remove_nodes_from([i for i in nodes if i in graph and i not in alive and i not in (*inputs, output)])
            graph.remove_edges_from([(i, j) for i, j in graph.edges if i not in alive or j not in alive])
            operations = [op for op in operations if op != graphs.zero_op]
        cells.append(Cell(graph, inputs, output, operations))
    return cells


@pytest.fixture
def cells_of() -> Callable[..., list[Cell]]:
    """``cells_of(space, row, pruned=...)``: the cells of one architecture as networkx graphs."""
    return look_at


FIRST = {
    SPACES.index[name]: name
    for name in reversed(SPACES.names())
    if get_space(name).has_graph and paths_of(get_space(name)) <= MOST_PATHS
}


@pytest.fixture(params=sorted(FIRST.values()))
def space(request: pytest.FixtureRequest) -> SearchSpace:
    """A registered space of each file, if it has cell graphs whose paths can be listed."""
    return get_space(request.param)


KINDS = {"skip": "identity", "identity": "identity", "pool": "pooling"}


def kind_of(name: str) -> str:
    """Kind of an operation, told by the words in its name."""
    return next((kind for word, kind in KINDS.items() if word in name), "convolution")


def signal_walks(cell: Cell) -> list[tuple[float, list[str]]]:
    """Every path as its operations, with the share of the output's variance that it brings; by recursion."""

    def received(j: int) -> float:
        return 1.0 if j in cell.inputs else sum(given(i) for i in cell.graph.predecessors(j))

    def given(i: int) -> float:
        if i in cell.inputs:
            return 1.0
        kind = kind_of(cell.op(i))
        return 1.0 if kind == "convolution" else received(i) * (0.4 if kind == "pooling" else 1.0)

    walks = []
    for path in cell.paths():
        share = float(np.prod([given(i) / received(j) for i, j in pairwise(path)]))
        walks.append((share, [cell.op(i) for i in path[1:-1]]))
    return walks


def output_variance(cell: Cell) -> float:
    """Variance at the output: what its predecessors give, each by following every path until a convolution resets it."""
    total = 0.0
    seen = set()
    for path in cell.paths():
        gain, start = 1.0, path[0]
        for depth, node in enumerate(reversed(path[1:-1])):
            kind = kind_of(cell.op(node))
            if kind == "convolution":
                start = tuple(path[len(path) - 2 - depth :])
                break
            gain *= 0.4 if kind == "pooling" else 1.0
        else:
            start = tuple(path)
        if start not in seen:
            seen.add(start)
            total += gain
    return total


@pytest.fixture
def flow_of() -> Callable[[Cell], tuple[list[tuple[float, list[str]]], float]]:
    """``flow_of(cell)``: its walks with their shares, and the variance at its output."""
    return lambda cell: (signal_walks(cell), output_variance(cell))
