"""Checks of cell graphs, canonical form and enumeration."""

from __future__ import annotations

import numpy as np

from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT, KINDS, CellGraphs, Operation
from archcast.spaces.base import SearchSpace
from archcast.testing._assertions import expect_error, require, require_equal
from archcast.testing.spaces._material import rows_of


def _require_sound(graphs: CellGraphs, what: str) -> None:
    adjacency, ops = graphs.adjacency, graphs.operations
    n, v = ops.shape
    require(adjacency.shape == (n, v, v) and adjacency.dtype == np.bool_, f"{what}: adjacency must be (n, v, v) bool")
    require(not np.tril(adjacency).any(), f"{what}: nodes are not in topological order")
    require(((ops >= 0) & (ops < len(graphs.op_names)) | (ops == ABSENT)).all(), f"{what}: unknown operation code")
    absent = ops == ABSENT
    touched = np.logical_or(adjacency.any(axis=1), adjacency.any(axis=2))
    require(not (touched & absent).any(), f"{what}: an absent node has an edge")
    require(len(set(graphs.op_names)) == len(graphs.op_names), f"{what}: op_names are not unique")
    inside = np.zeros((v, v), dtype=bool)
    terminals = np.zeros(v, dtype=bool)
    for cell in graphs.cells:
        inside[cell, cell] = True
        nodes = np.arange(v)[cell]
        terminals[[*nodes[: graphs.inputs], nodes[-1]]] = True
    require(inside.any(axis=1).all(), f"{what}: a node belongs to no cell")
    require(not (adjacency & ~inside).any(), f"{what}: an edge between cells")
    is_terminal = (ops >= 0) & (ops < graphs.terminals)
    require((is_terminal == terminals).all(), f"{what}: inputs first, output last, operations between")
    require(sum(len(part.operations[0]) for part in graphs.split()) == v if n else True, f"{what}: split loses nodes")


def check_graphs(space: SearchSpace) -> None:
    rows = rows_of(space)
    if not space.has_graph:
        with expect_error(InvalidInputError, "graphs of a space without graphs", "no cell graph"):
            space.graphs(rows)
        return
    graphs = space.graphs(rows)
    require(len(graphs) == len(rows), "one graph for each row")
    _require_sound(graphs, "graphs")
    one = space.graphs(rows[7])
    require_equal(one.adjacency, graphs[7:8].adjacency, "the graph of a row depends on the other rows")
    require_equal(one.operations, graphs[7:8].operations, "the operations of a row depend on the other rows")


def check_operations(space: SearchSpace) -> None:
    if not space.has_graph:
        return
    graphs = space.graphs(rows_of(space, 1))
    for name in graphs.op_names[graphs.terminals :]:
        known = name in graphs.declared or name == graphs.zero_op
        require(known, f"operation {name!r} is not declared: say what it is, operations = {{{name!r}: Operation(...)}}")
    for name, operation in graphs.declared.items():
        require(isinstance(operation, Operation), f"operation {name!r}: {operation!r} is no archcast.graphs.Operation")
        require(operation.kind in KINDS, f"operation {name!r} is declared as {operation.kind!r}")


def check_pruned_graphs(space: SearchSpace) -> None:
    if not space.has_graph:
        return
    graphs = space.graphs(rows_of(space))
    pruned = graphs.pruned()
    _require_sound(pruned, "pruned")
    require((pruned.adjacency <= graphs.adjacency).all(), "pruning added an edge")
    kept = pruned.operations != ABSENT
    require_equal(pruned.operations[kept], graphs.operations[kept], "pruning changed an operation")
    again = pruned.pruned()
    require_equal(again.adjacency, pruned.adjacency, "pruning twice is not pruning once")
    require_equal(again.operations, pruned.operations, "pruning twice is not pruning once")


def check_canonical(space: SearchSpace) -> None:
    rows = rows_of(space)
    canonical = space.canonical(rows)
    require_equal(space.validate(canonical), canonical, "a canonical row is not in the space")
    require_equal(space.canonical(canonical), canonical, "canonical is not idempotent")
    require_equal(space.canonical(rows[::-1]), canonical[::-1], "canonical depends on the order of the rows")
    require_equal(space.canonical(rows[3]), canonical[3:4], "canonical depends on the other rows")


def check_enumerate(space: SearchSpace) -> None:
    try:
        rows = space.enumerate()
    except InvalidInputError as error:
        require("sample" in str(error), "a space that is too large must point to sample")
        return
    require_equal(
        space.validate(rows[:: max(1, len(rows) // 10_000)]), rows[:: max(1, len(rows) // 10_000)], "invalid rows"
    )
    order = (rows[1:] != rows[:-1]).argmax(axis=1)
    step = (rows[1:] - rows[:-1])[np.arange(len(rows) - 1), order]
    require((step > 0).all(), "enumerate must be in lexicographic order, without duplicates")
    weights = np.random.default_rng(0).integers(1, 2**62, size=rows.shape[1], dtype=np.int64)
    found = np.isin(space.canonical(space.sample(200, 0)) @ weights, rows @ weights)
    require(found.all(), "enumerate misses a class of the space")
