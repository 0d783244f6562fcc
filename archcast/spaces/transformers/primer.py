"""Primer: the changes to a language model that Primer's search found, each to be made or not."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.spaces.base import Task, register
from archcast.spaces.transformers.layers import MLP, Attention, scaled
from archcast.spaces.transformers.model import Item, LanguageHead, Model, Norm, Residual, Tokens
from archcast.spaces.transformers.space import TransformerSpace, dictionary

__all__ = ["Primer"]

LAYERS, HEAD = (6, 9, 12), 64
ACTIVATIONS = ("relu", "gelu", "silu", "squared_relu")
CONVOLVED = ("conv_q", "conv_k", "conv_v")
VOCABULARY, LENGTH = 32_000, 512
EXAMPLE = (
    '{"layers": 6, "width": 512, "ffn_ratio": 4, "heads": 8, "activation": "squared_relu", "conv_q": true, '
    '"conv_k": true, "conv_v": true}'
)


@register(
    "primer",
    summary="language models with Primer's changes or without: activation, convolutions after queries, keys, values; 2,592 rows",
    paper="So et al. 2021, https://arxiv.org/abs/2109.08668",
    size=3 * 3 * 3 * 3 * 4 * 2**3,
    buildable=True,
)
class Primer(TransformerSpace):
    """The decisions of Primer (So et al. 2021, https://arxiv.org/abs/2109.08668) around a usual language model.

    The paper searches programs; the two changes that it recommends to all (Primer-EZ) are decisions here: squared ReLU in
    the MLP, and a depthwise convolution over the last three tokens after queries, keys and values, each by itself. Beside
    them a row holds the number of layers (6, 9, 12), the channels (384, 512, 768), the MLP ratio (4, 8, 12) and the number
    of heads (4, 8, 12). The notation is JSON, a value by name.

    The network: tokens with learned positions, layers with norms before them, norm, logits by the table of the tokens. Heads
    have 64 channels (``width``). All rows are different functions.

    Examples:
        >>> space = Primer()
        >>> usual, ez = space.parse([EXAMPLE.replace("true", "false").replace("squared_", ""), EXAMPLE])
        >>> difference = space.costs(ez)["params"] - space.costs(usual)["params"]
        >>> difference.tolist(), 6 * 3 * 3 * 512
        ([27648.0], 27648)
    """

    name = "primer"
    values = {
        "layers": LAYERS,
        "width": (384, 512, 768),
        "ffn_ratio": (4, 8, 12),
        "heads": (4, 8, 12),
        "activation": ACTIVATIONS,
        **dict.fromkeys(CONVOLVED, (False, True)),
    }
    sizes: Mapping[str, int] = {"width": HEAD}
    tasks: Mapping[str, Task] = {
        "lm1b": Task((LENGTH,), outputs=(VOCABULARY, LENGTH), dtype="int64", vocabulary=VOCABULARY)
    }

    def _parse(self, text: str) -> list[int]:
        found = dictionary(text, EXAMPLE)
        return self.row({name: found.get(name) for name in self.columns})

    def format(self, archs: ArrayLike) -> list[str]:
        known = {name: values.tolist() for name, values in self.settings(self.validate(archs)).items()}
        return [json.dumps(dict(zip(known, row, strict=True))) for row in zip(*known.values(), strict=True)]

    def model(self, rows: NDArray[np.int64], task: Task) -> Model:
        sizes, known = self.text_sizes(task), self.settings(rows)
        head = sizes["width"]
        width, heads = scaled(known["width"], head, HEAD), known["heads"]
        first, second, third = (known[name] for name in CONVOLVED)
        attention = Attention(width, heads, heads * head, causal=True, spread=(first, second, third))
        hidden = width * known["ffn_ratio"]
        body: list[Item] = []
        for layer in range(1, max(LAYERS) + 1):
            there = known["layers"] >= layer
            body.append(Residual((attention,), width, there=there))
            body += [
                Residual((MLP(width, hidden, name),), width, there=there & (known["activation"] == name))
                for name in ACTIVATIONS
            ]
        front = Tokens(sizes["vocabulary"], width, sizes["tokens"], positions=True)
        return Model(front, (*body, Norm(width)), LanguageHead(width, sizes["vocabulary"]))
