"""Layers on grids of tokens, for networks that halve the resolution between stages, in numbers; fields are as in
:mod:`~archcast.spaces.transformers.model`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archcast.costs.tally import Count, Shape, Tally, halved

__all__ = ["GridConv", "Halving", "Stem", "TokenMixing"]


@dataclass(frozen=True)
class Stem:
    """Images to a grid of tokens of half their height and width: convolution of kernel three, batch norm.

    Attributes:
        channels, width: of the image, of a token.
        pixels: height and width of an image.
    """

    channels: int
    width: Count
    pixels: tuple[int, int]

    @property
    def grid(self) -> Shape:
        """Height and width of the grid."""
        return halved(self.pixels)

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return int(self.grid[0] * self.grid[1])

    @property
    def resolution(self) -> int:
        """Height of an image."""
        return self.pixels[0]

    def count(self, tally: Tally) -> Count:
        tally.conv(self.channels, self.width, 3, self.grid)
        tally.norm(self.width, self.grid)
        return 1


@dataclass(frozen=True)
class GridConv:
    """An inverted residual block on a grid, added to its input.

    1x1 convolution, depthwise convolution of kernel three, 1x1 convolution, each with batch norm; GELU after the first two.

    Attributes:
        width, mid: channels of input and output, of the depthwise convolution.
        grid: height and width.
    """

    width: Count
    mid: Count
    grid: Shape
    there: Count = True

    def count(self, tally: Tally, tokens: int) -> tuple[Count, int]:
        for given, wide, kernel, groups in (
            (self.width, self.mid, 1, 1),
            (self.mid, self.mid, 3, self.mid),
            (self.mid, self.width, 1, 1),
        ):
            tally.conv(given, wide, kernel, self.grid, groups=groups, times=self.there)
            tally.norm(wide, self.grid, times=self.there)
        return 3, tokens


@dataclass(frozen=True)
class TokenMixing:
    """MLP-Mixer's layer over tokens (Tolstikhin et al. 2021, https://arxiv.org/abs/2105.01601), added to its input.

    Layer norm, then for each channel two linear layers over all tokens, with as many hidden numbers as tokens.

    Attributes:
        width: channels.
        tokens: their number, in plain numbers.
    """

    width: Count
    tokens: int
    there: Count = True

    def count(self, tally: Tally, tokens: int) -> tuple[Count, int]:
        tally.norm(self.width, (tokens, 1), times=self.there)
        for _ in range(2):
            tally.linear(tokens, tokens, tokens=self.width, times=self.there)
        return 2, tokens


@dataclass(frozen=True)
class Halving:
    """UniNet's ways to halve the resolution, to ``c_out`` channels.

    Attributes:
        c_in, c_out: channels.
        grid: height and width before it.
        kind: 0 local: convolution of kernel three and stride two, batch norm. 1 local and global: to this is added an
        attention whose queries it gives and whose keys and values are all tokens. 2 global: the queries are a linear map of
        every second token in both directions instead.
    """

    c_in: Count
    c_out: Count
    grid: Shape
    kind: Count
    there: Count = True

    @property
    def after(self) -> Shape:
        """Height and width after it."""
        return halved(self.grid)

    def count(self, tally: Tally, tokens: int) -> tuple[Count, int]:
        kind, there = np.asarray(self.kind), np.asarray(self.there)
        fewer = int(self.after[0] * self.after[1])
        convolves, attends = there & (kind < 2), there & (kind > 0)
        tally.conv(self.c_in, self.c_out, 3, self.after, times=convolves)
        tally.norm(self.c_out, self.after, times=convolves)
        tally.linear(self.c_in, self.c_out, tokens=fewer, times=there & (kind == 2))
        for _ in range(2):
            tally.linear(self.c_in, self.c_out, tokens=tokens, times=attends)
            tally.products(fewer, self.c_out, tokens, times=attends)
        tally.linear(self.c_out, self.c_out, tokens=fewer, times=attends)
        return 1 + (kind > 0), fewer
