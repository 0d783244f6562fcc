"""The network of a transformer that is described in numbers (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, cat, nn
from torch.nn import functional

from archcast.spaces.transformers.grids import GridConv, Halving, Stem, TokenMixing
from archcast.spaces.transformers.grids_network import GridConvLayer, HalvingLayer, StemLayer, TokenMixingLayer
from archcast.spaces.transformers.layers import (
    FARTHEST,
    MLP,
    Attention,
    DeepMLP,
    DynamicConv,
    GlobalLocal,
    Layer,
    RelativeAttention,
    SeparableConv,
    Waves,
)
from archcast.spaces.transformers.mixers import (
    DynamicConvLayer,
    GlobalLocalLayer,
    SeparableConvLayer,
    WavesLayer,
    along,
    deep_mlp,
    split,
)
from archcast.spaces.transformers.model import (
    AdaptiveTokens,
    Classifier,
    Item,
    LanguageHead,
    Model,
    Norm,
    Patches,
    PoolTokens,
    Project,
    Residual,
    Tokens,
)

__all__ = ["AttentionLayer", "Network", "ResidualBlock", "TokenEmbedding", "residual_layer", "wave_positions"]

SPREAD = 0.02
"""Standard deviation of the initial positions and tables."""
BASE = 10_000.0
"""Longest wave of rotary positions."""


class Activation(nn.Module):
    """An activation by name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        if self.name == "squared_relu":
            return functional.relu(x).square()
        found: Tensor = getattr(functional, self.name)(x)
        return found


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


class ResidualBlock(nn.Module):
    """Layers side by side that are added to their input."""

    def __init__(self, item: Residual) -> None:
        super().__init__()
        self.layers = nn.ModuleList(residual_layer(layer) for layer in item.layers)
        self.before = item.norm == "pre"
        self.norms = nn.ModuleList(nn.LayerNorm(item.width) for _ in (item.layers if self.before else [0]))

    def forward(self, x: Tensor) -> Tensor:
        if not self.before:
            after: Tensor = self.norms[0](x + sum(layer(x) for layer in self.layers))
            return after
        out: Tensor = x + sum(layer(norm(x)) for layer, norm in zip(self.layers, self.norms, strict=True))
        return out


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


class Network(nn.Module):
    """Tokens, layers, output: ``(b, classes)`` logits of a classifier, ``(b, vocabulary, s)`` of a language model.

    Args:
        model: of a single row, in plain numbers (:meth:`~archcast.spaces.transformers.layers.Model.of`).
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        front, back = model.front, model.back
        self.front: nn.Module = _front(front)
        self.body = nn.Sequential(*(_item(item) for item in model.body))
        self.back: nn.Module
        self.pool = ""
        if isinstance(self.front, AdaptiveEmbedding):
            self.back = AdaptiveHead(self.front)
        elif isinstance(back, Classifier):
            self.back, self.pool = nn.Linear(back.width, back.classes), back.pool
        else:
            assert isinstance(back, LanguageHead)
            self.back = nn.Linear(back.width, back.vocabulary, bias=False)
            if back.tied and isinstance(self.front, TokenEmbedding):
                self.back.weight = self.front.table.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(self.front(x))
        if not self.pool:
            logits: Tensor = self.back(x).transpose(1, 2)
            return logits
        pooled = x[:, 0] if self.pool == "first" else x[:, 1 if self.pool == "patches" else 0 :].mean(dim=1)
        out: Tensor = self.back(pooled)
        return out


def _front(front: Patches | Tokens | AdaptiveTokens | Stem) -> nn.Module:
    if isinstance(front, Stem):
        return StemLayer(front)
    if isinstance(front, Patches):
        return PatchEmbedding(front)
    return AdaptiveEmbedding(front) if isinstance(front, AdaptiveTokens) else TokenEmbedding(front)


def _item(item: Item) -> nn.Module:
    if isinstance(item, Residual):
        return ResidualBlock(item)
    if isinstance(item, Project):
        return nn.Linear(item.c_in, item.c_out)
    if isinstance(item, Norm):
        return nn.LayerNorm(item.width)
    if isinstance(item, GridConv):
        return GridConvLayer(item)
    if isinstance(item, TokenMixing):
        return TokenMixingLayer(item)
    return HalvingLayer(item) if isinstance(item, Halving) else TokenPooling(item)


def _mlp(layer: MLP) -> nn.Module:
    return nn.Sequential(
        nn.Linear(layer.width, layer.hidden, bias=layer.bias),
        Activation(layer.activation),
        nn.Linear(layer.hidden, layer.width, bias=layer.bias),
    )


MODULES: dict[type[Layer], Callable[[Any], nn.Module]] = {
    Attention: AttentionLayer,
    DeepMLP: deep_mlp,
    DynamicConv: DynamicConvLayer,
    GlobalLocal: GlobalLocalLayer,
    MLP: _mlp,
    RelativeAttention: DistanceAttention,
    SeparableConv: SeparableConvLayer,
    Waves: WavesLayer,
}
"""Description of a layer -> what makes it."""


def residual_layer(layer: Layer) -> nn.Module:
    """The module of a layer."""
    return MODULES[type(layer)](layer)
