"""NAS-Bench-201: canonical form against written-out functions and against built networks, notation, network."""

from __future__ import annotations

import zlib
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.edge_cells import EDGES
from archcast.spaces.nasbench201.network import Cell

SPACE = get_space("nasbench201")
NONE, SKIP, CONV1, CONV3, POOL = range(5)


def written_out(row, linear_pool=True):
    """The cell's function as a multiset of terms; a term is the operations on the input, with the sums inside them.

    With a linear pooling a pooled sum is the sum of the pooled terms.
    """
    nodes = [Counter({"x": 1}), Counter(), Counter(), Counter()]
    for (i, j), op in sorted(zip(EDGES, row, strict=True), key=lambda edge: edge[0][1]):
        if op == SKIP:
            nodes[j] += nodes[i]
        elif op == POOL and linear_pool:
            nodes[j] += Counter({("pool", term): count for term, count in nodes[i].items()})
        elif op != NONE and nodes[i]:
            nodes[j][op, tuple(sorted(nodes[i].items(), key=repr))] += 1
    return tuple(sorted(nodes[3].items(), key=repr))


def same_partition(*labels):
    """Number of classes, if all labellings put the same rows together."""
    counts = [len(set(one)) for one in labels]
    return counts[0] if len(set(zip(*labels, strict=True))) == max(counts) == min(counts) else counts


@pytest.fixture(scope="module")
def rows():
    return SPACE.enumerate()


@pytest.fixture(scope="module")
def canonical(rows):
    return [tuple(row) for row in SPACE.canonical(rows).tolist()]


def test_4660_functions(rows, canonical):
    assert same_partition(canonical, [written_out(row) for row in rows.tolist()]) == 4_660
    apart = [written_out(row, linear_pool=False) for row in rows.tolist()]
    assert len(set(apart)) == len(set(zip(apart, canonical, strict=True))) == 4_930


def test_pooling_a_sum_is_summing_what_is_pooled():
    """pool(x + conv(x)), and pool(x) + pool(conv(x)); with a maximum they would differ, and so do convolutions."""
    sums = [[CONV3, NONE, SKIP, POOL, POOL, NONE], [CONV3, SKIP, SKIP, NONE, NONE, POOL]]
    assert len(np.unique(SPACE.canonical(sums), axis=0)) == 1
    learned = [[CONV3, NONE, SKIP, CONV1, CONV1, NONE], [CONV3, SKIP, SKIP, NONE, NONE, CONV1]]
    assert len(np.unique(SPACE.canonical(learned), axis=0)) == 2


@pytest.mark.parametrize(("zero", "count"), [(True, 6_466), (False, 12_751)])
def test_string_rules_of_the_paper_are_finer(rows, canonical, zero, count):
    """The paper writes a cell as a nested string with sorted sums: 6,466 strings, or 12,751 with zero edges like any operation.

    A skipped sum stays one part of the string and an operation on nothing is kept, so equal functions may have different
    strings; equal strings are always equal functions.
    """

    def string(row):
        nodes = ["x"]
        for j in (1, 2, 3):
            parts = []
            for (i, end), op in zip(EDGES, row, strict=True):
                if end == j:
                    if zero and (op == NONE or nodes[i] == "#"):
                        parts.append("#")
                    else:
                        parts.append(nodes[i] if op == SKIP else f"({nodes[i]})@{op}")
            nodes.append("+".join(sorted(parts)))
        return nodes[3]

    strings = [string(row) for row in rows.tolist()]
    assert len(set(strings)) == count == len(set(zip(strings, canonical, strict=True)))


