"""Attention of transformers: of all tokens, with rotary or relative positions, and by distance."""

from __future__ import annotations

import torch
from torch import Tensor, cat, nn
from torch.nn import functional

from archcast.spaces.transformers.embeddings import BASE, SPREAD, wave_positions
from archcast.spaces.transformers.layers import FARTHEST, Attention, RelativeAttention
from archcast.spaces.transformers.mixers import along, split

__all__ = ["AttentionLayer", "DistanceAttention", "Relative", "Rotary", "before"]


class AttentionLayer(nn.Module):
    """Multi-head attention, ``(b, s, width)`` -> the same shape."""

    def __init__(self, layer: Attention) -> None:
        super().__init__()
        self.heads, self.causal = layer.heads, layer.causal
        self.query, self.key, self.value = (nn.Linear(layer.width, layer.inner, bias=layer.bias) for _ in range(3))
        self.out = nn.Linear(layer.inner, layer.width, bias=layer.bias_out)
        head = layer.inner // layer.heads
        self.between = nn.Parameter(torch.empty(head, head)) if layer.weighted else None
        if self.between is not None:
            nn.init.normal_(self.between, std=head**-0.5)
        self.spread = nn.ModuleList(
            nn.Conv1d(layer.inner, layer.inner, 3, groups=layer.inner, bias=False) if there else nn.Identity()
            for there in layer.spread
        )
        self.rotary = Rotary(layer.rotary) if layer.rotary else None
        self.relative = None if layer.grid is None else Relative(head, layer.grid)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            split(before(conv, part(x)), self.heads)
            for part, conv in zip((self.query, self.key, self.value), self.spread, strict=True)
        )
        if self.between is not None:
            q = q @ self.between
        if self.rotary is not None:
            q, k = self.rotary(cat([q, k])).chunk(2)
        if self.relative is None:
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            mixed = self.relative(q, k, v)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


def before(conv: nn.Module, x: Tensor) -> Tensor:
    """A convolution over each token and the two before it, or the tokens as they are."""
    return x if isinstance(conv, nn.Identity) else along(conv, functional.pad(x, (0, 0, 2, 0)))


class Rotary(nn.Module):
    """Rotary positions (Su et al. 2021, https://arxiv.org/abs/2104.09864) of the first ``channels`` of ``(b, heads, s, c)``.

    The pair of channels ``k`` and ``k + channels / 2`` of the token at ``t`` is turned by the angle
    ``t / 10,000 ** (2 k / channels)``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pairs = channels // 2

    def forward(self, x: Tensor) -> Tensor:
        pairs = self.pairs
        waves = BASE ** (-torch.arange(pairs, device=x.device, dtype=x.dtype) / pairs)
        angles = torch.arange(x.shape[2], device=x.device, dtype=x.dtype)[:, None] * waves
        first, second, rest = x[..., :pairs], x[..., pairs : 2 * pairs], x[..., 2 * pairs :]
        sine, cosine = angles.sin(), angles.cos()
        return cat([first * cosine - second * sine, second * cosine + first * sine, rest], dim=3)


class Relative(nn.Module):
    """Attention with relative positions of patches in keys and values (Shaw et al. 2018, https://arxiv.org/abs/1803.02155).

    A position is the sum of a vertical and a horizontal one, as in AutoFormer. All heads share them; the class token has a
    position to itself, number 0.

    ``softmax((Q K' + Q R_k') / sqrt(c)) (V + R_v)`` with ``R[i, j] = vertical[y_j - y_i] + horizontal[x_j - x_i]``.
    """

    places: Tensor

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.keys, self.values = (nn.Parameter(torch.empty(2, 2 * FARTHEST + 2, channels)) for _ in range(2))
        for table in (self.keys, self.values):
            nn.init.trunc_normal_(table, std=SPREAD)
        patches = torch.stack(torch.meshgrid(*map(torch.arange, grid), indexing="ij")).flatten(1)
        apart = (patches[:, None, :] - patches[:, :, None]).clamp(-FARTHEST, FARTHEST) + FARTHEST + 1
        self.register_buffer("places", functional.pad(apart, (1, 0, 1, 0)), persistent=False)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        (b, heads, s, c), scale = q.shape, q.shape[-1] ** -0.5
        to_keys, to_values = (self._positions(table) for table in (self.keys, self.values))
        near = q.permute(2, 0, 1, 3).reshape(s, b * heads, c) @ to_keys.transpose(1, 2)
        scores = q @ k.transpose(2, 3) + near.view(s, b, heads, s).permute(1, 2, 0, 3)
        weights = (scores * scale).softmax(dim=-1)
        placed = weights.permute(2, 0, 1, 3).reshape(s, b * heads, s) @ to_values
        return weights @ v + placed.view(s, b, heads, c).permute(1, 2, 0, 3)

    def _positions(self, table: Tensor) -> Tensor:
        """``(s, s, c)``."""
        vertical, horizontal = self.places
        return table[0][vertical] + table[1][horizontal]


class DistanceAttention(nn.Module):
    """Transformer-XL's causal attention, ``(b, s, width)`` -> the same shape.

    ``softmax(((q + u) k' + (q + v) r') / sqrt(c))`` with ``r`` a map of the sines and cosines of the distance; heads have
    their own ``u`` and ``v``.
    """

    def __init__(self, layer: RelativeAttention) -> None:
        super().__init__()
        width, self.heads = layer.width, layer.heads
        self.query, self.key, self.value, self.distance, self.out = (
            nn.Linear(width, width, bias=False) for _ in range(5)
        )
        self.content, self.place = (nn.Parameter(torch.zeros(width)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        s, width = x.shape[1:]
        q, k, v = self.query(x), split(self.key(x), self.heads), split(self.value(x), self.heads)
        apart = torch.arange(s - 1, -1, -1, device=x.device, dtype=x.dtype)
        r = split(self.distance(wave_positions(apart, width))[None], self.heads)
        content = split(q + self.content, self.heads) @ k.transpose(2, 3)
        place = shifted(split(q + self.place, self.heads) @ r.transpose(2, 3))
        later = torch.ones(s, s, device=x.device, dtype=torch.bool).triu(1)
        scores = (content + place) * (width // self.heads) ** -0.5
        weights = scores.masked_fill(later, -torch.inf).softmax(dim=-1)
        out: Tensor = self.out((weights @ v).transpose(1, 2).flatten(2))
        return out


def shifted(x: Tensor) -> Tensor:
    """Columns for distances ``s - 1 ... 0`` -> columns for places: row ``i`` moves ``s - 1 - i`` to the left.

    What comes in from the right is of later tokens and means nothing.
    """
    b, heads, s, _ = x.shape
    padded = functional.pad(x, (1, 0)).reshape(b, heads, s + 1, s)
    return padded[:, :, 1:]
