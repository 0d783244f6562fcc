"""LiteTransformerSearch: language models of GPT-2's and Transformer-XL's kind; heads and hidden channels of each layer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.spaces.base import Task, register
from archcast.spaces.transformers.layers import MLP, Attention, Layer, RelativeAttention
from archcast.spaces.transformers.model import AdaptiveHead, AdaptiveTokens, Item, Model, Norm, Residual
from archcast.spaces.transformers.space import TransformerSpace, by_depth, dictionary, layer_values, per_layer

__all__ = ["LTS", "LTSGPT2", "LTSTransformerXL"]

PAPER = "Javaheripi et al. 2022, https://arxiv.org/abs/2203.02094"
LAYERS, WIDTHS = tuple(range(2, 17)), tuple(range(64, 961, 64))
HIDDEN, HEADS = (*range(512, 2_048, 50), 2_048), (2, 4, 8)
EMBED, DIVISORS = (128, 256, 512), (1, 2, 4)
CUTOFFS = (19_997, 39_997, 199_997)
VOCABULARY, LENGTH, USUAL = 267_735, 192, 64
SIZE = len(WIDTHS) * len(EMBED) * len(DIVISORS) * sum((len(HIDDEN) * len(HEADS)) ** layers for layers in LAYERS)
EXAMPLE = '{"d_model": 128, "n_layer": 2, "n_head": [2, 4], "d_inner": [512, 612], "d_embed": 256, "div_val": 4}'


class LTS(TransformerSpace):
    """The space of LiteTransformerSearch (Javaheripi et al. 2022, https://arxiv.org/abs/2203.02094), with one of its two backbones.

    A row holds the number of layers (2 to 16), the channels (64 to 960), of each layer the hidden channels (512 to 2,048 in
    steps of 50) and the heads (2, 4, 8), then the channels of the first table of tokens (128, 256, 512) and by how many
    times each table of rarer tokens has fewer (1, 2, 4). The notation is the authors' configuration as JSON: ``n_layer``,
    ``d_model``, ``n_head``, ``d_inner``, ``d_embed``, ``div_val``.

    The network predicts the next token, with tables and output shared as in adaptive softmax; groups begin at tokens 19,997,
    39,997 and 199,997. ``width`` scales all channels; it is 64 in the paper. All rows are different functions.
    """

    values = {
        "n_layer": LAYERS,
        "d_model": WIDTHS,
        **per_layer("d_inner", HIDDEN, max(LAYERS)),
        **per_layer("n_head", HEADS, max(LAYERS)),
        "d_embed": EMBED,
        "div_val": DIVISORS,
    }
    conditions = by_depth(("d_inner", "n_head"), "n_layer", LAYERS)
    sizes: Mapping[str, int] = {"width": USUAL}
    tasks: Mapping[str, Task] = {
        "wikitext-103": Task((LENGTH,), outputs=(VOCABULARY, LENGTH), dtype="int64", vocabulary=VOCABULARY)
    }
    relative: ClassVar[bool] = False

    def _parse(self, text: str) -> list[int]:
        found = dictionary(text, EXAMPLE)
        known = {name: found.get(name) for name in ("n_layer", "d_model", "d_embed", "div_val")}
        for kind in ("d_inner", "n_head"):
            known |= layer_values(found, kind, known["n_layer"])
        return self.row({name: known[name] for name in self.columns if name in known})

    def format(self, archs: ArrayLike) -> list[str]:
        known = {name: values.tolist() for name, values in self.settings(self.validate(archs)).items()}
        return [
            json.dumps(
                {"d_model": known["d_model"][i], "n_layer": layers}
                | {kind: [known[f"{kind}{k}"][i] for k in range(1, layers + 1)] for kind in ("n_head", "d_inner")}
                | {name: known[name][i] for name in ("d_embed", "div_val")}
            )
            for i, layers in enumerate(known["n_layer"])
        ]

    def model(self, rows: NDArray[np.int64], task: Task) -> Model:
        sizes, known = self.text_sizes(task), self.settings(rows)
        width, embed = (_scaled(known[name], sizes["width"]) for name in ("d_model", "d_embed"))
        front = AdaptiveTokens(
            sizes["vocabulary"], width, embed, known["div_val"], sizes["tokens"], CUTOFFS, positions=not self.relative
        )
        body: list[Item] = []
        for k in range(1, max(LAYERS) + 1):
            heads, hidden = known[f"n_head{k}"], _scaled(known[f"d_inner{k}"], sizes["width"], of=2)
            there = known["n_layer"] >= k
            attention: Layer
            if self.relative:
                norm, attention, mlp = "post", RelativeAttention(width, heads), MLP(width, hidden, "relu")
            else:
                norm, attention, mlp = "pre", Attention(width, heads, width, causal=True), MLP(width, hidden)
            body += [Residual((layer,), width, norm, there=there) for layer in (attention, mlp)]
        last = () if self.relative else (Norm(width),)
        return Model(front, (*body, *last), AdaptiveHead(front))


def _scaled(channels: NDArray[np.int64], width: int, of: int = 8) -> NDArray[np.int64]:
    """Channels where the paper's width of 64 becomes ``width``: multiples of ``of``, so that heads divide them."""
    out: NDArray[np.int64] = of * np.maximum(1, channels * width // (USUAL * of))
    return out


@register(
    "lts-gpt2",
    summary="language models like GPT-2: 2 to 16 layers, channels, hidden channels, heads, embedding; 7.1e33 rows",
    paper=PAPER,
    size=SIZE,
    buildable=True,
)
class LTSGPT2(LTS):
    """LiteTransformerSearch's space of GPT-2's kind: learned positions, norms before attention and MLP; see :class:`LTS`.

    Examples:
        >>> space = LTSGPT2()
        >>> row = space.parse(EXAMPLE)
        >>> int(row[0, 0]), space.costs(row)["params"].shape
        (0, (1,))
    """

    name = "lts-gpt2"


@register(
    "lts-transfoxl",
    summary="language models like Transformer-XL: 2 to 16 layers, channels, hidden channels, heads, embedding; 7.1e33 rows",
    paper=PAPER,
    size=SIZE,
    buildable=True,
)
class LTSTransformerXL(LTS):
    """LiteTransformerSearch's space of Transformer-XL's kind: distances for positions, norms after the sums; see :class:`LTS`."""

    name, relative = "lts-transfoxl", True
