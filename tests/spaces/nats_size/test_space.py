"""NATS-Bench's size space: notation and network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.nasbench201.network import Cell, Residual

SPACE = get_space("nats-size")


def test_all_rows_are_different_functions():
    rows = SPACE.enumerate()
    assert len(rows) == 32_768
    np.testing.assert_array_equal(SPACE.canonical(rows[::7]), rows[::7])


def test_channels_of_the_layers():
    network = SPACE.build(SPACE.parse("8:24:16:16:64")[0])
    assert network.stem[0].out_channels == 8
    assert [type(block) for block in network.cells] == [Cell, Residual, Cell, Residual, Cell]
    first = [next(m for m in block.modules() if isinstance(m, nn.Conv2d)) for block in network.cells]
    assert [(c.in_channels, c.out_channels) for c in first] == [(8, 8), (8, 24), (24, 16), (16, 16), (16, 64)]
    skips = [block.edges["3"] for block in network.cells if isinstance(block, Cell)]
    assert [type(skip) for skip in skips] == [nn.Identity, nn.Sequential, nn.Sequential]


def test_equal_channels_make_nas_bench_201s_cells():
    """With the channels doubling only in the reduction blocks it is NAS-Bench-201's network of that cell, depth 1."""
    with torch.device("meta"):
        size = SPACE.build(SPACE.parse("16:32:32:64:64")[0])
        topology = get_space("nasbench201").build([3, 3, 3, 1, 3, 3], Task(depth=1))
    shapes = [[tuple(p.shape) for p in network.parameters()] for network in (size, topology)]
    assert shapes[0] == shapes[1]


def test_width_and_depth():
    network = SPACE.build(SPACE.parse("8:8:8:8:16")[0], Task(width=3, depth=2))
    assert network.stem[0].out_channels == 3
    assert network.classifier.in_features == 6
    assert sum(isinstance(block, Cell) for block in network.cells) == 6


@pytest.mark.parametrize("text", ["8:8:8:8", "8:8:8:8:8:8", "8:8:8:8:9", "8:8:8:8:72", "8,8,8,8,8", "08:8:8:8:8"])
def test_malformed_text(text):
    with pytest.raises(InvalidInputError, match="expected five of 8, 16, 24, 32, 40, 48, 56, 64 joined by ':'"):
        SPACE.parse(text)
