"""NAS-Bench-101 against networkx, hand counts and published tables."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT
from archcast.spaces import Task, get_space
from archcast.spaces.nasbench101 import EDGES, OPERATIONS
from archcast.spaces.nasbench101.network import node_channels

SPACE = get_space("nasbench101")
BEST = (
    "0111001;0000010;0000100;0000010;0000010;0000001;0000000|"
    "input,conv1x1-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,maxpool3x3,output"
)


def labelled_graph(row):
    """The cell pruned by networkx, with the label of every node."""
    graph = nx.DiGraph([edge for edge, bit in zip(EDGES, row, strict=False) if bit])
    graph.add_nodes_from([0, 6])
    live = (nx.descendants(graph, 0) | {0}) & (nx.ancestors(graph, 6) | {6})
    graph = graph.subgraph(live).copy()
    for node in graph:
        graph.nodes[node]["label"] = {0: "input", 6: "output"}.get(node) or OPERATIONS[row[len(EDGES) + node - 1]]
    return graph


def invariant(graph):
    """Equal for isomorphic graphs; cheap, and nearly always different for others."""
    colour = {node: (graph.nodes[node]["label"],) for node in graph}
    for _ in range(3):
        colour = {
            node: hash(
                (
                    colour[node],
                    tuple(sorted(map(hash, (colour[p] for p in graph.predecessors(node))))),
                    tuple(sorted(map(hash, (colour[s] for s in graph.successors(node))))),
                )
            )
            for node in graph
        }
    return tuple(sorted(map(hash, colour.values())))


def isomorphic(a, b):
    return nx.is_isomorphic(a, b, node_match=lambda x, y: x["label"] == y["label"])


def random_rows(n, seed):
    """Valid rows, dense and sparse, some with few nodes."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate(
        [rng.random((8 * n, 21)) < rng.uniform(0.2, 0.6, (8 * n, 1)), rng.integers(0, 3, (8 * n, 5))], 1
    )
    rows = rows.astype(np.int64)
    return rows[SPACE.is_valid(rows)][:n]


def test_canonical_is_graph_isomorphism_on_20000_cells():
    """One class, one graph: by networkx within each class, and between classes that share an invariant."""
    rows = np.concatenate([random_rows(12_000, 0), SPACE.sample(8_000, 1)])
    assert len(rows) == 20_000
    classes = defaultdict(list)
    for row, canonical in zip(rows.tolist(), SPACE.canonical(rows).tolist(), strict=True):
        classes[tuple(canonical)].append(labelled_graph(row))
    assert 3_000 < len(classes) < 15_000
    similar = defaultdict(list)
    for canonical, members in classes.items():
        first = labelled_graph(canonical)
        assert all(isomorphic(first, other) for other in members)
        similar[invariant(first)].append(first)
    for group in similar.values():
        assert not any(isomorphic(a, b) for k, a in enumerate(group) for b in group[:k])


def test_canonical_row_is_pruned_and_absent_nodes_come_last():
    canonical = SPACE.canonical(random_rows(2_000, 2))
    graphs = SPACE.graphs(canonical)
    np.testing.assert_array_equal(graphs.pruned().adjacency, graphs.adjacency)
    absent = (graphs.operations == ABSENT)[:, 1:-1]
    assert (absent[:, 1:] >= absent[:, :-1]).all()
    assert absent.any()
    assert not canonical[:, 21:][absent].any()


def test_validity_by_paths_and_edges():
    rng = np.random.default_rng(3)
    rows = np.concatenate([rng.random((800, 21)) < rng.uniform(0.05, 0.9, (800, 1)), rng.integers(0, 3, (800, 5))], 1)
    rows = rows.astype(np.int64)
    valid = []
    for row in rows.tolist():
        graph = labelled_graph(row)
        valid.append({0, 6} <= set(graph) and graph.number_of_edges() <= 9)
    assert 100 < sum(valid) < 700
    assert SPACE.is_valid(rows).tolist() == valid


