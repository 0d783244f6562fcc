"""NDS' cells: published counts, notations, canonical form against graphs and written-out functions, dead parts."""

from __future__ import annotations

import json
from collections import Counter
from itertools import product

import networkx as nx
import numpy as np
import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.spaces import SPACES, Task, get_space
from archcast.spaces.base import SearchSpace
from archcast.spaces.darts.network import Cell
from archcast.spaces.nds.cells import ENAS

NAMES = ["nds-nasnet", "nds-amoeba", "nds-pnas", "nds-enas", "nds-darts"]
LOOSE = ["nds-nasnet", "nds-amoeba", "nds-enas"]
SMALL = Task((3, 8, 8), 3, width=8, depth=4)


def edges(*pairs):
    return [[op, source] for op, source in zip(pairs[0::2], pairs[1::2], strict=True)]


PUBLISHED = {  # of the documentation of NNI, with 4.190314 M parameters
    "normal": edges("avg_pool_3x3", 0, "conv_7x1_1x7", 1, "sep_conv_3x3", 2, "sep_conv_5x5", 0, "dil_sep_conv_3x3", 2,
                    "dil_sep_conv_3x3", 2, "skip_connect", 4, "dil_sep_conv_3x3", 4, "conv_7x1_1x7", 2, "sep_conv_3x3", 4),
    "normal_concat": [3, 5, 6],
    "reduce": edges("avg_pool_3x3", 0, "dil_sep_conv_3x3", 1, "sep_conv_3x3", 0, "sep_conv_3x3", 0, "skip_connect", 2,
                    "sep_conv_7x7", 0, "conv_7x1_1x7", 4, "skip_connect", 4, "conv_7x1_1x7", 0, "conv_7x1_1x7", 5),
    "reduce_concat": [3, 6],
}  # fmt: skip


def as_nni(genotype, **more):
    out = {f"{name}_concat": genotype[f"{name}_concat"] for name in ("normal", "reduce")}
    for name in ("normal", "reduce"):
        for k, (op, source) in enumerate(genotype[name]):
            out |= {f"{name}_{k // 2}_op_{'xy'[k % 2]}": op, f"{name}_{k // 2}_input_{'xy'[k % 2]}": source}
    return json.dumps(out | more)


def as_genotype(genotype):
    parts = {k: [tuple(e) for e in v] if "concat" not in k else v for k, v in genotype.items()}
    return f"Genotype({', '.join(f'{name}={value}' for name, value in parts.items())})"


def test_a_published_network():
    space = get_space("nds-amoeba")
    row = space.parse(as_nni(PUBLISHED, width=32, depth=12, num_nodes_normal=5))
    found = space.costs(row)
    assert found["params"] == 4_190_314
    assert found["macs"] == pytest.approx(664.400586e6, rel=0.015), "the published count has more than multiplications"
    with torch.device("meta"):
        assert sum(p.numel() for p in space.build(row[0]).parameters()) == 4_190_314


@pytest.mark.parametrize(
    ("name", "size"), [*dict(zip(NAMES, (5.1e33, 3.1e29, 3.1e29, 2.6e25, 6.9e21), strict=True)).items()]
)
def test_sizes_of_the_papers(name, size):
    """Without the fifteen choices of width and depth."""
    space = get_space(name)
    assert SPACES.entry(name).info["size"] / 15 == pytest.approx(size, rel=0.02)
    assert float(SPACES.entry(name).info["size"]) == pytest.approx(np.prod(np.array(space.cardinalities, dtype=float)))


def test_three_notations():
    space = get_space("nds-amoeba")
    job = {"genotype": PUBLISHED, "width": 32, "depth": 20, "aux": False, "drop_prob": 0.0}
    rows = space.parse([json.dumps(job), as_nni(PUBLISHED), as_genotype(PUBLISHED)])
    assert (rows == rows[0]).all()
    assert rows[0, -2:].tolist() == [2, 4]
    assert json.loads(space.format(rows)[0]) == {"genotype": PUBLISHED, "width": 32, "depth": 20}


