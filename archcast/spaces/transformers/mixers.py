"""Layers that mix tokens by something else than attention, or besides it: ``(b, s, width)`` -> the same shape."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, cat, nn
from torch.nn import functional

from archcast.spaces.transformers.layers import DeepMLP, DynamicConv, GlobalLocal, SeparableConv, Waves

__all__ = ["DynamicConvLayer", "GlobalLocalLayer", "SeparableConvLayer", "WavesLayer", "along", "deep_mlp"]


def split(x: Tensor, heads: int) -> Tensor:
    """``(b, s, c)`` -> ``(b, heads, s, c / heads)``."""
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)


def along(conv: nn.Module, x: Tensor) -> Tensor:
    """A convolution along the tokens of ``(b, s, c)``."""
    out: Tensor = conv(x.transpose(1, 2)).transpose(1, 2)
    return out


def deep_mlp(layer: DeepMLP) -> nn.Module:
    """Linear layers with GELU between them."""
    channels = [layer.width, *layer.hidden[: layer.many], layer.width]
    layers: list[nn.Module] = []
    for given, wide in pairwise(channels):
        layers += [nn.Linear(given, wide), nn.GELU()]
    return nn.Sequential(*layers[:-1])


class SeparableConvLayer(nn.Module):
    """A depthwise convolution, GELU, a linear layer."""

    def __init__(self, layer: SeparableConv) -> None:
        super().__init__()
        self.conv = nn.Conv1d(layer.width, layer.width, layer.kernel, padding=layer.kernel // 2, groups=layer.width)
        self.out = nn.Linear(layer.width, layer.width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(functional.gelu(along(self.conv, x)))
        return out


class WavesLayer(nn.Module):
    """A transform over tokens and channels of each head between two linear layers.

    Fourier's: ``Re(F_s X F_c) = C_s X C_c - S_s X S_c`` with cosines and sines of ``2 pi i j / n``; the cosine transform,
    type two: ``D_s X D_c'`` with ``D = cos(pi (j + 1/2) i / n)``. Both are divided by ``sqrt(s c)``.
    """

    def __init__(self, layer: Waves) -> None:
        super().__init__()
        self.heads, self.cosine = layer.heads, layer.cosine
        self.value, self.out = (nn.Linear(layer.width, layer.width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.transform(split(self.value(x), self.heads))
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out

    def transform(self, x: Tensor) -> Tensor:
        """``(..., s, c)`` -> the same shape."""
        scale = math.prod(x.shape[-2:]) ** -0.5
        tokens, channels = (torch.arange(n, device=x.device, dtype=x.dtype) for n in x.shape[-2:])
        if self.cosine:
            rows, columns = (torch.cos(torch.pi * (i + 0.5) * i[:, None] / len(i)) for i in (tokens, channels))
            return rows @ (x @ columns.T) * scale
        rows, columns = (2 * torch.pi * i * i[:, None] / len(i) for i in (tokens, channels))
        return (rows.cos() @ (x @ columns.cos()) - rows.sin() @ (x @ columns.sin())) * scale


class DynamicConvLayer(nn.Module):
    """ConvBERT's convolution: the kernel of a head at a token is the softmax of a linear map of its query times a local key."""

    def __init__(self, layer: DynamicConv) -> None:
        super().__init__()
        width, kernel = layer.width, layer.kernel
        self.heads, self.kernel = layer.heads, kernel
        self.query, self.value, self.point, self.out = (nn.Linear(width, width) for _ in range(4))
        self.depth = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width, bias=False)
        self.kernels = nn.Linear(width, layer.heads * kernel)

    def forward(self, x: Tensor) -> Tensor:
        near = self.point(along(self.depth, x))
        weights = split(self.kernels(self.query(x) * near), self.heads).softmax(dim=-1)
        value = functional.pad(self.value(x), (0, 0, self.kernel // 2, self.kernel // 2))
        places = torch.arange(x.shape[1], device=x.device)[:, None] + torch.arange(self.kernel, device=x.device)
        around = value[:, places]
        around = around.reshape(*around.shape[:3], self.heads, -1).permute(0, 3, 1, 4, 2)
        mixed = (around @ weights[..., None]).squeeze(-1)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


class GlobalLocalLayer(nn.Module):
    """GLiT's module: global heads on the first channels, a convolution on the others."""

    def __init__(self, layer: GlobalLocal) -> None:
        super().__init__()
        head = layer.width // layer.heads
        self.heads = layer.heads - layer.local
        self.far, self.near = head * self.heads, head * layer.local
        if self.heads:
            inner = layer.keys // layer.heads * self.heads
            self.query, self.key, self.value = (nn.Linear(self.far, inner) for _ in range(3))
            self.out = nn.Linear(inner, self.far)
        if self.near:
            middle = self.near * layer.expansion
            self.widen = nn.Linear(self.near, 2 * middle)
            self.conv = nn.Conv1d(middle, middle, layer.kernel, padding=layer.kernel // 2, groups=middle)
            self.norm = nn.BatchNorm1d(middle)
            self.narrow = nn.Linear(middle, self.near)

    def forward(self, x: Tensor) -> Tensor:
        parts = []
        far, near = x[..., : self.far], x[..., self.far :]
        if self.heads:
            q, k, v = (split(part(far), self.heads) for part in (self.query, self.key, self.value))
            parts.append(self.out(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)))
        if self.near:
            wide = functional.glu(self.widen(near), dim=-1)
            convolved = functional.silu(self.norm(self.conv(wide.transpose(1, 2)))).transpose(1, 2)
            parts.append(self.narrow(convolved))
        return cat(parts, dim=2)
