"""FBNet: counts of FBNet-C, notation, layers that are left out, groups."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space

SPACE = get_space("fbnet")
C = "0300876737677777677773"


@pytest.mark.parametrize(("head", "macs"), [(1984, 385.0), (1504, 376.2)])
def test_fbnet_c(head, macs):
    found = SPACE.costs(SPACE.parse(C), task=Task((3, 224, 224), 1000, size={"head": head}))
    assert round(found["macs"].item() / 1e6, 1) == macs
    if head == 1984:
        assert found["params"] == 5_572_200


def test_notations():
    row = SPACE.parse(C)
    assert SPACE.format(row) == [str([int(digit) for digit in C])]
    assert (SPACE.parse([str([int(digit) for digit in C]), C]) == row).all()
    for bad in (C[1:], C.replace("8", "9"), "[" + ", ".join(C[1:]) + "]", "[1, 2", ", ".join(C)):
        with pytest.raises(InvalidInputError, match="expected a list of 22 whole numbers from 0 to 8"):
            SPACE.parse(bad)


def test_layers_that_are_left_out():
    """Free after the first layer of a stage; where the shape changes it is a convolution that stays."""
    a, b, c, d = SPACE.parse(
        ["0" + "1828" + "0" * 17, "0" + "1288" + "0" * 17, "0" + "8128" + "0" * 17, "0" + "1228" + "0" * 17]
    )
    assert len({tuple(row) for row in SPACE.canonical([a, b]).tolist()}) == 1
    assert (SPACE.canonical([c, d]) == [c, d]).all()
    outputs = []
    for row in (a, b):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            outputs.append(SPACE.build(row, Task((3, 16, 16), 5, width=8)).eval()(torch.ones(1, 3, 16, 16)))
    torch.testing.assert_close(*outputs)
    with torch.device("meta"):
        plain = SPACE.build([8] * 22)
    convs = [m for m in plain.features.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels, m.stride[0]) for m in convs[1:-1]] == [
        (16, 24, 2), (24, 32, 2), (32, 64, 2), (64, 112, 1), (112, 184, 2), (184, 352, 1)
    ]  # fmt: skip


def test_groups_and_shuffle():
    with torch.device("meta"):
        network = SPACE.build([5] * 22)
    assert sum(isinstance(m, nn.ChannelShuffle) for m in network.modules()) == 22
    assert {m.groups for m in network.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)} == {1, 2}