def test_genotypes_of_the_darts_literature():
    """Ranges are read; the same source twice is refused by ``darts`` and read here."""
    cell = [("sep_conv_3x3", 0), ("skip_connect", 0)] * 4
    text = f"Genotype(normal={cell}, normal_concat=range(2, 6), reduce={cell}, reduce_concat=range(2, 6))"
    row = get_space("nds-darts").parse(text)
    assert row[0, :4].tolist() == [0, 1, 0, 0]
    with pytest.raises(InvalidInputError, match="nds-darts"):
        get_space("darts").parse(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normal_concat": [2, 3, 4, 5, 6]}, "the space concatenates the nodes that no other takes in: [3, 5, 6]"),
        ({"normal_concat": 3}, "normal_concat must be a list of nodes"),
        ({"reduce": PUBLISHED["reduce"][:-2]}, "reduce must hold 10 pairs"),
        (
            {"reduce": [["conv_3x3", 0], *PUBLISHED["reduce"][1:]]},
            "dil_sep_conv_3x3, conv_7x1_1x7 and a source from 0 to 1",
        ),
        ({"reduce": [["skip_connect", 2], *PUBLISHED["reduce"][1:]]}, "a source from 0 to 1"),
        ({"reduce": [["skip_connect", True], *PUBLISHED["reduce"][1:]]}, "a source from 0 to 1"),
        ({"width": 36}, "width is 36, not one of (16, 24, 32)"),
        ({"depth": True}, "depth is True, not one of"),
    ],
)
def test_malformed(change, message):
    with pytest.raises(InvalidInputError) as caught:
        get_space("nds-amoeba").parse(json.dumps({**PUBLISHED, **change}))
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["Genotype(normal=__import__('os'))", "Genotype(*[1])", "Genotype(normal=range(10**9))",
                                  "Genotype(normal=[" + "[" * 5000, "[1]", "{" * 5000])  # fmt: skip
def test_nothing_is_evaluated(text):
    with pytest.raises(InvalidInputError, match=r"expected|Genotype\(normal=\.\.\."):
        get_space("nds-amoeba").parse(text)


# -- canonical form ----------------------------------------------------------------------------------------------------


