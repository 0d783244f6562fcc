"""Recurrent cells of DARTS and ENAS: published counts, notation, canonical form against tree isomorphism, the cell itself."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.spaces import SPACES, Task, get_space

DARTS, ENAS = get_space("darts-rnn"), get_space("enas-rnn")
PUBLISHED = (
    "Genotype(recurrent=[('sigmoid', 0), ('relu', 1), ('relu', 1), ('identity', 1), ('tanh', 2), ('sigmoid', 5), ('tanh', 3), "
    "('relu', 5)], concat=range(1, 9))"
)
SMALL = Task((4,), outputs=(9, 4), dtype="int64", vocabulary=9, width=5)


def test_the_published_cell():
    """23 M parameters in the paper."""
    row = DARTS.parse(PUBLISHED)
    assert DARTS.costs(row)["params"] == 1700 * 1700 + 8 * 850 * 1700 + 10_000 * 850 + 10_000 == 22_960_000
    assert DARTS.format(row) == [PUBLISHED]
    np.testing.assert_array_equal(DARTS.parse(PUBLISHED.replace("range(1, 9)", "[1, 2, 3, 4, 5, 6, 7, 8]")), row)


@pytest.mark.parametrize(("space", "size"), [(DARTS, 2.6e9), (ENAS, 6.7e14)])
def test_sizes_of_the_papers(space, size):
    assert SPACES.entry(space.name).info["size"] == np.prod([int(c) for c in space.cardinalities], dtype=object)
    assert SPACES.entry(space.name).info["size"] == pytest.approx(size, rel=0.02)


def as_tree(space, row):
    graph = nx.DiGraph()
    graph.add_node(0, op="root")
    sources = space._sources(row[None])[0].tolist()
    for k, (source, op) in enumerate(zip(sources, row[1::2].tolist(), strict=True), 1):
        graph.add_node(k, op=op)
        graph.add_edge(source, k)
    return graph


@pytest.mark.parametrize("space", [DARTS, ENAS])
def test_canonical_is_isomorphism(space):
    rng = np.random.default_rng(0)
    rows = space.sample(40, 0)
    rows[:, 1::2] %= 2
    rows[:, 0::2] = np.minimum(rows[:, 0::2], rng.integers(0, 3, (40, space.nodes)))
    others = []
    for row in rows[:20]:  # another order of the same tree
        tree, place, made = as_tree(space, row), {0: 0}, []
        while len(place) <= space.nodes:
            ready = [k for k in tree if k not in place and next(tree.predecessors(k)) in place]
            k = int(rng.choice(ready))
            made += [place[next(tree.predecessors(k))], tree.nodes[k]["op"]]
            place[k] = len(place)
        made = np.array(made)
        made[0::2] -= space._offsets
        others.append(made)
    rows = np.concatenate([rows, others])
    canonical = [tuple(row) for row in space.canonical(rows).tolist()]
    trees = [as_tree(space, row) for row in rows]
    for i, j in combinations(range(len(rows)), 2):
        same = nx.is_isomorphic(trees[i], trees[j], node_match=lambda a, b: a["op"] == b["op"])
        assert same == (canonical[i] == canonical[j])
    assert canonical[:20] == canonical[40:]


def test_loose_ends_of_enas():
    chain = [(f"{'relu' if k % 2 else 'tanh'}", k) for k in range(12)]
    row = ENAS.parse(f"Genotype(recurrent={chain}, concat=[12])")
    model = ENAS.build(row[0], SMALL)
    cell = model.layers[0]
    x, state = torch.randn(2, 5), torch.randn(2, 5)
    value, maps = state, [cell.first, *cell.steps]
    given = torch.cat([x, state], dim=1)
    for k, linear in enumerate(maps):
        gate, update = linear(given).chunk(2, dim=1)
        value = value + gate.sigmoid() * ((update.relu() if k % 2 else update.tanh()) - value)
        given = value
    torch.testing.assert_close(cell(x, [state])[0], value)
    assert sum(p.numel() for p in model.parameters()) == ENAS.costs(row, task=SMALL)["params"]
    with pytest.raises(InvalidInputError, match=r"concat is \[11\], but the output of this cell is the mean of \[12\]"):
        ENAS.parse(f"Genotype(recurrent={chain}, concat=[11])")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("'sigmoid', 0", "'sigmoid', 1"), "('sigmoid', 1) must be one of tanh, relu, sigmoid, identity and a source from 0 to 0"),
        (("'identity'", "'swish'"), "('swish', 1) must be one of"),
        (("range(1, 9)", "range(2, 9)"), "concat is [2, 3, 4, 5, 6, 7, 8], but the output of this cell is the mean of [1, 2"),
        (("range(1, 9)", "range(1, 999999999)"), "concat is"),
        ((", ('relu', 5)]", "]"), "recurrent holds 7 nodes, not 8"),
        (("Genotype", "open"), "expected Genotype(recurrent="),
    ],
)  # fmt: skip
def test_malformed(change, message):
    with pytest.raises(InvalidInputError) as caught:
        DARTS.parse(PUBLISHED.replace(*change))
    assert message in str(caught.value)
