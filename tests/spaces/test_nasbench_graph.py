"""NAS-Bench-Graph against the benchmark's own package."""

from __future__ import annotations

import numpy as np
import pytest
from nas_bench_graph import Arch
from nas_bench_graph.architecture import gnn_list, link_list

from archcast.errors import InvalidInputError
from archcast.spaces import get_space
from archcast.spaces.nasbench_graph import LINKS, OPERATIONS

SPACE = get_space("nasbench-graph")


def test_names_are_those_of_the_package():
    assert [list(links) for links in LINKS] == link_list
    assert list(OPERATIONS) == gnn_list


def test_canonical_is_the_equivalence_of_the_package_on_all_rows():
    rows = SPACE.enumerate()
    canonical = SPACE.canonical(rows)
    hashes = [Arch(row[:4], [gnn_list[op] for op in row[4:]]).valid_hash() for row in rows.tolist()]
    pairs = set(zip(map(tuple, canonical.tolist()), hashes, strict=True))
    assert len(rows) == 9 * (9**4 - 1)
    assert len(np.unique(canonical, axis=0)) == len(set(hashes)) == len(pairs) == 26_206


@pytest.mark.parametrize("links", [(0, a, b, c) for a in range(2) for b in range(3) for c in range(4)])
def test_every_tree_is_read_as_one_of_the_nine(links):
    ops = ["gat", "gcn", "gin", "fc"]
    row = SPACE.parse(f"Arch({list(links)}, {ops})")[0].tolist()
    assert tuple(row[:4]) in LINKS
    if links in LINKS:
        assert row == [*links, *(OPERATIONS.index(op) for op in ops)]

    def edges(sources, names):
        return {("input" if k == 0 else names[k - 1], name) for k, name in zip(sources, names, strict=True)}

    assert edges(row[:4], [OPERATIONS[op] for op in row[4:]]) == edges(links, ops)


def test_graph():
    graphs = SPACE.graphs(SPACE.parse("Arch([0, 0, 1, 3], ['gcn', 'skip', 'fc', 'gat'])"))
    assert [graphs.op_names[code] for code in graphs.operations[0]] == ["input", "gcn", "skip", "fc", "gat", "output"]
    assert np.argwhere(graphs.adjacency[0]).tolist() == [[0, 1], [0, 2], [1, 3], [2, 5], [3, 4], [4, 5]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Arch([0, 0, 0], ['gcn', 'gcn', 'gcn', 'gcn'])", "expected four links"),
        (
            "Arch([0, 2, 0, 0], ['gcn', 'gcn', 'gcn', 'gcn'])",
            "expected four links, each to the input (0) or to an earlier",
        ),
        ("Arch([0, 0, 0, 0], ['gcn', 'gcn', 'gcn'])", "expected four operations"),
        ("Arch([0, 0, 0, 0], ['gcn', 'gcn', 'gcn', 'conv'])", "expected four operations of gat, gcn"),
        ("Arch([0, 0, 0, 0], [gcn, gcn, gcn, gcn])", "quoted names"),
        ("Arch([0, 0, 0, 0], ['gcn', 'gcn', 'gcn', 'gcn)", "expected Arch("),
        ("Arch([0, 0, 0, 0], ['skip', 'skip', 'skip', 'skip'])", "is not an architecture"),
        ("[0, 0, 0, 0], ['gcn', 'gcn', 'gcn', 'gcn']", "expected Arch("),
    ],
)
def test_malformed_text(text, message):
    with pytest.raises(InvalidInputError) as caught:
        SPACE.parse(text)
    assert message in str(caught.value)