def few_operations(space, n, seed):
    """Rows in which much is equal."""
    rows = space.sample(n, seed)
    rows[:, 1:-2:2] %= 2
    rows[:, 0:-2:2] = np.minimum(rows[:, 0:-2:2], np.tile([2, 2, 3, 3] * space.kind.nodes, 2)[: rows.shape[1] // 2 - 1])
    rows[:, 0:2] = np.minimum(rows[:, 0:2], 1)
    rows[:, 4 * space.kind.nodes : 4 * space.kind.nodes + 3 : 2] %= 2
    rows[:, [0, 2]] %= 2
    return rows


def reordered(space, row, rng):
    """The same network: inputs swapped, nodes in another order that is possible."""
    out = []
    for half in space._cells(row[None]):
        cell = half[0].reshape(-1, 4).tolist()
        place, todo, made = {0: 0, 1: 1}, list(range(len(cell))), []
        while todo:
            ready = [k for k in todo if cell[k][0] in place and cell[k][2] in place]
            k = int(rng.choice(ready))
            a, ops_a, b, ops_b = cell[k]
            pair = [(place[a], ops_a), (place[b], ops_b)]
            made += [value for term in (pair if rng.random() < 0.5 else pair[::-1]) for value in term]
            place[k + 2] = len(place)
            todo.remove(k)
        out += made
    return [*out, *row[-2:].tolist()]


@pytest.mark.parametrize("name", NAMES)
def test_order_of_nodes_and_inputs_is_free(name):
    space, rng = get_space(name), np.random.default_rng(0)
    rows = np.concatenate([space.sample(60, 1), few_operations(space, 60, 2)])
    others = np.array([reordered(space, row, rng) for row in rows])
    assert (others != rows).any(axis=1).mean() > 0.9
    np.testing.assert_array_equal(space.canonical(others), space.canonical(rows))
    for pruned in (False, True) if space.kind.loose else ():  # a function may be written with fewer convolutions
        before, after = (space.costs(some, pruned=pruned) for some in (rows, space.canonical(rows)))
        for cost in before:
            np.testing.assert_array_equal(before[cost], after[cost], err_msg=cost)


def as_graph(cell):
    """The cell with every operation as a node."""
    graph = nx.DiGraph()
    graph.add_node(0, op="in0")
    graph.add_node(1, op="in1")
    for k, (a, op_a, b, op_b) in enumerate(np.reshape(cell, (-1, 4)).tolist(), 2):
        graph.add_node(k, op="sum")
        for side, (source, op) in enumerate(((a, op_a), (b, op_b))):
            graph.add_node((k, side), op=op)
            graph.add_edges_from([(source, (k, side)), ((k, side), k)])
    return graph


@pytest.mark.parametrize("name", LOOSE)
def test_loose_ends_canonical_is_isomorphism(name):
    space = get_space(name)
    rows = few_operations(space, 40, 3)
    cells = np.unique(np.concatenate(space._cells(rows)), axis=0)[:40]
    whole = np.concatenate([cells, cells, np.zeros((len(cells), 2), dtype=int)], axis=1)
    found = [tuple(row) for row in space.canonical(whole).tolist()]
    graphs = [as_graph(cell) for cell in cells]
    same = {
        (i, j)
        for i, j in product(range(len(cells)), repeat=2)
        if nx.is_isomorphic(graphs[i], graphs[j], node_match=lambda a, b: a["op"] == b["op"])
    }
    assert same == {(i, j) for i, j in product(range(len(cells)), repeat=2) if found[i] == found[j]}


def written_out(space, cell, reduction):
    """The functions of the nodes, sorted: each a multiset of terms; the same source twice counts twice."""
    kind = space.kind
    values = [Counter({"x0": 1}), Counter({"x1": 1})]
    for k in range(kind.nodes):
        total = Counter()
        for source, op in (cell[4 * k : 4 * k + 2], cell[4 * k + 2 : 4 * k + 4]):
            name, plain = kind.operations[op], source >= 2 or not reduction
            if name == "skip_connect" and plain:
                total += values[source]
            elif name == "avg_pool_3x3" and plain:
                total += Counter({("pooled", term): count for term, count in values[source].items()})
            else:
                total[op, tuple(sorted(values[source].items(), key=repr))] += 1
        values.append(total)
    return repr(sorted((sorted(value.items(), key=repr) for value in values[2:]), key=repr))


@pytest.mark.parametrize("name", ["nds-pnas", "nds-darts"])
def test_canonical_is_equality_of_functions_where_all_nodes_are_joined(name):
    space = get_space(name)
    rows = space.sample(1_500, 4)
    skip, average = (space.kind.operations.index(op) for op in ("skip_connect", "avg_pool_3x3"))
    chance = np.random.default_rng(0).random((len(rows), rows.shape[1] // 2 - 1))
    rows[:, 1:-2:2][chance < 0.8] = skip
    rows[:, 1:-2:2][chance < 0.2] = average
    rows[:, -2:] = 0
    rows[:, 4 * space.kind.nodes : -2] = rows[0, 4 * space.kind.nodes : -2]
    rng = np.random.default_rng(1)
    rows = np.concatenate([rows, [reordered(space, row, rng) for row in rows[:300]]])
    canonical = [tuple(row) for row in space.canonical(rows).tolist()]
    functions = [written_out(space, row[: 4 * space.kind.nodes], False) for row in rows.tolist()]
    assert len(set(functions)) < len({tuple(row) for row in rows.tolist()})
    assert len(set(functions)) == len(set(canonical)) == len(set(zip(functions, canonical, strict=True)))


# -- networks ----------------------------------------------------------------------------------------------------------


def test_the_same_source_twice_counts_twice():
    """skip + skip is twice the input."""
    skip = ENAS.operations.index("skip_connect")
    row = [0, skip, 0, skip] + [0, skip, 1, skip] * 4
    cell = Cell(row, 4, 4, 4, False, False, ENAS)
    x = torch.randn(2, 4, 5, 5)
    out = cell(x, x)
    assert out.shape == (2, 5 * 4, 5, 5)
    torch.testing.assert_close(out[:, :4], 2 * cell.preprocess0(x))


def test_an_output_of_loose_ends():
    skip = ENAS.operations.index("skip_connect")
    chain = [0, skip, 1, skip, 2, skip, 2, skip, 3, skip, 3, skip, 4, skip, 4, skip, 5, skip, 5, skip]
    cell = Cell(chain, 4, 4, 4, False, False, ENAS)
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(cell(x, x), 16 * (cell.preprocess0(x) + cell.preprocess1(x)))


def test_dead_inputs_and_cells_are_left_out():
    """Cells that look two cells back leave every second one out."""
    space = get_space("nds-enas")
    far = [["sep_conv_3x3", 0], ["skip_connect", 0]] * 5
    genotype = {"normal": far, "normal_concat": [2, 3, 4, 5, 6], "reduce": far, "reduce_concat": [2, 3, 4, 5, 6]}
    row = space.parse(json.dumps({"genotype": genotype, "width": 32, "depth": 20}))
    whole, pruned = (space.build(row[0], SMALL, pruned=pruned) for pruned in (False, True))
    assert (len(whole.cells), len(pruned.cells)) == (4, 2)
    assert not any("preprocess1" in name for name, _ in pruned.named_parameters())
    for convention in ("macs", "tensorwatch"):
        for of in (False, True):
            found = space.costs(row, convention, task=SMALL, pruned=of)
            built = SearchSpace.costs(space, row, convention, task=SMALL, pruned=of)
            assert found == built
    pruned.eval(), whole.eval()
    state = {**whole.state_dict()}
    alive = [k for k, there in enumerate(pruned.alive) if there]
    renamed = {}
    for name in pruned.state_dict():
        parts = name.split(".")
        if parts[0] == "cells":
            parts[1] = str(alive[int(parts[1])])
        renamed[name] = state[".".join(parts)]
    pruned.load_state_dict(renamed)
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(pruned(x), whole(x))


def test_width_and_depth_are_seen_by_predictors():
    from archcast.predictors.features import suited

    space = get_space("nds-darts")
    assert suited("auto", space)[-1] == "counts"
    rows = np.repeat(space.sample(1, 0), 2, axis=0)
    rows[:, -2] = 0, 2
    assert np.diff(space.costs(rows)["params"])[0] > 0
