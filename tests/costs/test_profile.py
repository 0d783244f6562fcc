"""Seconds, memory and layers of a network, on networks small enough to count by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from archcast.costs.profile import OPTIMIZERS, profile
from archcast.errors import InvalidInputError

FLOAT = 4


class Attention(nn.Module):
    """Its products belong to no child."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(6, 18, bias=False)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return torch.softmax(q @ k.transpose(-1, -2), dim=-1) @ v


def test_layers_are_counted_by_themselves():
    model = nn.Sequential(Attention(), nn.Flatten(), nn.Linear(24, 2))
    found = profile(model, lambda n: torch.randn(n, 4, 6), 2)
    layers = {layer.name: layer for layer in found.layers}
    assert layers["0"].macs == 2 * 4 * 4 * 6  # the two products
    assert layers["0.qkv"].macs == 4 * 6 * 18
    assert layers["2"].macs == 48
    assert layers["2"].params == 50
    assert layers["2"].shape == (2,)
    assert sum(layer.macs for layer in found.layers) == found.costs["macs"]
    assert sum(layer.params for layer in found.layers) == found.costs["params"]


def test_memory_of_inference_is_the_two_largest_neighbours():
    """Without gradients only the input and the output of the layer at work are alive, beside the weights."""
    widths = [10, 1000, 500, 1]
    model = nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(widths)))
    weights = sum(p.numel() for p in model.parameters()) * FLOAT
    found = profile(model, lambda n: torch.randn(n, 10), 8)
    assert found.inference_bytes == weights + 8 * (1000 + 500) * FLOAT


def test_memory_of_training_holds_activations_gradients_and_the_optimizer():
    model = nn.Sequential(nn.Linear(50, 400), nn.ReLU(), nn.Linear(400, 1))
    weights = sum(p.numel() for p in model.parameters()) * FLOAT
    found = {name: profile(model, lambda n: torch.randn(n, 50), 64, optimizer=name) for name in OPTIMIZERS}
    kept = 64 * (400 + 400) * FLOAT  # both sides of the rectifier
    assert found["none"].training_bytes >= weights + kept
    assert found["none"].training_bytes < 2 * weights + 2 * kept + 10_000
    assert found["adam"].training_bytes == found["none"].training_bytes + 2 * weights
    assert found["sgd"].sample_bytes == pytest.approx(found["adam"].sample_bytes)
    assert found["none"].sample_bytes >= 800 * FLOAT


def test_the_largest_batch_fits_and_one_more_does_not():
    found = profile(nn.Sequential(nn.Linear(20, 300), nn.ReLU(), nn.Linear(300, 5)), lambda n: torch.randn(n, 20), 32)
    memory = 3 * found.training_bytes
    batch = found.largest_batch(memory)
    fixed = found.training_bytes - 32 * found.sample_bytes
    assert fixed + batch * found.sample_bytes <= memory < fixed + (batch + 1) * found.sample_bytes
    assert found.largest_batch(10) == 0


def test_an_epoch_is_whole_batches():
    found = profile(nn.Linear(3, 2), lambda n: torch.randn(n, 3), 10)
    assert found.training_seconds > 0
    assert found.inference_seconds > 0
    assert found.epoch_seconds(101) == 11 * found.training_seconds


def test_the_model_is_left_alone():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    profile(model, lambda n: torch.randn(n, 3, 8, 8), 4)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.training
    assert all(p.grad is None for p in model.parameters())


def test_several_inputs_by_name():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(30, 8)

        def forward(self, ids, mask):
            return {"logits": (self.embed(ids) * mask[..., None]).sum(1)}

    found = profile(
        Two(),
        lambda n: {"ids": torch.zeros(n, 5, dtype=torch.long), "mask": torch.ones(n, 5, dtype=torch.bool)},
        4,
    )
    assert found.costs["params"] == 240
    assert math.isfinite(found.training_seconds)


def test_what_cannot_be_trained_says_why():
    model = nn.Linear(3, 2).requires_grad_(False)
    found = profile(model, lambda n: torch.randn(n, 3), 4)
    assert math.isnan(found.training_seconds)
    assert "no output depends on a parameter" in found.failure


def test_wrong_arguments():
    with pytest.raises(InvalidInputError, match="optimizer must be one of none, sgd, adam, got 'lion'"):
        profile(nn.Linear(3, 2), lambda n: torch.randn(n, 3), optimizer="lion")
    with pytest.raises(InvalidInputError, match="Linear failed on the inputs"):
        profile(nn.Linear(3, 2), lambda n: torch.randn(n, 4))


def test_a_model_that_asserts_in_training_is_measured_in_inference():
    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x, targets=None):
            assert not self.training or targets is not None, "targets should not be none"
            return self.layer(x)

    found = profile(Detector(), lambda n: torch.zeros(n, 4), 2)
    assert found.failure == "targets should not be none"
    assert found.inference_seconds > 0
    assert found.costs["macs"] == 8
