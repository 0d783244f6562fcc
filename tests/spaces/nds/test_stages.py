"""NDS' residual networks: published counts, sizes, notation."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.spaces import SPACES, Task, get_space

PUBLISHED = [  # of the documentation of NNI: space, network, parameters and FLOPs in millions
    ("nds-resnet", {"ds": [1, 12, 12, 12], "ws": [16, 24, 24, 40], "ss": [1, 1, 2, 2]}, 0.594138, 184.519578),
    (
        "nds-resnext-a",
        {"bot_muls": [0.0, 0.25, 0.25, 0.25], "ds": [1, 16, 1, 4], "num_gs": [1, 2, 1, 2], "ss": [1, 1, 2, 2],
         "ws": [16, 64, 128, 16]},
        0.083002,
        69.890986,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "network", "params", "flops"), PUBLISHED)
def test_published_networks(name, network, params, flops):
    """NDS counts five operations for each element of the output of a convolution, and the biases of the classifier."""
    space = get_space(name)
    row = space.parse(json.dumps(network))
    found = {cost: values.item() for cost, values in space.costs(row).items()}
    assert found["params"] == round(params * 1e6)
    assert found["macs"] + 5 * (found["activations"] - 10) + 10 == round(flops * 1e6)
    with torch.device("meta"):
        assert sum(p.numel() for p in space.build(row[0]).parameters()) == round(params * 1e6)
    assert json.loads(space.format(row)[0]) == network


@pytest.mark.parametrize(
    ("name", "size"), [("nds-resnet", 1_259_712), ("nds-resnext-a", 11_390_625), ("nds-resnext-b", 52_734_375)]
)
def test_sizes_of_the_paper(name, size):
    assert SPACES.entry(name).info["size"] == np.prod(get_space(name).cardinalities) == size


def test_a_well_known_network():
    """Three stages of 16 blocks of 16 channels would be ResNet-98 without its widening; by hand."""
    space = get_space("nds-resnet")
    row = space.parse('{"ds": [1, 1, 1, 1], "ws": [16, 16, 32, 64], "ss": [1, 1, 2, 2]}')
    stem, stage1 = 3 * 16 * 9 + 32, 2 * (16 * 16 * 9 + 32)
    stage2 = 16 * 32 * 9 + 32 * 32 * 9 + 16 * 32 + 3 * 64
    stage3 = 32 * 64 * 9 + 64 * 64 * 9 + 32 * 64 + 3 * 128
    assert space.costs(row)["params"] == stem + stage1 + stage2 + stage3 + 64 * 10 + 10
    assert space.costs(row)["depth"] == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ds": [1, 5, 1, 1]}, "ds holds 5, not one of [1, 2, 3, 4, 6, 8, 12, 16, 24]"),
        ({"ds": [1, True, 1, 1]}, "ds holds True"),
        ({"ds": [2, 1, 1, 1]}, "ds must hold 1 for the stem and a number for each of 3 stages"),
        ({"ws": [16, 16]}, "ws must hold 16 for the stem"),
        ({"ss": [1, 2, 2, 2]}, "ss must be [1, 1, 2, 2]"),
    ],
)
def test_malformed(change, message):
    with pytest.raises(InvalidInputError) as caught:
        get_space("nds-resnet").parse(json.dumps({"ds": [1, 1, 1, 1], "ws": [16, 16, 16, 16], **change}))
    assert message in str(caught.value)


def test_groups_divide_bottlenecks_however_small_the_network():
    space = get_space("nds-resnext-b")
    rows = space.sample(30, 0)
    for row in rows[:5]:
        network = space.build(row, Task((3, 8, 8), 4, width=3, depth=2))
        assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 4)
    assert (space.costs(rows, task=Task((3, 8, 8), 4, width=3, depth=2))["params"] > 0).all()
