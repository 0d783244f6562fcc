"""Layers of transformers in numbers: read by the builder, and each counts what it costs.

A field that may differ between rows is a whole number or an ``(n,)`` array with one for each row. All widths are numbers of
channels of one token. ``count`` adds a layer's costs to a tally and returns how many layers with weights the longest path
through it has; ``there`` says which rows have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from archcast.costs.tally import Count, Tally

__all__ = [
    "FARTHEST",
    "MLP",
    "Attention",
    "DeepMLP",
    "DynamicConv",
    "GlobalLocal",
    "Layer",
    "RelativeAttention",
    "SeparableConv",
    "Waves",
    "scaled",
]

RECTIFIERS = ("relu", "squared_relu")
FARTHEST = 14
"""Distance of patches from which on two-dimensional relative positions are all alike."""


@dataclass(frozen=True)
class Attention:
    """Multi-head attention (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762).

    Attributes:
        width: channels of the input and of the output.
        heads: number of heads.
        inner: channels of all heads together.
        bias: whether the maps to queries, keys and values have one.
        bias_out: whether the map back has one.
        causal: whether a token sees those before it alone.
        rotary: channels of a head that are turned by the position (Su et al. 2021, https://arxiv.org/abs/2104.09864).
        grid: height and width of the patches in plain numbers, for the two-dimensional relative positions of AutoFormer,
            in keys and in values; without it there are none.
        weighted: whether a matrix, the same for all heads, stands between queries and keys (Luong et al. 2015's multiplicative
            attention).
        spread: for queries, keys and values, whether a depthwise convolution over the last three tokens follows (Primer).
    """

    width: Count
    heads: Count
    inner: Count
    bias: Count = True
    bias_out: Count = True
    causal: bool = False
    rotary: int = 0
    grid: tuple[int, int] | None = None
    weighted: Count = False
    spread: tuple[Count, Count, Count] = (False, False, False)

    def count(self, tally: Tally, tokens: int, there: Count) -> Count:
        for _ in range(3):
            tally.linear(self.width, self.inner, bias=self.bias, tokens=tokens, times=there)
        products = 2
        if self.grid is not None:
            products = 4
            tally.weights(4 * (2 * FARTHEST + 2) * (self.inner // self.heads), times=there)
        head, there = self.inner // self.heads, np.asarray(there)
        weighted = there & np.asarray(self.weighted)
        tally.linear(head, head, bias=False, tokens=tokens * np.asarray(self.heads), times=weighted)
        for spread in self.spread:
            tally.conv1d(self.inner, self.inner, 3, tokens, groups=self.inner, times=there & np.asarray(spread))
        queries, *others = (1 * np.asarray(spread) for spread in self.spread)
        deeper = np.maximum.reduce(np.broadcast_arrays(queries + np.asarray(self.weighted), *others))
        tally.products(tokens, self.inner, tokens, times=products * there)
        tally.linear(self.inner, self.width, bias=self.bias_out, tokens=tokens, times=there)
        return 2 + deeper


@dataclass(frozen=True)
class MLP:
    """Two linear layers with an activation between.

    Attributes:
        width, hidden: channels of the input and output, and between.
        activation: ``gelu``, ``relu``.
        bias: whether both have one.
    """

    width: Count
    hidden: Count
    activation: str = "gelu"
    bias: Count = True

    def count(self, tally: Tally, tokens: int, there: Count) -> Count:
        tally.linear(self.width, self.hidden, bias=self.bias, tokens=tokens, times=there)
        if self.activation in RECTIFIERS:
            tally.relu(self.hidden, (tokens, 1), times=there)
        tally.linear(self.hidden, self.width, bias=self.bias, tokens=tokens, times=there)
        return 2


@dataclass(frozen=True)
class RelativeAttention:
    """Transformer-XL's causal attention (Dai et al. 2019, https://arxiv.org/abs/1901.02860).

    Positions are distances, and queries have a bias for what a token says and another for where it is.

    Attributes:
        width: channels of the input, of all heads together, and of the output.
        heads: number of heads.
    """

    width: Count
    heads: Count

    def count(self, tally: Tally, tokens: int, there: Count) -> Count:
        for _ in range(5):  # queries, keys, values, distances, back
            tally.linear(self.width, self.width, bias=False, tokens=tokens, times=there)
        tally.weights(2 * self.width, times=there)
        tally.products(tokens, self.width, tokens, times=3 * np.asarray(there))
        return 2


@dataclass(frozen=True)
class DeepMLP:
    """Linear layers with GELU between: from ``width`` over the first ``many`` of the ``hidden`` numbers of channels and back."""

    width: Count
    hidden: tuple[Count, ...]
    many: Count = 1

    def count(self, tally: Tally, tokens: int, there: Count) -> Count:
        given, there = self.width, np.asarray(there)
        for k, channels in enumerate(self.hidden):
            more = np.asarray(self.many) > k
            tally.linear(given, channels, tokens=tokens, times=there & more)
            given = np.where(more, channels, given)
        tally.linear(given, self.width, tokens=tokens, times=there)
        return 1 + np.asarray(self.many)


@dataclass(frozen=True)
class SeparableConv:
    """A depthwise convolution along the sequence, GELU, a linear layer, all with biases."""

    width: Count
    kernel: int

    def count(self, tally: Tally, tokens: int, there: Count) -> Count:
        tally.conv1d(self.width, self.width, self.kernel, tokens, groups=self.width, bias=True, times=there)
        tally.linear(self.width, self.width, tokens=tokens, times=there)
        return 2


@dataclass(frozen=True)
class Waves:
    """A linear layer, a transform without weights over tokens and channels of each head (Lee-Thorp et al. 2022,
    https://arxiv.org/abs/2105.03824), a linear layer.

    Attributes:
        width: channels.
        heads: number of heads.
        cosine: the discrete cosine transform; otherwise the real part of Fourier's. Both are products of matrices.
    """

    width: Count
    heads: Count
    cosine: bool = False

    def count(self, tally: Tally, tokens: int, there: Count) -> Count:
        for _ in range(2):
            tally.linear(self.width, self.width, tokens=tokens, times=there)
        times = (1 if self.cosine else 2) * np.asarray(there)
        tally.products(tokens, self.width, tokens, times=times)
        tally.products(tokens, self.width, self.width // self.heads, times=times)
        return 2


@dataclass(frozen=True)
class DynamicConv:
    """ConvBERT's convolution (Jiang et al. 2020, https://arxiv.org/abs/2008.02496), whose kernels depend on the tokens around.

    Attributes:
        width: channels.
        heads: number of heads, each with a kernel of its own.
        kernel: tokens that a kernel covers, an odd number.
    """

    width: Count
    heads: Count
    kernel: int

    def count(self, tally: Tally, tokens: int, there: Count) -> Count:
        for _ in range(4):  # queries, values, the second half of the separable convolution, back
            tally.linear(self.width, self.width, tokens=tokens, times=there)
        tally.conv1d(self.width, self.width, self.kernel, tokens, groups=self.width, times=there)
        tally.linear(self.width, self.heads * self.kernel, tokens=tokens, times=there)
        tally.products(tokens, self.width, self.kernel, times=there)
        return 4


@dataclass(frozen=True)
class GlobalLocal:
    """GLiT's module (Chen et al. 2021, https://arxiv.org/abs/2107.02960).

    The channels are shared by the heads. Some heads attend to all tokens, the channels of the others go through a gated depthwise
    convolution; both have a last linear layer of their own.

    Attributes:
        width: channels.
        heads: number of heads, of ``width / heads`` channels each.
        local: how many of them are local, the last ones.
        kernel: of the depthwise convolution.
        expansion: how many times more channels it has than the local heads.
        keys: channels of the queries of all heads, if all were global; keys and values have as many.
    """

    width: Count
    heads: int
    local: Count
    kernel: Count
    expansion: Count
    keys: Count

    def count(self, tally: Tally, tokens: int, there: Count) -> Count:
        local, there = np.asarray(self.local), np.asarray(there)
        attends, convolves = there & (local < self.heads), there & (local > 0)
        head = self.width // self.heads
        far, near = head * (self.heads - local), head * local
        inner, middle = self.keys // self.heads * (self.heads - local), near * self.expansion
        tally.linear(far, inner, tokens=tokens, times=3 * attends)
        tally.products(tokens, inner, tokens, times=2 * attends)
        tally.linear(inner, far, tokens=tokens, times=attends)
        tally.linear(near, 2 * middle, tokens=tokens, times=convolves)
        groups = np.maximum(middle, 1)
        tally.conv1d(middle, middle, self.kernel, tokens, groups=groups, bias=True, times=convolves)
        tally.norm(middle, (tokens, 1), times=convolves)
        tally.linear(middle, near, tokens=tokens, times=convolves)
        return np.where(local > 0, 3, 2)


Layer = Attention | DeepMLP | DynamicConv | GlobalLocal | MLP | RelativeAttention | SeparableConv | Waves


def scaled(channels: Count, width: int, usual: int) -> Any:
    """Channels of a network whose heads have ``width`` channels, where the paper's have ``usual``: even numbers, at least 2.

    Examples:
        >>> scaled(np.array([192, 216]), 64, 64).tolist(), scaled(216, 6, 64)
        ([192, 216], 20)
    """
    out = np.maximum(2, 2 * ((np.asarray(channels, dtype=np.int64) * width + usual) // (2 * usual)))
    return out if out.ndim else out.item()
