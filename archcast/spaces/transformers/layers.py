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

__all__ = ["FARTHEST", "MLP", "Attention", "Layer", "RelativeAttention", "scaled"]

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
    """

    width: Count
    heads: Count
    inner: Count
    bias: Count = True
    bias_out: Count = True
    causal: bool = False
    rotary: int = 0
    grid: tuple[int, int] | None = None

    def count(self, tally: Tally, tokens: int, there: Count) -> Count:
        for _ in range(3):
            tally.linear(self.width, self.inner, bias=self.bias, tokens=tokens, times=there)
        products = 2
        if self.grid is not None:
            products = 4
            tally.weights(4 * (2 * FARTHEST + 2) * (self.inner // self.heads), times=there)
        tally.products(tokens, self.inner, tokens, times=products * np.asarray(there))
        tally.linear(self.inner, self.width, bias=self.bias_out, tokens=tokens, times=there)
        return 2


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


Layer = Attention | MLP | RelativeAttention


def scaled(channels: Count, width: int, usual: int) -> Any:
    """Channels of a network whose heads have ``width`` channels, where the paper's have ``usual``: even numbers, at least 2.

    Examples:
        >>> scaled(np.array([192, 216]), 64, 64).tolist(), scaled(216, 6, 64)
        ([192, 216], 20)
    """
    out = np.maximum(2, 2 * ((np.asarray(channels, dtype=np.int64) * width + usual) // (2 * usual)))
    return out if out.ndim else out.item()