def test_enumerate_finds_the_published_number_of_cells():
    rows = SPACE.enumerate()
    assert rows.shape == (423_624, 26)
    some = rows[:: len(rows) // 5_000]
    np.testing.assert_array_equal(SPACE.canonical(some), some)
    graphs = SPACE.graphs(some)
    assert graphs.adjacency.sum(axis=(1, 2)).max() == 9


def test_sample_is_uniform_over_valid_rows():
    """Every edge and operation as often as among valid rows found by filtering other random numbers."""
    rng = np.random.default_rng(11)
    rows = rng.integers(0, SPACE.cardinalities, size=(30_000, 26))
    rows = rows[SPACE.is_valid(rows)]
    sampled = SPACE.sample(20_000, 12)
    error = np.sqrt(rows.var(axis=0) * (1 / len(rows) + 1 / len(sampled)))
    assert (np.abs(rows.mean(axis=0) - sampled.mean(axis=0)) < 4.5 * error).all()


def test_best_cell_of_the_paper():
    row = SPACE.parse(BEST)
    assert SPACE.format(row) == [BEST]
    labels = BEST.split("|")[0] + "|-1,1,0,0,0,2,-2"
    np.testing.assert_array_equal(SPACE.parse(labels), row)
    np.testing.assert_array_equal(SPACE.graphs(row).operations, [[0, 3, 2, 2, 2, 4, 1]])


def test_short_cell_is_filled_up_with_absent_nodes():
    text = "0111;0001;0001;0000|input,maxpool3x3,conv3x3-bn-relu,output"
    row = SPACE.parse(text)
    assert {column for column, bit in zip(SPACE.columns, row[0], strict=True) if bit} == {
        *("0->1", "0->2", "0->6", "1->6", "2->6", "op1")
    }
    graphs = SPACE.graphs(row)
    assert graphs.operations.tolist() == [[0, 4, 2, ABSENT, ABSENT, ABSENT, 1]]
    assert SPACE.format(row) == [text]


def test_isolated_node_with_another_operation_is_kept_in_the_text():
    text = "001;000;000|input,maxpool3x3,output"
    assert SPACE.format(SPACE.parse(text)) == [text]
    assert SPACE.format(SPACE.canonical(SPACE.parse(text))) == ["01;00|input,output"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("01;00", "expected 2 operations"),
        ("01;00|input,conv3x3-bn-relu,output", "expected 2 operations"),
        ("01;00|output,input", "from input to output"),
        ("010;001|input,maxpool3x3,output", "square matrix"),
        ("012;001;000|input,maxpool3x3,output", "square matrix of 0 and 1"),
        ("010;101;000|input,maxpool3x3,output", "strictly upper triangular"),
        ("110;001;000|input,maxpool3x3,output", "strictly upper triangular"),
        ("010;001;000|input,conv5x5,output", "'conv5x5' is not one of conv3x3-bn-relu, conv1x1-bn-relu, maxpool3x3"),
        ("0|input", "2 to 7 rows"),
        ("010;000;000|input,maxpool3x3,output", "is not an architecture of space 'nasbench101'"),
        (
            "0111111;0000111;0000111;0000000;0000001;0000001;0000000|input" + ",maxpool3x3" * 5 + ",output",
            "is not an architecture of space 'nasbench101'",
        ),
    ],
)
def test_malformed_text(text, message):
    with pytest.raises(InvalidInputError) as caught:
        SPACE.parse(["01;00|input,output", text])
    assert repr(text) in str(caught.value)
    assert message in str(caught.value)


# -- network -----------------------------------------------------------------------------------------------------------


def parameters(text, **sizes):
    with torch.device("meta"):
        return sum(p.numel() for p in SPACE.build(SPACE.parse(text)[0], Task(**sizes)).parameters())


def conv(c_in, c_out, kernel):
    return kernel * kernel * c_in * c_out + 2 * c_out


