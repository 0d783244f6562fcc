"""TransNAS-Bench-101, both spaces: canonical forms, counts, notations."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pandas as pd
import pytest

from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT
from archcast.spaces import get_space
from archcast.spaces.edge_cells import EDGES

MICRO, MACRO = get_space("transnasbench101-micro"), get_space("transnasbench101-macro")


def written_out(row, strided):
    """The cell's function as a multiset of terms; with stride two a skip from the input is an operation of its own."""
    nodes = [Counter({"x": 1}), Counter(), Counter(), Counter()]
    for (i, j), op in sorted(zip(EDGES, row, strict=True), key=lambda edge: edge[0][1]):
        if op == 1 and not (strided and i == 0):
            nodes[j] += nodes[i]
        elif op and nodes[i]:
            nodes[j][op, tuple(sorted(nodes[i].items(), key=repr))] += 1
    return tuple(sorted(nodes[3].items(), key=repr))


def test_canonical_is_equality_in_both_kinds_of_cell():
    """Cells of stride one alone would give 871 classes; the first cell of every module of stride two tells 1,229 apart."""
    rows = MICRO.enumerate()
    canonical = [tuple(row) for row in MICRO.canonical(rows).tolist()]
    functions = [(written_out(row, False), written_out(row, True)) for row in rows.tolist()]
    assert len({one for one, _ in functions}) == 871
    assert len(set(functions)) == len(set(canonical)) == len(set(zip(functions, canonical, strict=True))) == 1_229


def test_order_of_the_digits():
    row = MICRO.parse("64-41414-1_02_333")[0]
    assert dict(zip(MICRO.columns, row.tolist(), strict=True)) == {
        "0->1": 1, "0->2": 0, "1->2": 2, "0->3": 3, "1->3": 3, "2->3": 3
    }  # fmt: skip


@pytest.mark.parametrize("text", ["64-41414-4_02_333", "32-41414-1_02_333", "64-41414-1_02_33", "10233", "1_02_333"])
def test_malformed_micro(text):
    with pytest.raises(InvalidInputError, match="expected 64-41414-a_bc_def or the six digits alone, each 0 to 3"):
        MICRO.parse(text)


def test_strings_of_the_published_table(shared):
    table = pd.read_csv(shared / "benchmarks" / "tnb101_micro_val.csv.gz", dtype={"ops": str})
    rows = MICRO.parse(table.ops)
    assert ["".join(map(str, row)) for row in rows.tolist()] == table.ops.tolist()
    np.testing.assert_array_equal(MICRO.parse(MICRO.format(rows)), rows)
    dead = ~np.array([bool(written_out(row, False)) for row in rows.tolist()])
    assert table.class_scene[dead].nunique() == 1, "nets without a path score the same"


def test_macro_count_of_the_paper():
    """Four to six modules; one to four halve the resolution, one to three double the channels."""
    count = 0
    for length in (4, 5, 6):
        for modules in product((1, 2, 3, 4), repeat=length):
            halved = modules.count(3) + modules.count(4)
            doubled = modules.count(2) + modules.count(4)
            count += 1 <= halved <= 4 and 1 <= doubled <= 3
    assert count == len(MACRO.enumerate()) == len(np.unique(MACRO.canonical(MACRO.enumerate()), axis=0)) == 3_256


def test_macro_graph():
    graphs = MACRO.graphs(MACRO.parse(["64-1234-basic", "64-413121-basic"]))
    names = ["input", "normal", "double", "halve", "double-and-halve"]
    assert [graphs.op_names[code] for code in graphs.operations[0, :5]] == names
    assert graphs.operations[0, 5:].tolist() == [ABSENT, ABSENT, 1]
    assert np.argwhere(graphs.adjacency[0]).tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 7]]
    assert np.argwhere(graphs.adjacency[1]).tolist() == [[k, k + 1] for k in range(7)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("64-123-basic", "four to six digits from 1 to 4"),
        ("64-1235-basic", "four to six digits from 1 to 4"),
        ("64-1111-basic", "is not an architecture"),
        ("64-2222-basic", "is not an architecture"),
        ("64-444421-basic", "is not an architecture"),
    ],
)
def test_malformed_macro(text, message):
    with pytest.raises(InvalidInputError, match=message):
        MACRO.parse(text)
