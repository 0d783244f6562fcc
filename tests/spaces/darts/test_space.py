"""DARTS: canonical form against written-out functions and built cells, notation, sampling, network."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.darts import OPERATIONS
from archcast.spaces.darts.network import Cell, FactorizedReduce

SPACE = get_space("darts")
SKIP, AVERAGE = OPERATIONS.index("skip_connect"), OPERATIONS.index("avg_pool_3x3")
MAXIMUM = OPERATIONS.index("max_pool_3x3")
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=range(2, 6), "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), "
    "('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=range(2, 6))"
)


def written_out(cell, reduction):
    """The functions of the four nodes, sorted: each a multiset of terms, a term an operation on a multiset.

    Average pooling of stride one is linear: it is applied to each term.
    """
    values = [Counter({"x0": 1}), Counter({"x1": 1})]
    for k in range(4):
        total = Counter()
        for source, op in (cell[4 * k : 4 * k + 2], cell[4 * k + 2 : 4 * k + 4]):
            if op == SKIP and (source >= 2 or not reduction):
                total += values[source]
            elif op == AVERAGE and (source >= 2 or not reduction):
                total += Counter({("pooled", term): count for term, count in values[source].items()})
            else:
                total[op, tuple(sorted(values[source].items(), key=repr))] += 1
        values.append(total)
    return repr(sorted((sorted(value.items(), key=repr) for value in values[2:]), key=repr))


def with_many_skips(n, seed):
    """Sampled rows where most operations are skips and poolings, so that many are equal functions."""
    rows = SPACE.sample(n, seed)
    chance = np.random.default_rng(seed).random((n, 16))
    rows[:, 1::2][chance < 0.85] = SKIP
    rows[:, 1::2][chance < 0.35] = AVERAGE
    rows[:, 1::2][chance < 0.1] = MAXIMUM
    return rows


def reordered(row, rng):
    """The same architecture with inputs swapped and nodes in another order that is possible."""
    out = []
    for cell in (row[:16], row[16:]):
        nodes = [[(cell[4 * k], cell[4 * k + 1]), (cell[4 * k + 2], cell[4 * k + 3])] for k in range(4)]
        place = {0: 0, 1: 1}
        while len(place) < 6:
            k = int(rng.integers(4)) + 2
            if k not in place and all(source in place for source, _ in nodes[k - 2]):
                place[k] = len(place)
        for k in sorted(place, key=place.get)[2:]:
            for source, op in rng.permutation(nodes[k - 2]).tolist():
                out += [place[source], op]
    return out


def test_canonical_is_equality_of_functions():
    rows = np.concatenate([SPACE.sample(500, 0), with_many_skips(2_500, 1)])
    rows = np.concatenate([rows, SPACE.canonical(rows[:300]), SPACE.mutate(rows[-300:], 2)])
    canonical = SPACE.canonical(rows)
    for reduction, half in ((False, slice(0, 16)), (True, slice(16, 32))):
        found = [tuple(cell) for cell in canonical[:, half].tolist()]
        expected = [written_out(cell, reduction) for cell in rows[:, half].tolist()]
        assert 1_000 < len(set(found)) < 0.9 * len(rows)
        assert len(set(found)) == len(set(expected)) == len(set(zip(found, expected, strict=True)))


def test_pooling_a_sum_is_summing_what_is_pooled():
    """Node 4 is the average of node 2, or the sum of the averages of its two terms; with a maximum they differ, and so they do
    in the reduction cell, where averages of the inputs have stride two and nothing else has."""

    def rows(op):
        shared = [0, 3, 1, 4, 0, op, 1, op]  # node 2 = sep3(x0) + sep5(x1), node 3 = op(x0) + op(x1)
        direct, factored = [0, SKIP, 1, SKIP], [0, op, 1, op]
        one = [*direct, *factored, 0, 5, 1, 6, 2, op, 1, 5]  # node 2 = x0 + x1, node 5 = op(x0 + x1) + dil3(x1)
        two = [*direct, *factored, 0, 5, 1, 6, 3, SKIP, 1, 5]  # node 5 = (op(x0) + op(x1)) + dil3(x1)
        return np.array([one + shared + shared, two + shared + shared]), np.array(
            [shared + shared + one, shared + shared + two]
        )

    for op, merged in ((AVERAGE, True), (MAXIMUM, False)):
        normal, reduced = rows(op)
        assert len(np.unique(SPACE.canonical(normal), axis=0)) == (1 if merged else 2)
        assert len(np.unique(SPACE.canonical(reduced), axis=0)) == 2


def test_canonical_ignores_the_order_of_inputs_and_nodes():
    rng = np.random.default_rng(0)
    rows = np.concatenate([SPACE.sample(200, 3), with_many_skips(200, 4)])
    other = np.array([reordered(row, rng) for row in rows.tolist()])
    assert (other != rows).any(axis=1).mean() > 0.9
    np.testing.assert_array_equal(SPACE.canonical(other), SPACE.canonical(rows))


def test_canonical_is_the_smallest_row():
    """No reordering of a canonical row comes before it."""
    rng = np.random.default_rng(1)
    for row in SPACE.canonical(with_many_skips(50, 5)).tolist():
        assert all(reordered(row, rng) >= row for _ in range(10))


def nodes_of(cell, reduction):
    """``(4,)`` projections of the nodes of a built cell; operations of one kind and stride have the same weights."""
    network = Cell(cell, 4, 4, 4, reduction, False).double().eval()
    for k, op in enumerate(network.operations):
        seed = 10 * cell[2 * k + 1] + (reduction and cell[2 * k] < 2)
        generator = torch.Generator().manual_seed(int(seed))
        for parameter in op.parameters():
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    for parameter in [*network.preprocess0.parameters(), *network.preprocess1.parameters()]:
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    x = torch.randn(2, 1, 4, 8, 8, generator=generator, dtype=torch.float64)
    out = network(x[0], x[1]).detach().reshape(4, -1)
    return np.sort((out @ torch.randn(out.shape[1], generator=generator, dtype=torch.float64)).numpy())


@pytest.mark.parametrize("reduction", [False, True])
def test_built_cells_agree(reduction):
    """Equal canonical cells compute the same nodes; cells of different canonical form do not."""
    columns = slice(16, 32) if reduction else slice(0, 16)
    with torch.random.fork_rng(devices=[]):
        rows = with_many_skips(60, 6)
        canonical = SPACE.canonical(rows)[:, columns]
        outputs = [nodes_of(cell, reduction) for cell in rows[:, columns].tolist()]
        again = [nodes_of(cell, reduction) for cell in canonical.tolist()]
    np.testing.assert_allclose(outputs, again, rtol=1e-9)
    distinct = {tuple(cell): output for cell, output in zip(canonical.tolist(), outputs, strict=True)}
    values = np.array(list(distinct.values()))
    apart = np.abs(values[:, None] - values[None]).max(axis=2) > 1e-6
    assert apart[np.triu_indices(len(values), 1)].all()
    assert len(values) > 30


def test_sample_is_uniform():
    """Ordered pairs of different sources, and operations, are equally likely."""
    rows = SPACE.sample(20_000, 0)
    for cell in (0, 16):
        for k in range(4):
            a, b = rows[:, cell + 4 * k], rows[:, cell + 4 * k + 2]
            counts = np.bincount(a * 6 + b, minlength=36).reshape(6, 6)[: k + 2, : k + 2]
            assert not np.diag(counts).any()
            assert chisquare(counts[~np.eye(k + 2, dtype=bool)]).pvalue > 1e-4
            assert chisquare(np.bincount(rows[:, cell + 4 * k + 1])).pvalue > 1e-4


def test_genotype_of_darts():
    row = SPACE.parse(DARTS_V2)
    assert SPACE.format(row) == [DARTS_V2]
    listed = DARTS_V2.replace("range(2, 6)", "[2, 3, 4, 5]")
    np.testing.assert_array_equal(SPACE.parse(listed), row)
    with torch.device("meta"):
        network = SPACE.build(row[0], Task(width=36, depth=20))
    assert sum(p.numel() for p in network.parameters()) == 3_349_342, "3.35 M without auxiliary head in DARTS' own logs"


def test_network_of_the_benchmark():
    """NAS-Bench-301: 8 cells, reductions at the third and the sixth, 32 channels, preprocessing that halves after a reduction."""
    with torch.device("meta"):
        network = SPACE.build(SPACE.sample(1, 0)[0])
    channels = [cell.preprocess1[1].out_channels for cell in network.cells]
    assert channels == [32, 32, 64, 64, 64, 128, 128, 128]
    halving = [k for k, cell in enumerate(network.cells) if isinstance(cell.preprocess0, FactorizedReduce)]
    assert halving == [3, 6]
    assert network.stem[0].out_channels == 96
    assert network.classifier.in_features == 512


def test_graph():
    graphs = SPACE.graphs(SPACE.parse(DARTS_V2))
    normal, reduce = graphs.split()
    assert [graphs.op_names[code] for code in normal.operations[0, 2:-1]] == [
        *(["sep_conv_3x3"] * 5),
        *("skip_connect", "skip_connect", "dil_conv_3x3"),
    ]
    to_output = {(k, 10) for k in range(2, 10)}
    edges = {(0, 2), (1, 3), (0, 4), (1, 5), (1, 6), (0, 7), (0, 8), (2, 9), (3, 9)}
    assert {tuple(edge) for edge in np.argwhere(normal.adjacency[0]).tolist()} == edges | to_output
    second = {(0, 2), (1, 3), (2, 4), (3, 4), (1, 5), (0, 6), (2, 7), (3, 7), (2, 8), (3, 8), (1, 9)}
    assert {tuple(edge) for edge in np.argwhere(reduce.adjacency[0]).tolist()} == second | to_output


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("normal_concat=range(2, 6), ", "", "expected Genotype("),
        ("range(2, 6), reduce", "range(3, 6), reduce", "expected Genotype("),
        ("('dil_conv_3x3', 2)]", "('dil_conv_3x3', 2), ('dil_conv_3x3', 1)]", "normal must hold eight pairs"),
        ("('dil_conv_3x3', 2)]", "'dil_conv_3x3']", "normal must hold eight pairs"),
        ("('dil_conv_3x3', 2)]", "('conv', 2)]", "('conv', 2) must be one of max_pool_3x3"),
        ("('dil_conv_3x3', 2)]", "('dil_conv_3x3', '2')]", "must be one of max_pool_3x3"),
        ("('dil_conv_3x3', 2)]", "('dil_conv_3x3', 9)]", "outside 0..4"),
        ("('dil_conv_3x3', 2)]", "('dil_conv_3x3', 0)]", "is not an architecture"),
        ("('dil_conv_3x3', 2)]", "__import__('os')]", "normal is not a list"),
        ("('dil_conv_3x3', 2)]", "('dil_conv_3x3', 2]", "normal is not a list"),
    ],
)
def test_malformed_text(old, new, message):
    text = DARTS_V2.replace(old, new, 1)
    assert text != DARTS_V2
    with pytest.raises(InvalidInputError) as caught:
        SPACE.parse(text)
    assert message in str(caught.value)