def cell_outputs(rows):
    """``(n,)``: a random projection of the output of each built cell, all convolutions of one kind having the same weights.

    In evaluation mode batch norm is a fixed affine map, so every operation is the same fixed function wherever it stands.
    """
    generator = torch.Generator().manual_seed(0)
    c = 6
    x = torch.randn(1, c, 4, 4, generator=generator, dtype=torch.float64)
    direction = torch.randn(c * 16, generator=generator, dtype=torch.float64)
    shared = {}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        for op, kernel in ((CONV1, 1), (CONV3, 3)):
            shared[op] = nn.Sequential(
                nn.ReLU(), nn.Conv2d(c, c, kernel, padding=kernel // 2), nn.BatchNorm2d(c)
            ).double()
            shared[op].eval()
            for parameter in shared[op].parameters():
                parameter.normal_()
        out = []
        for row in rows:
            cell = Cell(list(row), c, c, pruned=True)
            for column, op in cell.edges.items():
                if row[int(column)] in shared:
                    assert isinstance(op[1], nn.Conv2d)
                    assert op[1].kernel_size == shared[row[int(column)]][1].kernel_size
                    cell.edges[column] = shared[row[int(column)]]
            out.append(float(cell(x).reshape(-1) @ direction))
    return np.array(out)


def clusters(values):
    """Labels of values that differ by rounding only; the gaps between others are far wider."""
    order = np.argsort(values)
    gaps = np.diff(values[order])
    assert not ((gaps > 1e-11) & (gaps < 1e-9)).any()
    labels = np.empty(len(values), dtype=int)
    labels[order] = np.concatenate([[0], np.cumsum(gaps > 1e-10)])
    return labels


def test_built_cells_confirm_the_functions(rows, canonical):
    """Numerically the cells are 4,660 functions: each class has one output, and no two classes have the same."""
    first = {written_out(row, linear_pool=False): k for k, row in reversed(list(enumerate(rows.tolist())))}
    some = sorted(first.values())
    assert len(some) == 4_930
    numeric = clusters(cell_outputs(rows[some].tolist())).tolist()
    assert same_partition(numeric, [canonical[k] for k in some]) == 4_660


def test_built_cells_of_one_class_are_equal(rows, canonical):
    some = np.random.default_rng(0).choice(len(rows), 1_500, replace=False)
    np.testing.assert_allclose(
        cell_outputs(rows[some].tolist()), cell_outputs([canonical[k] for k in some]), rtol=1e-10, atol=1e-10
    )


def test_whole_networks_of_one_class_are_equal(rows, canonical):
    """The same through stem, stages and head, in training mode, where batch norm takes its statistics from the batch."""
    task = Task((3, 8, 8), 5, 4, 2)
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def output(row):
        network = SPACE.build(row, task, pruned=True).double()
        for name, parameter in network.named_parameters():
            cell, place = name.split(".edges.") if ".edges." in name else (name, "")
            kind = row[int(place[0])] if place else ""
            seed = zlib.crc32(f"{cell} {kind} {place[2:]}".encode())
            values = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
            parameter.data.copy_(values)
        return network(x).detach().numpy()

    differ = [k for k in range(0, len(rows), 41) if tuple(rows[k].tolist()) != canonical[k]][:40]
    with torch.random.fork_rng(devices=[]):
        for k in differ:
            np.testing.assert_allclose(output(rows[k]), output(np.array(canonical[k])), rtol=1e-6, atol=1e-8)
        assert np.abs(output(rows[differ[0]]) - output(rows[differ[1]])).max() > 1e-3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|none~0|+|none~0|none~1|", "expected |op~0|+|op~0|op~1|+|op~0|op~1|op~2|"),
        ("|none~0|+|none~1|none~0|+|none~0|none~1|none~2|", "expected |op~0|+|op~0|op~1|"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|conv~2|", "'conv' is not one of none, skip_connect"),
        ("none~0+none~0|none~1+none~0|none~1|none~2", "expected |op~0|"),
    ],
)
def test_malformed_text(text, message):
    with pytest.raises(InvalidInputError) as caught:
        SPACE.parse(text)
    assert repr(text) in str(caught.value)
    assert message in str(caught.value)


def test_graph_of_a_cell():
    graphs = SPACE.graphs([[CONV3, NONE, SKIP, POOL, NONE, CONV1]])
    names = [graphs.op_names[code] for code in graphs.operations[0]]
    assert names == ["input", "nor_conv_3x3", "none", "skip_connect", "avg_pool_3x3", "none", "nor_conv_1x1", "output"]
    edges = [[0, 1], [0, 2], [0, 4], [1, 3], [1, 5], [2, 6], [3, 6], [4, 7], [5, 7], [6, 7]]
    assert np.argwhere(graphs.adjacency[0]).tolist() == edges
    assert np.argwhere(graphs.pruned().adjacency[0]).tolist() == [[0, 1], [0, 4], [1, 3], [3, 6], [4, 7], [6, 7]]


