"""Slow, independent views of architectures: one graph at a time, by networkx, against which encodings are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pytest

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


@pytest.fixture(params=SPACES.names())
def space(request: pytest.FixtureRequest) -> SearchSpace:
    """Every registered space."""
    return get_space(request.param)
