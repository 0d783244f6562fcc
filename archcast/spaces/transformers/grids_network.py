"""Modules of layers on grids of tokens: ``(b, h w, c)`` -> the same shape, or fewer tokens."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from archcast.spaces.transformers.grids import GridConv, Halving, Stem, TokenMixing

__all__ = ["GridConvLayer", "HalvingLayer", "StemLayer", "TokenMixingLayer"]


def to_grid(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """``(b, h w, c)`` -> ``(b, c, h, w)``."""
    return x.transpose(1, 2).reshape(len(x), -1, *grid)


def to_tokens(x: Tensor) -> Tensor:
    """``(b, c, h, w)`` -> ``(b, h w, c)``."""
    return x.flatten(2).transpose(1, 2)


class StemLayer(nn.Module):
    """``(b, channels, h, w)`` -> ``(b, h w / 4, width)``."""

    def __init__(self, stem: Stem) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(stem.channels, stem.width, 3, 2, padding=1, bias=False), nn.BatchNorm2d(stem.width), nn.GELU()
        )

    def forward(self, images: Tensor) -> Tensor:
        return to_tokens(self.layers(images))


class GridConvLayer(nn.Module):
    """An inverted residual block."""

    def __init__(self, item: GridConv) -> None:
        super().__init__()
        width, mid = item.width, item.mid
        self.grid = item.grid
        self.layers = nn.Sequential(
            nn.Conv2d(width, mid, 1, bias=False),
            nn.BatchNorm2d(mid),
            nn.GELU(),
            nn.Conv2d(mid, mid, 3, padding=1, groups=mid, bias=False),
            nn.BatchNorm2d(mid),
            nn.GELU(),
            nn.Conv2d(mid, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + to_tokens(self.layers(to_grid(x, self.grid)))


class TokenMixingLayer(nn.Module):
    """Two linear layers over the tokens of each channel."""

    def __init__(self, item: TokenMixing) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(item.width)
        self.layers = nn.Sequential(nn.Linear(item.tokens, item.tokens), nn.GELU(), nn.Linear(item.tokens, item.tokens))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return out


class HalvingLayer(nn.Module):
    """``(b, h w, c_in)`` -> ``(b, h w / 4, c_out)``; attention has a single head."""

    def __init__(self, item: Halving) -> None:
        super().__init__()
        self.grid, self.kind = item.grid, item.kind
        if item.kind < 2:
            self.conv = nn.Conv2d(item.c_in, item.c_out, 3, 2, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(item.c_out)
        else:
            self.query = nn.Linear(item.c_in, item.c_out)
        if item.kind > 0:
            self.key, self.value = (nn.Linear(item.c_in, item.c_out) for _ in range(2))
            self.out = nn.Linear(item.c_out, item.c_out)

    def forward(self, x: Tensor) -> Tensor:
        images = to_grid(x, self.grid)
        if self.kind == 2:
            fewer: Tensor = self.query(to_tokens(images[..., ::2, ::2]))
        else:
            fewer = to_tokens(self.norm(self.conv(images)))
        if self.kind == 0:
            return fewer
        mixed = functional.scaled_dot_product_attention(fewer, self.key(x), self.value(x))
        out: Tensor = fewer + self.out(mixed)
        return out
