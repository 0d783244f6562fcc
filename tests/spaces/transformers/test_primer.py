"""Primer: each of its changes by itself."""

from __future__ import annotations

import json

import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.transformers.network import Activation
from archcast.spaces.transformers.primer import EXAMPLE

SPACE = get_space("primer")
TASK = Task((6,), outputs=(13, 6), dtype="int64", vocabulary=13, width=4)


def text(**changes):
    return json.dumps(json.loads(EXAMPLE) | changes)


def test_parameters_by_hand():
    d, layer = 512, 4 * 512**2 + 4 * 512 + 3 * 3 * 512 + 2 * 4 * 512**2 + 5 * 512 + 4 * 512
    assert SPACE.costs(SPACE.parse(EXAMPLE))["params"] == (32_000 + 512) * d + 6 * layer + 2 * d
    assert len(SPACE.enumerate()) == 2_592


def test_the_authors_small_model():
    """Their configuration for LM1B, 6 layers of 512 channels with 8 heads and 2,048 hidden ones, is called one of 35 M; it has
    biases for distances where this network has a table of positions."""
    vanilla = text(conv_q=False, conv_k=False, conv_v=False, activation="relu")
    assert round((SPACE.costs(SPACE.parse(vanilla))["params"][0] - 512 * 512) / 1e6) == 35


def test_each_change_by_itself():
    usual = text(conv_q=False, conv_k=False, conv_v=False, activation="relu")
    costs = SPACE.costs(SPACE.parse([usual, *(text(**(json.loads(usual) | {name: True})) for name in
                                              ("conv_q", "conv_k", "conv_v")), text(activation="gelu")]))  # fmt: skip
    assert (costs["params"][1:4] - costs["params"][0]).tolist() == [6 * 3 * 512] * 3
    assert (costs["depth"][1:] - costs["depth"][0]).tolist() == [6] * 4
    x = torch.linspace(-2, 2, 9)
    torch.testing.assert_close(Activation("squared_relu")(x), x.clamp(min=0) ** 2)


def test_a_token_sees_those_before_it_alone():
    torch.manual_seed(0)
    network = SPACE.build(SPACE.parse(EXAMPLE)[0], TASK).eval()
    words = torch.randint(13, (1, 6))
    other = words.clone()
    other[0, 3] = (words[0, 3] + 1) % 13
    torch.testing.assert_close(network(words)[..., :3], network(other)[..., :3])


def test_malformed_text():
    for changes, message in (
        ({"conv_q": 1}, r"conv_q is 1, not one of \(False, True\)"),
        ({"activation": "tanh"}, "activation is 'tanh', not one of"),
        ({"layers": None}, "layers is None"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            SPACE.parse(text(**changes))


def test_proxies_tell_networks_apart(scored):
    scored(SPACE, TASK, SPACE.sample(3, 0))