def test_parameters_counted_by_hand():
    """A chain of one 3x3 convolution: the stem, nine cells with a projection each, the classifier."""
    widths = [128] * 4 + [256] * 3 + [512] * 3
    cells = sum(conv(a, b, 1) + conv(b, b, 3) for a, b in pairwise(widths))
    expected = conv(3, 128, 3) + cells + 513 * 10
    assert parameters("010;001;000|input,conv3x3-bn-relu,output") == expected
    assert parameters("010;001;000|input,conv3x3-bn-relu,output", stages=1, depth=2, width=8) == (
        conv(3, 8, 3) + 2 * (conv(8, 8, 1) + conv(8, 8, 3)) + 9 * 10
    )
    direct = sum(conv(a, b, 1) for a, b in pairwise(widths))
    assert parameters("01;00|input,output") == conv(3, 128, 3) + direct + 513 * 10


def test_dead_nodes_are_not_built():
    dead = "01100;00010;00000;00001;00000|input,conv1x1-bn-relu,conv3x3-bn-relu,maxpool3x3,output"
    assert parameters(dead, width=8) == parameters(
        "0100;0010;0001;0000|input,conv1x1-bn-relu,maxpool3x3,output", width=8
    )


def test_channels_are_shared_as_in_the_paper():
    matrix = SPACE.graphs(SPACE.parse(BEST)).adjacency[0].tolist()
    assert node_channels(16, 16, matrix) == [16, 16, 16, 16, 16, 16, 16]
    fan = np.zeros((6, 6), dtype=bool)
    fan[0, 1] = fan[1, 2] = fan[0, 3:5] = fan[2:5, 5] = True
    assert node_channels(8, 128, fan.tolist()) == [8, 43, 43, 43, 42, 128]


def test_cell_computes_what_the_paper_says():
    """Projection, addition, truncation to the node's channels, concatenation, written out for one cell."""
    text = "01111;00010;00001;00001;00000|input,conv1x1-bn-relu,conv3x3-bn-relu,maxpool3x3,output"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SPACE.build(SPACE.parse(text)[0], Task(width=5, depth=1)).eval()
        x = torch.randn(2, 5, 6, 6)
    cell = network.cells[0]
    projection, op = cell.projections, cell.operations
    assert cell.channels == [5, 2, 3, 2, 5]
    one = op["1"](projection["1"](x))
    two = op["2"](projection["2"](x))
    three = op["3"](one + projection["3"](x))
    torch.testing.assert_close(cell(x), torch.cat([two, three], dim=1) + projection["4"](x))


def test_width_that_cannot_be_shared():
    five = "0111110;0000001;0000001;0000001;0000001;0000000;0000000|input" + ",maxpool3x3" * 5 + ",output"
    with pytest.raises(
        InvalidInputError, match=r"task\.width is too small: 3 channels cannot be shared by the 4 nodes"
    ):
        SPACE.build(SPACE.parse(five)[0], Task(width=3))


# -- published tables --------------------------------------------------------------------------------------------------

CODES = {"0": "input", "1": "output", "2": "maxpool3x3", "3": "conv1x1-bn-relu", "4": "conv3x3-bn-relu"}
LABELS = {"-1": "input", "-2": "output", "0": "conv3x3-bn-relu", "1": "conv1x1-bn-relu", "2": "maxpool3x3"}


def test_strings_of_the_published_tables_round_trip(shared):
    table = pd.read_csv(shared / "benchmarks" / "nb101.csv.gz", dtype={"ops": str})
    texts = [f"{a}|{','.join(CODES[c] for c in ops)}" for a, ops in zip(table.adjacency, table.ops, strict=True)]
    assert SPACE.format(SPACE.parse(texts)) == texts


def test_hashes_and_parameters_of_the_published_tables(shared):
    table = pd.read_csv(shared / "benchmarks" / "nb101_ecnas_4ep.csv.gz").drop_duplicates("hash")
    texts = [f"{a}|{ops}" for a, ops in zip(table.adjacency, table.labels, strict=True)]
    rows = SPACE.parse(texts)
    named = [
        f"{a}|{','.join(LABELS[c] for c in ops.split(','))}"
        for a, ops in zip(table.adjacency, table.labels, strict=True)
    ]
    assert SPACE.format(rows) == named
    assert len(np.unique(SPACE.canonical(rows), axis=0)) == table.hash.nunique() == len(table)
    for text, count in list(zip(texts, table.params, strict=True))[::50]:
        assert parameters(text) == count
