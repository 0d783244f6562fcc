"""UniNet: the three operators and the three halvings, by hand and against definitions."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.names import SPACES
from archcast.spaces import Task, get_space
from archcast.spaces.transformers.grids import Halving
from archcast.spaces.transformers.grids_network import HalvingLayer, StemLayer

SPACE = get_space("uninet")
USUAL = [["local", "conv", 2, 1.0, 1]] * 5


def text(**stages):
    return json.dumps([stages.get(f"s{k}", part) for k, part in enumerate(USUAL, start=1)])


def params(row):
    return SPACE.costs(SPACE.parse(row))["params"].item()


def test_parameters_by_hand():
    widths = (16, 32, 48, 80, 128, 256)
    total = 27 * 16 + 32 + 2 * 256 + 256 * 1000 + 1000
    for given, wide in pairwise(widths):
        total += 9 * given * wide + 2 * wide
        total += 2 * wide * 2 * wide + 9 * 2 * wide + 2 * (4 * wide + wide)
    assert params(text()) == total
    d, tokens = 256, 16
    conv = 4 * d**2 + 18 * d + 10 * d
    mlp = 4 * d**2 + 3 * d + 2 * d
    assert params(text(s5=["local", "attention", 2, 1.0, 1])) - total == 4 * d**2 + 4 * d + 2 * d + mlp - conv
    assert params(text(s5=["local", "mlp", 2, 1.0, 1])) - total == 2 * (tokens**2 + tokens) + 2 * d + mlp - conv
    both = 2 * (128 * d + d) + d**2 + d
    assert params(text(s5=["local_global", "conv", 2, 1.0, 1])) - total == both
    assert params(text(s5=["global", "conv", 2, 1.0, 1])) - total == both + 128 * d + d - 9 * 128 * d - 2 * d


def test_resolution_of_each_stage():
    network = SPACE.build(SPACE.parse(text())[0], Task((3, 37, 50), 4, width=4))
    halvings = [part for part in network.body if isinstance(part, HalvingLayer)]
    assert isinstance(network.front, StemLayer)
    assert [part.grid for part in halvings] == [(19, 25), (10, 13), (5, 7), (3, 4), (2, 2)]


@pytest.mark.parametrize("kind", [1, 2])
def test_halving_attends_to_all_tokens(kind):
    torch.manual_seed(0)
    layer = HalvingLayer(Halving(4, 6, (3, 4), kind)).eval().double()
    x = torch.randn(1, 12, 4, dtype=torch.float64)
    image = x[0].T.reshape(1, 4, 3, 4)
    convolved = layer.norm(layer.conv(image))[0].flatten(1).T if kind == 1 else None
    queries = layer.query(x[0, [0, 2, 8, 10]]) if kind == 2 else convolved
    weights = (queries @ layer.key(x)[0].T / 6**0.5).softmax(1)
    torch.testing.assert_close(layer(x)[0], queries + layer.out(weights @ layer.value(x)[0]))


def test_notation():
    assert SPACES.entry("uninet").info["size"] == 36**2 * 324**3
    for bad, message in (
        (text(s1=["local", "attention", 2, 1.0, 1]), "op1 is 'attention', not one of"),
        (text(s3=["local", "conv", 3, 1.0, 1]), r"expansion3 is 3, not one of \(2, 4, 6\)"),
        (text(s3=["local"]), "stage 3 must be"),
        ("[]", "expected"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            SPACE.parse(bad)


def test_proxies_tell_networks_apart(scored):
    scored(SPACE, Task((3, 16, 20), 4, width=4), SPACE.sample(3, 0))