def test_parameters_of_the_paper():
    """All 3x3 convolutions at width 16 with 5 cells a stage: 1.53 M parameters in the paper's files."""
    with torch.device("meta"):
        full = sum(p.numel() for p in SPACE.build([CONV3] * 6).parameters())
        empty = sum(p.numel() for p in SPACE.build([NONE] * 6).parameters())
    cells = sum(5 * 6 * (9 * c * c + 2 * c) for c in (16, 32, 64))
    residual = sum(9 * c * 2 * c + 9 * 4 * c * c + 2 * c * c + 8 * c for c in (16, 32))
    assert empty == 3 * 9 * 16 + 32 + residual + 128 + 65 * 10
    assert full == empty + cells == 1_531_546


DEAD = {
    "leads nowhere": ([CONV3, CONV3, NONE, CONV3, NONE, NONE], [0, 1]),
    "starts at nothing": ([NONE, NONE, CONV1, CONV3, CONV3, NONE], [2, 4]),
    "both": ([NONE, NONE, CONV3, SKIP, NONE, NONE], [2]),
    "nothing at all": ([NONE, CONV3, CONV3, NONE, CONV1, NONE], [1, 2, 4]),
    "none": ([CONV3, SKIP, CONV1, POOL, CONV1, CONV3], []),
}


@pytest.mark.parametrize("case", DEAD)
def test_dead_edges_are_in_the_network_as_published(case):
    """They cost parameters. Those that start at a zero node give the shift of their batch norm, so that untrained networks are
    equal; those that lead nowhere give nothing."""
    row, dead = DEAD[case]
    task = Task((3, 8, 8), 5, 4, 2)
    sizes = [sum(p.numel() for p in SPACE.build(row, task, pruned=pruned).parameters()) for pruned in (False, True)]
    weights = {CONV1: 1, CONV3: 9}
    edges = sum(2 * (weights.get(row[column], 0) * c * c + 2 * c) for column in dead for c in (4, 8, 16))
    assert sizes[0] - sizes[1] == edges
    x = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pruned = SPACE.build(row, task, pruned=True)
        whole = SPACE.build(row, task)
    missing, unexpected = whole.load_state_dict(pruned.state_dict(), strict=False)
    assert not unexpected
    assert {name.split(".edges.")[1][0] for name in missing} == {str(column) for column in dead}
    torch.testing.assert_close(whole(x), pruned(x))


def test_a_node_that_nothing_reaches_gives_a_constant():
    """The shift of a batch norm is learnt, in the paper's networks as here."""
    cell = Cell([NONE, NONE, NONE, NONE, CONV3, NONE], 3, 3)
    with torch.no_grad():
        cell.edges["4"][2].bias.copy_(torch.tensor([1.0, -2.0, 0.5]))
    out = cell(torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(out, torch.tensor([1.0, -2.0, 0.5])[None, :, None, None].expand(2, 3, 4, 4))


def test_stages():
    """A single stage is stem, cells and head: nothing halves the image or doubles the channels."""
    for stages, last in ((1, 6), (2, 12)):
        network = SPACE.build([CONV3] * 6, Task((1, 8, 8), 10, 6, 2, stages))
        assert network.classifier.in_features == last
        cells = sum(2 * 6 * (9 * c * c + 2 * c) for c in (6, 12)[:stages])
        residual = (9 * 6 * 12 + 9 * 12 * 12 + 6 * 12 + 4 * 12) * (stages - 1)
        found = sum(p.numel() for p in network.parameters())
        assert found == (9 * 6 + 12) + cells + residual + 2 * last + (10 * last + 10)
        shapes = [block(torch.zeros(1, 6, 8, 8)).shape for block in network.cells[:2]]
        assert shapes == [(1, 6, 8, 8)] * 2


def test_strings_of_the_published_table_round_trip(shared):
    table = pd.read_csv(shared / "benchmarks" / "nb201_cifar10.csv.gz", usecols=["arch", "ops"], dtype=str)
    rows = SPACE.parse(table.arch)
    assert SPACE.format(rows) == table.arch.tolist()
    assert len(np.unique(rows, axis=0)) == 15_625


def test_parameters_of_the_published_table(shared):
    table = pd.read_csv(shared / "benchmarks" / "nb201_zc_cifar10.csv.gz", usecols=["index", "params"])
    arch = pd.read_csv(shared / "benchmarks" / "nb201_cifar10.csv.gz", usecols=["arch"]).arch
    table = table.dropna()[::400]
    assert len(table) > 20
    for index, millions in zip(table["index"], table.params, strict=True):
        with torch.device("meta"):
            network = SPACE.build(SPACE.parse(arch[index])[0])
        built = sum(p.numel() for p in network.parameters())
        assert float(f"{built / 1e6:.6g}") == millions
