"""Layers that mix tokens without attention, against their definitions."""

from __future__ import annotations

import numpy as np
import scipy.fft
import torch

from archcast.spaces.transformers.attention import AttentionLayer
from archcast.spaces.transformers.layers import Attention, DynamicConv, GlobalLocal, Waves
from archcast.spaces.transformers.mixers import DynamicConvLayer, GlobalLocalLayer, WavesLayer


def test_transforms_are_those_of_scipy():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
    for cosine in (False, True):
        found = WavesLayer(Waves(12, 3, cosine)).transform(torch.tensor(x)).numpy()
        expected = scipy.fft.dctn(x, type=2, axes=(2, 3)) / 4 if cosine else np.fft.fft2(x).real
        np.testing.assert_allclose(found, expected / 20**0.5, atol=1e-12)


def test_dynamic_convolution_against_its_definition():
    torch.manual_seed(0)
    layer = DynamicConvLayer(DynamicConv(8, 2, 5)).double()
    x = torch.randn(1, 6, 8, dtype=torch.float64)
    near = layer.point(layer.depth(x.transpose(1, 2)).transpose(1, 2))
    scores, value = layer.kernels(layer.query(x) * near)[0], layer.value(x)[0]
    mixed = torch.zeros(6, 8, dtype=torch.float64)
    for t in range(6):
        for head in range(2):
            weights = scores[t, 5 * head : 5 * head + 5].softmax(0)
            for k in range(5):
                if 0 <= t + k - 2 < 6:
                    mixed[t, 4 * head : 4 * head + 4] += weights[k] * value[t + k - 2, 4 * head : 4 * head + 4]
    torch.testing.assert_close(layer(x)[0], layer.out(mixed))


def test_heads_of_multiplicative_attention_share_a_matrix():
    torch.manual_seed(0)
    layer = AttentionLayer(Attention(8, 2, 8, weighted=True)).double()
    x = torch.randn(1, 5, 8, dtype=torch.float64)
    q, k, v = layer.query(x)[0], layer.key(x)[0], layer.value(x)[0]
    mixed = [(q[:, c] @ layer.between @ k[:, c].T / 2).softmax(1) @ v[:, c] for c in (slice(0, 4), slice(4, 8))]
    torch.testing.assert_close(layer(x)[0], layer.out(torch.cat(mixed, dim=1)))


def test_convolutions_after_queries_keys_and_values_look_back_alone():
    torch.manual_seed(0)
    for spread in ((True, False, False), (False, True, False), (False, False, True)):
        layer = AttentionLayer(Attention(8, 2, 8, causal=True, spread=spread))
        x = torch.randn(1, 6, 8)
        other = x.clone()
        other[0, 4] += 1
        torch.testing.assert_close(layer(x)[0, :4], layer(other)[0, :4])
        assert sum(p.numel() for p in layer.parameters()) == 4 * 72 + 3 * 8


def test_local_heads_see_what_is_near_alone_and_global_ones_all():
    torch.manual_seed(0)
    x = torch.randn(1, 40, 6)
    other = x.clone()
    other[0, 0] += 1
    for local, far in ((3, False), (0, True), (1, True)):
        layer = GlobalLocalLayer(GlobalLocal(6, 3, local, 17, 2, 6)).eval()
        changed = (layer(x) - layer(other)).abs().amax(dim=2)[0] > 1e-9
        assert changed[0] or not local
        assert bool(changed[9:].any()) == far
