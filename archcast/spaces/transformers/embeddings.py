"""What a transformer begins and ends with: patches, tokens and their positions, adaptive inputs and outputs, pooling."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, cat, nn
from torch.nn import functional

from archcast.spaces.transformers.model import AdaptiveTokens, Patches, PoolTokens, Tokens

__all__ = [
    "BASE",
    "SPREAD",
    "AdaptiveEmbedding",
    "AdaptiveHead",
    "PatchEmbedding",
    "TokenEmbedding",
    "TokenPooling",
    "wave_positions",
]

SPREAD = 0.02
"""Standard deviation of the initial positions and tables."""
BASE = 10_000.0
"""Longest wave of positions, those of tokens and rotary ones."""


class TokenPooling(nn.Module):
    """PiT's pooling (Heo et al. 2021, https://arxiv.org/abs/2103.16302), ``(b, 1 + h w, c_in)`` -> ``(b, 1 + h w / 4, c_out)``."""

    def __init__(self, item: PoolTokens) -> None:
        super().__init__()
        self.grid = item.grid
        self.patches = nn.Conv2d(item.c_in, item.c_out, 3, 2, padding=1, groups=math.gcd(item.c_in, item.c_out))
        self.token = nn.Linear(item.c_in, item.c_out)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patches(x[:, 1:].transpose(1, 2).reshape(len(x), -1, *self.grid))
        return cat([self.token(x[:, :1]), patches.flatten(2).transpose(1, 2)], dim=1)


class PatchEmbedding(nn.Module):
    """Images to tokens, ``(b, c, h, w)`` -> ``(b, tokens, width)``."""

    def __init__(self, front: Patches) -> None:
        super().__init__()
        self.conv = nn.Conv2d(front.channels, front.width, front.patch, front.stride)
        covered = [front.patch + front.stride * (side - 1) for side in front.grid]
        self.missing = [max(whole - side, 0) for whole, side in zip(covered, front.pixels, strict=True)]
        self.token = nn.Parameter(torch.empty(1, 1, front.width))
        self.positions = nn.Parameter(torch.empty(1, front.tokens - 1 + front.token_position, front.width))
        for part in (self.token, self.positions):
            nn.init.trunc_normal_(part, std=SPREAD)
        self.placed = front.token_position

    def forward(self, images: Tensor) -> Tensor:
        padded = functional.pad(images, (0, self.missing[1], 0, self.missing[0]))
        patches = self.conv(padded).flatten(2).transpose(1, 2)
        token = self.token.expand(len(patches), -1, -1)
        return cat([token, patches], 1) + self.positions if self.placed else cat([token, patches + self.positions], 1)


class TokenEmbedding(nn.Module):
    """Whole numbers to tokens, ``(b, s)`` -> ``(b, s, width)``."""

    def __init__(self, front: Tokens) -> None:
        super().__init__()
        self.table = nn.Embedding(front.vocabulary, front.width)
        nn.init.normal_(self.table.weight, std=SPREAD)
        self.positions = nn.Parameter(torch.empty(front.tokens, front.width)) if front.positions else None
        if self.positions is not None:
            nn.init.normal_(self.positions, std=SPREAD)
        self.waves = front.waves
        self.norm = nn.LayerNorm(front.width) if front.norm else nn.Identity()

    def forward(self, numbers: Tensor) -> Tensor:
        x = self.table(numbers)
        if self.positions is not None:
            x = x + self.positions
        if self.waves:
            x = x + wave_positions(torch.arange(x.shape[1], device=x.device, dtype=x.dtype), x.shape[2])
        out: Tensor = self.norm(x)
        return out


def wave_positions(places: Tensor, channels: int) -> Tensor:
    """Sines, then cosines of positions (Vaswani et al. 2017): ``(s,)`` -> ``(s, channels)``, an even number."""
    pairs = channels // 2
    waves = BASE ** (-torch.arange(pairs, device=places.device, dtype=places.dtype) / max(pairs - 1, 1))
    angles = places[:, None] * waves
    return cat([angles.sin(), angles.cos()], dim=1)


class AdaptiveEmbedding(nn.Module):
    """Tokens of which the rarer ones have fewer channels (Baevski and Auli 2019, https://arxiv.org/abs/1809.10853).

    Each group has a table and a map to ``width``. ``(b, s)`` -> ``(b, s, width)``.
    """

    def __init__(self, front: AdaptiveTokens) -> None:
        super().__init__()
        self.groups = front.groups()
        tables = [nn.Embedding(size, channels) for size, channels in self.groups]
        mapped = front.mapped
        self.maps = nn.ModuleList(
            nn.Linear(c, front.width, bias=False) if mapped else nn.Identity() for _, c in self.groups
        )
        for table in tables:
            nn.init.normal_(table.weight, std=SPREAD)
        self.tables = nn.ModuleList(tables)
        self.positions = nn.Parameter(torch.empty(front.tokens, front.width)) if front.positions else None
        if self.positions is not None:
            nn.init.normal_(self.positions, std=SPREAD)
        self.scale = front.width**0.5

    def forward(self, numbers: Tensor) -> Tensor:
        parts, start = [], 0
        for (size, _), table, to_width in zip(self.groups, self.tables, self.maps, strict=True):
            inside = (numbers >= start) & (numbers < start + size)
            found = to_width(table((numbers - start).clamp(0, size - 1)))
            parts.append(found * inside[..., None])
            start += size
        x: Tensor = sum(parts[1:], parts[0]) * self.scale
        return x if self.positions is None else x + self.positions


class AdaptiveHead(nn.Module):
    """Logarithms of the probabilities of all tokens, group by group (Grave et al. 2017, https://arxiv.org/abs/1609.04309), with the
    tables and maps of the embedding: ``(b, s, width)`` -> ``(b, s, vocabulary)``."""

    def __init__(self, embedding: AdaptiveEmbedding) -> None:
        super().__init__()
        self.embedding = embedding
        sizes, channels = zip(*embedding.groups, strict=True)
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(size)) for size in sizes)
        self.ahead = nn.Linear(channels[0], len(sizes) - 1) if len(sizes) > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        weights: list[Any] = [getattr(part, "weight", None) for part in self.embedding.maps]
        tables: list[Any] = [table.weight for table in self.embedding.tables]
        narrow = [x if weight is None else functional.linear(x, weight.t()) for weight in weights]
        logits = [
            functional.linear(part, table, bias) for part, table, bias in zip(narrow, tables, self.biases, strict=True)
        ]
        if self.ahead is None:
            return logits[0]
        first = cat([logits[0], self.ahead(narrow[0])], dim=2).log_softmax(dim=2)
        size = logits[0].shape[2]
        rest = [part.log_softmax(dim=2) + first[..., size + k, None] for k, part in enumerate(logits[1:])]
        return cat([first[..., :size], *rest], dim=2)
