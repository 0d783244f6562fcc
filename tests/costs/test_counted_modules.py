"""Modules that stand for counted layers: their weights and outputs are those that the numbers say."""

from __future__ import annotations

import pytest
import torch

from archcast.costs.counted_modules import layer_of, module_of

LAYERS = [
    ("conv", 4, 8, 9, 2, 1, 5, 6),
    ("conv", 4, 8, 16, 1, 0, 5, 6),
    ("conv", 4, 8, 3, 1, 0, 5, 6),
    ("conv1d", 4, 8, 3, 1, 0, 7),
    ("transposed", 4, 8, 9, 5, 6, 10, 12),
    ("transposed", 4, 8, 16, 5, 6, 10, 12),
    ("linear", 4, 8, 0, 7),
    ("products", 3, 4, 5),
    ("norm", 4, 30),
    ("activation", 30),
    ("pool", 4, 3, 5, 6),
    ("pool", 4, 2, 5, 6),
    ("global pool", 4, 30),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_module_is_the_layer_that_it_was_made_for(layer) -> None:
    module, given = module_of(layer, 2)
    assert layer_of(module, given) == layer
    module, given = module_of(layer, 2)
    out = module(*(torch.zeros(shape, dtype=dtype) for shape, dtype in given))
    if layer[0] in ("conv", "transposed"):
        assert out.shape == (2, layer[2], *layer[-2:])
    if layer[0] == "pool":
        assert out.shape == (2, layer[1], *layer[3:])


def test_modules_that_no_space_counts() -> None:
    assert layer_of(torch.nn.Identity(), (((1, 2), torch.float32),)) is None
    assert layer_of(torch.nn.LayerNorm(8), (((2, 5, 8), torch.float32),)) == ("norm", 8, 5)
    assert layer_of(torch.nn.MaxPool2d(3, 2, 1), (((1, 4, 8, 8), torch.float32),)) == ("pool", 4, 3, 4, 4)
