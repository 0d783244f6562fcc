"""Transformers in numbers, for any number of rows at once: what gives tokens, what happens to them, what is made of them.

Fields are as in :mod:`~archcast.spaces.transformers.layers`. ``count`` adds costs to a tally; an item of the body returns
the layers on the longest path through it and the number of tokens after it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Tally
from archcast.spaces.transformers.grids import GridConv, Halving, Stem, TokenMixing
from archcast.spaces.transformers.layers import Layer

__all__ = [
    "AdaptiveHead",
    "AdaptiveTokens",
    "Classifier",
    "Item",
    "LanguageHead",
    "Model",
    "Norm",
    "Patches",
    "PoolTokens",
    "Project",
    "Residual",
    "Tokens",
]

Path = tuple[Count, int]


# -- the body ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Residual:
    """A layer that is added to its input; several are computed side by side and added together.

    Attributes:
        layers: one, or several side by side.
        width: channels.
        norm: ``pre``, one of the input of each layer, or ``post``, of the sum.
        there: whether a row has it.
    """

    layers: tuple[Layer, ...]
    width: Count
    norm: str = "pre"
    there: Count = True

    def count(self, tally: Tally, tokens: int) -> Path:
        norms = len(self.layers) if self.norm == "pre" else 1
        tally.norm(self.width, (tokens, 1), times=norms * np.asarray(self.there))
        paths = [layer.count(tally, tokens, self.there) for layer in self.layers]
        return np.maximum.reduce(paths), tokens


@dataclass(frozen=True)
class Project:
    """A linear layer from ``c_in`` to ``c_out`` channels."""

    c_in: Count
    c_out: Count
    there: Count = True

    def count(self, tally: Tally, tokens: int) -> Path:
        tally.linear(self.c_in, self.c_out, tokens=tokens, times=self.there)
        return 1, tokens


@dataclass(frozen=True)
class Norm:
    """A layer norm of ``width`` channels."""

    width: Count
    there: Count = True

    def count(self, tally: Tally, tokens: int) -> Path:
        tally.norm(self.width, (tokens, 1), times=self.there)
        return 0, tokens


@dataclass(frozen=True)
class PoolTokens:
    """PiT's pooling: patches by a depthwise convolution of kernel three and stride two, the class token by a linear layer.

    Where channels become fewer, which PiT itself does not have, the convolution has as many groups as it can.

    Attributes:
        c_in, c_out: channels.
        grid: height and width of the patches before it.
    """

    c_in: Count
    c_out: Count
    grid: tuple[int, int]
    there: Count = True

    @property
    def pooled(self) -> tuple[int, int]:
        """Height and width after it."""
        return (self.grid[0] + 1) // 2, (self.grid[1] + 1) // 2

    def count(self, tally: Tally, tokens: int) -> Path:
        high, wide = self.pooled
        groups = np.gcd(self.c_in, self.c_out)
        tally.conv(self.c_in, self.c_out, 3, self.pooled, groups=groups, bias=True, times=self.there)
        tally.linear(self.c_in, self.c_out, times=self.there)
        return 1, tokens - self.grid[0] * self.grid[1] + high * wide


Item = Residual | Project | Norm | PoolTokens | GridConv | Halving | TokenMixing


# -- the two ends ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Patches:
    """Images to tokens by a convolution, with a class token in front and learned positions.

    An image is padded with zeros, below and on the right, so that whole patches cover it.

    Attributes:
        channels, width: of the image, of a token.
        pixels: height and width of an image.
        patch, stride: of the convolution.
        token_position: whether the class token has a position of its own.
    """

    channels: int
    width: Count
    pixels: tuple[int, int]
    patch: int
    stride: int
    token_position: bool = True

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width in patches.

        Examples:
            >>> Patches(3, 8, (224, 17), 16, 8).grid
            (27, 2)
        """
        high, wide = (1 + -(-max(side - self.patch, 0) // self.stride) for side in self.pixels)
        return high, wide

    @property
    def tokens(self) -> int:
        """Patches and the class token."""
        return self.grid[0] * self.grid[1] + 1

    @property
    def resolution(self) -> int:
        """Height of an image."""
        return self.pixels[0]

    def count(self, tally: Tally) -> Count:
        tally.conv(self.channels, self.width, self.patch, self.grid, bias=True)
        tally.weights(self.width * (self.tokens + self.token_position))
        return 1


@dataclass(frozen=True)
class Tokens:
    """Whole numbers to tokens by a table.

    Attributes:
        vocabulary: rows of the table.
        width: channels.
        tokens: length of a text.
        positions: whether a learned table of positions is added.
        waves: whether sines and cosines of the position are added (Vaswani et al. 2017).
        norm: whether a layer norm follows.
    """

    vocabulary: int
    width: Count
    tokens: int
    positions: bool = False
    waves: bool = False
    norm: bool = False
    resolution = 1

    def count(self, tally: Tally) -> Count:
        tally.weights(self.width * (self.vocabulary + self.tokens * self.positions))
        tally.norm(self.width, (self.tokens, 1), times=int(self.norm))
        return 0


@dataclass(frozen=True)
class AdaptiveTokens:
    """Whole numbers to tokens by several tables, of which those of rarer words have fewer channels, and maps to ``width``.

    With ``divisor`` 1 there is a single table, and a map only to another width. Every table is read for every token, and
    what is of another group is set to 0: operations count all of them.

    Attributes:
        vocabulary: number of words, the most frequent first.
        width: channels of a token.
        embed: channels of the first table.
        divisor: how many times fewer channels each further table has.
        tokens: length of a text.
        cutoffs: words at which groups begin; those beyond the vocabulary are left out.
        positions: whether a learned table of positions is added.
    """

    vocabulary: int
    width: Count
    embed: Count
    divisor: Count
    tokens: int
    cutoffs: tuple[int, ...] = ()
    positions: bool = False
    resolution = 1

    def sizes(self) -> list[int]:
        """Words of each group."""
        ends = [0, *(end for end in self.cutoffs if end < self.vocabulary), self.vocabulary]
        return np.diff(ends).tolist()

    def groups(self) -> list[tuple[int, int]]:
        """Words and channels of each table, of a single row.

        Examples:
            >>> AdaptiveTokens(100, 16, 8, 2, 5, cutoffs=(10, 40, 200)).groups()
            [(10, 8), (30, 4), (60, 2)]
        """
        if self.divisor == 1:
            return [(self.vocabulary, self.embed)]
        return [(size, max(self.embed // self.divisor**k, 1)) for k, size in enumerate(self.sizes())]

    @property
    def mapped(self) -> Any:
        """Whether there are maps."""
        return (np.asarray(self.divisor) > 1) | (np.asarray(self.embed) != self.width)

    def tables(self) -> list[tuple[int, Count, Count]]:
        """Words and channels of each table, and which rows have it."""
        single = np.asarray(self.divisor) == 1
        several = [
            (size, np.maximum(self.embed // np.asarray(self.divisor) ** k, 1), ~single)
            for k, size in enumerate(self.sizes())
        ]
        return [(self.vocabulary, self.embed, single), *several]

    def count(self, tally: Tally) -> Count:
        tally.weights(self.width * self.tokens * self.positions)
        for size, channels, there in self.tables():
            tally.weights(size * channels, times=there)
            tally.linear(channels, self.width, bias=False, tokens=self.tokens, times=there & self.mapped)
        return 1 * self.mapped


@dataclass(frozen=True)
class AdaptiveHead:
    """Each token to the logarithms of the probabilities of all words, by the tables and maps of ``front``, with biases."""

    front: AdaptiveTokens

    def count(self, tally: Tally, tokens: int) -> Count:
        front = self.front
        for size, channels, there in front.tables():
            mapped = there & front.mapped
            tally.linear(front.width, channels, bias=False, tokens=tokens, times=mapped)
            tally.weights(-front.width * channels, times=mapped)
            tally.linear(channels, size, tokens=tokens, times=there)
            tally.weights(-size * channels, times=there)
        groups = len(front.sizes())
        several = (np.asarray(front.divisor) > 1) & (groups > 1)
        tally.linear(front.embed, groups - 1, tokens=tokens, times=several)
        return 1 + front.mapped


@dataclass(frozen=True)
class Classifier:
    """A linear layer to ``classes``, of the ``first`` token or of the mean of all (``mean``) or of all but the first
    (``patches``)."""

    width: Count
    classes: int
    pool: str = "first"

    def count(self, tally: Tally, tokens: int) -> Count:
        assert tokens
        tally.linear(self.width, self.classes)
        return 1


@dataclass(frozen=True)
class LanguageHead:
    """Each token to logits of the ``vocabulary``, without bias, by the table of the embedding where it is ``tied``."""

    width: Count
    vocabulary: int
    tied: bool = True

    def count(self, tally: Tally, tokens: int) -> Count:
        tally.linear(self.width, self.vocabulary, bias=False, tokens=tokens)
        tally.weights(-self.width * self.vocabulary, times=int(self.tied))
        return 1


@dataclass(frozen=True)
class Model:
    """The networks of ``n`` rows."""

    front: Patches | Tokens | AdaptiveTokens | Stem
    body: tuple[Item, ...]
    back: Classifier | LanguageHead | AdaptiveHead

    def of(self, row: int) -> Model:
        """The network of one row in plain numbers, without the items that the row lacks.

        Examples:
            >>> there = np.array([False, True])
            >>> model = Model(Tokens(9, 4, 5), (Norm(4), Norm(4, there)), Classifier(4, 3))
            >>> [len(model.of(row).body) for row in (0, 1)]
            [1, 2]
        """
        model: Model = of_row(self, row)
        return dataclasses.replace(model, body=tuple(item for item in model.body if item.there))

    def costs(self, n: int, convention: str) -> dict[str, NDArray[np.float64]]:
        """Costs of the networks of ``n`` rows, as :data:`archcast.costs.COSTS` names them."""
        tally = Tally(n, convention)
        depth, tokens = self.front.count(tally), self.front.tokens
        for item in self.body:
            path, tokens = item.count(tally, tokens)
            depth = depth + path * np.asarray(item.there)
        depth = depth + self.back.count(tally, tokens)
        return tally.costs(depth, self.front.resolution)


def of_row(value: Any, row: int) -> Any:
    """``value`` with every array in it, however deep, replaced by its entry of ``row``."""
    if isinstance(value, np.ndarray):
        return value[row].item()
    if isinstance(value, tuple):
        return tuple(of_row(part, row) for part in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **{name: of_row(part, row) for name, part in vars(value).items()})
    return value
