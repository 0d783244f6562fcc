"""Auto-Keras' networks: parameters by hand, morphs as moves, skip connections, what its edit distance sees."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import archcast
from archcast.errors import InvalidInputError

SPACE = archcast.get_space("auto-keras")
LAYERS = [[64, True, None], [32, True, None], [64, False, ["add", 1]], [128, True, ["concat", 2]]]
TEXT = json.dumps(LAYERS)


def test_parameters_and_depth_by_hand():
    row = SPACE.parse(TEXT)
    assert json.loads(SPACE.format(row)[0]) == LAYERS

    def conv(a, b, k):
        return k * k * a * b + 2 * b

    expected = conv(3, 64, 3) + conv(64, 32, 3) + conv(32, 64, 3) + conv(64, 64, 1) + conv(64, 128, 3)
    expected += conv(128 + 32, 128, 1) + 128 * 10 + 10
    found = SPACE.costs(row)
    assert found["params"][0] == expected
    assert found["depth"][0] == 4 + 1 + 1
    pixels = [32 * 32, 16 * 16, 8 * 8, 8 * 8, 8 * 8, 4 * 4]
    layers = [9 * 3 * 64, 9 * 64 * 32, 9 * 32 * 64, 64 * 64, 9 * 64 * 128, 160 * 128]
    assert found["macs"][0] == np.dot(pixels, layers) + 1280


def test_the_graph_has_the_layers_with_their_units():
    graphs = SPACE.graphs(SPACE.parse(TEXT)).pruned()
    there = np.flatnonzero(graphs.operations[0] >= 0)
    names = [graphs.op_names[op] for op in graphs.operations[0, there]]
    assert names == [
        *("input", "conv3", "max-pool", "conv3", "max-pool", "conv3", "add", "conv3", "max-pool", "concat", "output")
    ]
    assert graphs.units[0, there].tolist() == [3, 64, 64, 32, 32, 64, 64, 128, 128, 128, 10]
    place = {int(node): k for k, node in enumerate(there)}
    edges = [(place[int(i)], place[int(j)]) for i, j in np.argwhere(graphs.adjacency[0])]
    chain = [(k, k + 1) for k in range(10)]
    assert sorted(edges) == sorted([*chain, (2, 6), (4, 9)])


def test_the_morphs_of_the_paper_are_moves():
    near = set(SPACE.format(SPACE.neighbors(SPACE.parse(TEXT)[0])))
    wider = [[64, True, None], [64, True, None], *LAYERS[2:]]
    deeper = [*LAYERS, [16, False, None]]
    added, joined = ([*LAYERS[:1], [32, True, [kind, 1]], *LAYERS[2:]] for kind in ("add", "concat"))
    for morph in (wider, deeper, added, joined):
        assert json.dumps(morph) in near


def test_a_skip_connection_is_brought_to_the_resolution_by_average_pooling():
    network = SPACE.build(SPACE.parse(TEXT)[0], archcast.Task((3, 9, 7), 4, width=16)).eval()
    seen = {}
    for k, layer in enumerate(network.layers):
        layer.register_forward_hook(lambda module, given, out, k=k: seen.update({k: out}))
    assert network(torch.randn(2, 3, 9, 7)).shape == (2, 4)
    first, third, added = seen[1], seen[4], seen[5]
    assert first.shape[2:] == (5, 4)
    assert third.shape[2:] == (3, 2)
    padded = torch.nn.functional.pad(first, (0, 0, 0, 1))
    small = padded.reshape(2, -1, 3, 2, 2, 2).sum(dim=(3, 5)) / torch.tensor([4.0, 4.0, 2.0])[:, None]
    torch.testing.assert_close(added, third + network.layers[5].body(small))


@pytest.mark.parametrize("name", ["gp-edit", "gp-ot"])
def test_kernels_of_layer_graphs_tell_networks_apart(name):
    rows = SPACE.sample(12, 0)
    targets = np.log(SPACE.costs(rows)["params"])
    predictor = archcast.get_predictor(name, "auto-keras").fit(rows, targets)
    mean, std = predictor.predict(rows, return_std=True)
    assert np.corrcoef(mean, targets)[0, 1] > 0.9
    assert (std >= 0).all()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "expected 1 to 12 layers"),
        ([[64, True, None]] * 13, "expected 1 to 12 layers"),
        ([[64, True]], "layer 1 is"),
        ([[48, True, None]], "width of layer 1 is 48"),
        ([[64, 1, None]], "true or false"),
        ([[64, True, ["add", 1]]], "skip of layer 1"),
        ([[64, True, None], [64, True, ["add", 2]]], "skip of layer 2"),
        ([[64, True, None], [64, True, ["sum", 1]]], "skip of layer 2"),
    ],
)
def test_texts_that_are_no_rows(layers, message):
    with pytest.raises(InvalidInputError, match=message):
        SPACE.parse(json.dumps(layers))
