"""NASBOT's networks: parameters by hand, edits as moves, layers in another order, what its distance sees."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import archcast
from archcast.errors import InvalidInputError

SPACE = archcast.get_space("nasbot")
NETWORK = {
    "layers": [
        ["conv3", 64, [0]],
        ["max-pool", None, [1]],
        ["res3", 64, [2]],
        ["res5", 32, [2]],
        ["conv7", 16, [1, 3]],
        ["avg-pool", None, [3, 5]],
    ],
    "fc": [256, 128],
}
"""Loose ends are layers 4 (32 channels) and 6 (64 + 16)."""


def row_of(network):
    return SPACE.parse(json.dumps(network))


def test_parameters_depth_and_multiplications_by_hand():
    row = row_of(NETWORK)
    assert json.loads(SPACE.format(row)[0]) == NETWORK

    def conv(a, b, k):
        return k * k * a * b

    weights = [
        (conv(3, 64, 3), 32),
        (conv(64, 64, 3) + conv(64, 64, 3), 16),
        (conv(64, 32, 5) + conv(32, 32, 5) + conv(64, 32, 1), 16),
        (conv(64 + 64, 16, 7), 16),
    ]
    norms = 2 * (64 + 2 * 64 + 3 * 32 + 16)
    ends = 32 + 64 + 16
    linear = ends * 256 + 256 * 128 + 128 * 10
    found = SPACE.costs(row)
    assert found["params"][0] == sum(w for w, _ in weights) + norms + linear + 256 + 128 + 10
    assert found["macs"][0] == sum(w * side**2 for w, side in weights) + linear
    assert found["depth"][0] == 1 + 2 + 1 + 3


def test_the_graph_has_the_layers_with_their_units():
    graphs = SPACE.graphs(row_of(NETWORK))
    there = np.flatnonzero(graphs.operations[0] >= 0)
    names = [graphs.op_names[op] for op in graphs.operations[0, there]]
    assert names == [*("input", "conv3", "max-pool", "res3", "res5", "conv7", "avg-pool", "fc", "fc", "output")]
    assert graphs.units[0, there].tolist() == [3, 64, 64, 64, 32, 16, 80, 256, 128, 10]
    place = {int(node): k for k, node in enumerate(there)}
    edges = [(place[int(i)], place[int(j)]) for i, j in np.argwhere(graphs.adjacency[0])]
    assert sorted(edges) == [
        *((0, 1), (1, 2), (1, 5), (2, 3), (2, 4), (3, 5), (3, 6), (4, 7), (5, 6), (6, 7), (7, 8), (8, 9))
    ]


def changed(number, layer):
    return {**NETWORK, "layers": [*NETWORK["layers"][:number], layer, *NETWORK["layers"][number + 1 :]]}


def test_edits_of_the_paper_are_moves():
    near = {json.dumps(json.loads(text)) for text in SPACE.format(SPACE.neighbors(row_of(NETWORK)[0]))}

    edits = [
        changed(0, ["conv3", 128, [0]]),  # units
        changed(0, ["conv5", 64, [0]]),  # label
        changed(3, ["res5", 32, [1, 2]]),  # skip
        {**NETWORK, "layers": NETWORK["layers"][:5]},  # remove the last
        {**NETWORK, "fc": [256]},
    ]
    assert not [edit for edit in edits if json.dumps(edit) not in near]
    deeper = [text for text in near if len(json.loads(text)["layers"]) == 7]
    assert all(json.loads(text)["layers"][:6] == NETWORK["layers"] for text in deeper)
    assert {json.loads(text)["layers"][6][0] for text in deeper} == set(SPACE.operations) - {"fc"}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_layers_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    network = json.loads(SPACE.format(SPACE.sample(1, seed))[0])
    layers = network["layers"]
    left, order = set(range(len(layers))), []
    while left:  # another topological order
        ready = sorted(k for k in left if all(s == 0 or s - 1 in order for s in layers[k][2]))
        order.append(int(rng.choice(ready)))
        left.remove(order[-1])
    place = [0, *(1 + order.index(k) for k in range(len(layers)))]
    moved = [[label, units, sorted(place[s] for s in given)] for label, units, given in (layers[k] for k in order)]
    row, twin = row_of(network), row_of({**network, "layers": moved})
    np.testing.assert_array_equal(SPACE.canonical(row), SPACE.canonical(twin))
    same = json.loads(SPACE.format(SPACE.canonical(row))[0])
    assert same["fc"] == network["fc"]
    assert Counter(str(layer[:2]) for layer in same["layers"]) == Counter(str(layer[:2]) for layer in layers)
    costs = SPACE.costs(np.concatenate([row, twin, SPACE.canonical(row)]))
    assert all(len(set(values.tolist())) == 1 for values in costs.values())


def test_different_networks_stay_different():
    other = [dict(NETWORK) for _ in range(3)]
    other[0] = {**NETWORK, "fc": [128, 256]}
    other[1] = {**NETWORK, "layers": [*NETWORK["layers"][:5], ["avg-pool", None, [4, 5]]]}
    other[2] = {**NETWORK, "layers": [*NETWORK["layers"][:5], ["max-pool", None, [3, 5]]]}
    rows = SPACE.canonical(np.concatenate([row_of(network) for network in (NETWORK, *other)]))
    assert len(np.unique(rows, axis=0)) == 4


def test_inputs_of_different_resolution_are_concatenated_at_the_smaller():
    network = SPACE.build(row_of(NETWORK)[0], archcast.Task((3, 16, 12), 4, width=64)).eval()
    seen = {}
    network.layers[4].body.register_forward_hook(lambda module, given, out: seen.update(given=given[0]))
    outs = {}
    for k in (0, 2):
        network.layers[k].register_forward_hook(lambda module, given, out, k=k: outs.update({k: out}))
    assert network(torch.randn(2, 3, 16, 12)).shape == (2, 4)
    small = outs[0].reshape(2, -1, 8, 2, 6, 2).mean(dim=(3, 5))
    torch.testing.assert_close(seen["given"], torch.cat([small, outs[2]], dim=1))


def test_the_distance_of_the_paper_reads_labels_and_units():
    rows = SPACE.sample(12, 0)
    targets = np.log(SPACE.costs(rows)["params"])
    predictor = archcast.get_predictor("gp-ot", "nasbot").fit(rows, targets)
    mean = predictor.predict(rows)
    assert np.corrcoef(mean, targets)[0, 1] > 0.9


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"layers": NETWORK["layers"]}, "expected"),
        ({"layers": [], "fc": []}, "expected"),
        ({**NETWORK, "fc": [8, 8, 8]}, "expected"),
        ({**NETWORK, "fc": [9]}, "units of a layer of fc are 9"),
        (changed(0, ["conv4", 64, [0]]), "layer 1 is"),
        (changed(0, ["conv3", 60, [0]]), "units of layer 1 are 60"),
        (changed(1, ["max-pool", 64, [1]]), "layer 2 is a pooling with 64 units"),
        (changed(1, ["max-pool", None, [2]]), "inputs of layer 2"),
        (changed(1, ["max-pool", None, [1, 1]]), "inputs of layer 2"),
        (changed(1, ["max-pool", None, []]), "inputs of layer 2"),
    ],
)
def test_texts_that_are_no_rows(network, message):
    with pytest.raises(InvalidInputError, match=message):
        row_of(network)
