"""Sums over layers, against the layers of torch, one network at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from archcast.costs import CONVENTIONS, COSTS, Tally, count
from archcast.costs.tally import halved

LAYERS = {
    "conv": (lambda t, s: t.conv(6, 4, 3, s), lambda: nn.Conv2d(6, 4, 3, padding=1, bias=False)),
    "bias": (lambda t, s: t.conv(6, 4, 5, s, bias=True), lambda: nn.Conv2d(6, 4, 5, padding=2)),
    "groups": (lambda t, s: t.conv(6, 6, 3, s, groups=6), lambda: nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False)),
    "strided": (
        lambda t, s: t.conv(6, 4, 3, halved(s)),
        lambda: nn.Conv2d(6, 4, 3, stride=2, padding=1, bias=False),
    ),
    "transposed": (
        lambda t, s: t.transposed(6, 4, 3, s, (2 * s[0], 2 * s[1])),
        lambda: nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1),
    ),
    "norm": (lambda t, s: t.norm(6, s), lambda: nn.BatchNorm2d(6)),
    "relu": (lambda t, s: t.relu(6, s), nn.ReLU),
    "pool": (lambda t, s: t.pool(6, 2, halved(s)), lambda: nn.AvgPool2d(2, ceil_mode=True)),
    "maximum": (lambda t, s: t.pool(6, 3, s), lambda: nn.MaxPool2d(3, 1, padding=1)),
    "head": (
        lambda t, s: (t.global_pool(6, s), t.linear(6, 5)),
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5)),
    ),
}


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_costs_what_the_layer_of_torch_costs(name, convention):
    add, make = LAYERS[name]
    tally = Tally(1, convention)
    add(tally, (5, 8))
    with torch.random.fork_rng(devices=[]):
        expected = count(make(), torch.zeros(2, 6, 5, 8), convention)
    found = tally.costs(expected["depth"], 5)
    assert {key: float(values[0]) for key, values in found.items()} == expected


@given(st.lists(st.tuples(*[st.integers(1, 40)] * 4, st.integers(0, 3)), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_a_batch_is_one_network_after_the_other(networks):
    c_in, c_out, height, width, times = np.array(networks).T
    together = Tally(len(networks), "tensorwatch")
    together.conv(c_in, c_out, 3, (height, width), bias=True, times=times)
    together.norm(c_out, (height, width), times=times)
    together.linear(c_out, 7, times=times)
    for number, (a, b, h, w, k) in enumerate(networks):
        alone = Tally(1, "tensorwatch")
        for _ in range(k):
            alone.conv(a, b, 3, (h, w), bias=True)
            alone.norm(b, (h, w))
            alone.linear(b, 7)
        for name in ("params", "macs", "activations"):
            assert getattr(together, name)[number] == getattr(alone, name)[0]


def test_large_counts_do_not_overflow():
    tally = Tally(1)
    tally.conv(np.array([60_000]), np.array([60_000]), 7, (np.array([4096]), np.array([4096])))
    assert tally.macs[0] == pytest.approx(49 * 3.6e9 * 4096**2)


def test_costs_have_their_names():
    assert list(Tally(3).costs(4, 32)) == list(COSTS)
    assert Tally(3).costs(4, 32)["depth"].tolist() == [4.0] * 3
