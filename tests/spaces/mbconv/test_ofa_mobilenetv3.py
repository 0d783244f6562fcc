"""Once-for-All's MobileNetV3: counts of published networks, notation, elastic depth, the network itself."""

from __future__ import annotations

import ast
import csv
import json

import numpy as np
import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.mbconv.network import Gate, InvertedResidual

SPACE = get_space("ofa-mobilenetv3")


def text(k, e, d):
    return json.dumps({"ks": [k] * 20, "e": [e] * 20, "d": [d] * 5})


@pytest.mark.parametrize(
    ("network", "task", "params", "macs"),
    [(text(7, 6, 4), "imagenet", 7_664_760, 566.17), (text(3, 3, 2), "imagenet-128", 3_410_792, 41.48)],
)
def test_largest_and_smallest_network(network, task, params, macs):
    found = SPACE.costs(SPACE.parse(network), task=task)
    assert found["params"] == params
    assert round(found["macs"].item() / 1e6, 2) == macs


TRACE = (
    "{'wid': None, 'ks': [5, 7, 5, 5, 3, 3, 3, 7, 5, 5, 3, 7, 7, 3, 3, 3, 5, 5, 5, 5], 'e': [4, 3, 4, 4, 4, 6, 3, 4, 4, 3, 4, 3, "
    "3, 6, 6, 6, 4, 3, 4, 4], 'd': [2, 3, 2, 4, 3], 'r': [224]}"
)


def test_a_network_that_dynas_measured():
    found = SPACE.costs(SPACE.parse(TRACE))
    assert (found["params"], found["macs"]) == (5_029_656, 255_502_624)


@pytest.mark.parametrize("name", ["evoga_acc", "evonsga2_acc_macs"])
def test_all_networks_that_dynas_measured(shared, name):
    with (shared / "formats" / "dynas-ofa-mbv3" / f"mbnv3w10_{name}.csv").open() as file:
        table = list(csv.DictReader(file))
    found = SPACE.costs(SPACE.parse([row["Sub-network"] for row in table]))
    for ours, theirs in (("params", "Model Parameters"), ("macs", "MACs")):
        np.testing.assert_array_equal(found[ours], [float(row[theirs]) for row in table])


def test_layers_beyond_the_depth_are_written_as_three_and_read_over():
    network = ast.literal_eval(TRACE)
    row = SPACE.parse(TRACE)
    assert (row != 0).sum() < 45
    written = json.loads(SPACE.format(row)[0])
    assert written["d"] == network["d"]
    for key in ("ks", "e"):
        for place, value in enumerate(network[key]):
            assert written[key][place] == (value if place % 4 < network["d"][place // 4] else 3)
    network["ks"][2] = None
    assert (SPACE.parse(str(network)) == row).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ks": [3] * 19}, "'ks' must be a list of 20 numbers"),
        ({"d": [2, 3, 4, 5, 2]}, r"d\[3\] is 5, not one of \(2, 3, 4\)"),
        ({"e": [3] * 16 + [7] * 4}, r"e\[16\] is 7, not one of \(3, 4, 6\)"),
        ({"ks": [[3]] * 20}, r"ks\[0\] is \[3\], not one of"),
    ],
)
def test_malformed_networks(change, message):
    with pytest.raises(InvalidInputError, match=message):
        SPACE.parse(json.dumps({**json.loads(text(3, 3, 2)), **change}))


def test_shallow_stages_are_as_likely_as_deep_ones():
    depths = SPACE.sample(6_000, 0)[:, 0]
    assert np.abs(np.bincount(depths) / 6_000 - 1 / 3).max() < 0.03


def test_kernels_strides_gates_and_skips():
    row = SPACE.parse(TRACE)[0]
    network = SPACE.build(row, Task((3, 32, 32), 5, width=8))
    blocks = [module for module in network.modules() if isinstance(module, InvertedResidual)]
    depthwise = [next(m for m in b.layers if isinstance(m, torch.nn.Conv2d) and m.groups > 1) for b in blocks]
    assert [conv.kernel_size[0] for conv in depthwise] == [3, 5, 7, 3, 3, 3, 5, 5, 7, 3, 3, 3, 5, 5, 5]
    assert [k for k, conv in enumerate(depthwise) if conv.stride[0] == 2] == [1, 3, 6, 12]
    gated = [any(isinstance(m, Gate) for m in block.layers) for block in blocks]
    assert gated == [False] * 3 + [True] * 3 + [False] * 2 + [True] * 7
    assert [k for k, block in enumerate(blocks) if not block.skip] == [1, 3, 6, 8, 12]


def test_graph_is_the_chain_of_layers_that_are_there():
    graphs = SPACE.graphs(SPACE.parse(TRACE))
    names = [graphs.op_names[code] for code in graphs.operations[0] if code >= 0]
    assert names[:4] == ["input", "k5_e4", "k7_e3", "k3_e4"]
    assert names[-1] == "output"
    assert len(names) == 2 + 14
    assert graphs.adjacency.sum() == 15
