"""Transformers that read one text and write another, in numbers, and what they cost (Vaswani et al. 2017)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.costs.tally import Count, Tally
from archcast.spaces.transformers.model import LanguageHead, Residual, Tokens, of_row

__all__ = ["Cross", "Translator"]


@dataclass(frozen=True)
class Cross:
    """Attention of the text that is written to the text that is read; added to its input, then a layer norm.

    Attributes:
        width, memory: channels of the text that is written, of the one that is read.
        heads, inner: number of heads, channels of all together.
        layers: how many of the last layers of the encoder it sees, one behind the other as if they were more tokens.
        there: whether a row has it.
    """

    width: Count
    memory: Count
    heads: Count
    inner: Count
    layers: Count = 1
    there: Count = True

    def count(self, tally: Tally, tokens: int, read: int) -> None:
        seen, there = read * np.asarray(self.layers), self.there
        tally.linear(self.width, self.inner, tokens=tokens, times=there)
        for _ in range(2):
            tally.linear(self.memory, self.inner, tokens=seen, times=there)
            tally.products(tokens, self.inner, seen, times=there)
        tally.linear(self.inner, self.width, tokens=tokens, times=there)
        tally.norm(self.width, (tokens, 1), times=there)


@dataclass(frozen=True)
class Translator:
    """The networks of ``n`` rows; fields hold arrays as in :mod:`~archcast.spaces.transformers.model`.

    Attributes:
        source, target: tables of tokens.
        encoder, decoder: layers.
        head: output.
    """

    source: Tokens
    encoder: tuple[Residual, ...]
    target: Tokens
    decoder: tuple[Residual | Cross, ...]
    head: LanguageHead

    def of(self, row: int) -> Translator:
        """The network of one row in plain numbers, without the layers that the row lacks."""
        found: Translator = of_row(self, row)
        return dataclasses.replace(found, decoder=tuple(layer for layer in found.decoder if layer.there))

    def costs(self, n: int, convention: str) -> dict[str, NDArray[np.float64]]:
        """Costs of the networks of ``n`` rows, as :data:`archcast.costs.COSTS` names them."""
        tally, read, written = Tally(n, convention), self.source.tokens, self.target.tokens
        memory: Count = self.source.count(tally)
        for encoding in self.encoder:
            memory = memory + encoding.count(tally, read)[0]
        depth: Count = self.target.count(tally)
        for layer in self.decoder:
            if isinstance(layer, Cross):
                layer.count(tally, written, read)
                after = np.maximum(depth, memory) + 2
            else:
                after = depth + layer.count(tally, written)[0]
            depth = np.where(layer.there, after, depth)
        return tally.costs(depth + self.head.count(tally, written), 1)
