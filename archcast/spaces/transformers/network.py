"""The network of a transformer that is described in numbers (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from archcast.spaces.transformers.attention import AttentionLayer, DistanceAttention
from archcast.spaces.transformers.embeddings import (
    AdaptiveEmbedding,
    AdaptiveHead,
    PatchEmbedding,
    TokenEmbedding,
    TokenPooling,
)
from archcast.spaces.transformers.grids import GridConv, Halving, Stem, TokenMixing
from archcast.spaces.transformers.grids_network import GridConvLayer, HalvingLayer, StemLayer, TokenMixingLayer
from archcast.spaces.transformers.layers import (
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
    deep_mlp,
)
from archcast.spaces.transformers.model import (
    AdaptiveTokens,
    Classifier,
    Item,
    LanguageHead,
    Model,
    Norm,
    Patches,
    Project,
    Residual,
    Tokens,
)

__all__ = ["Activation", "Network", "ResidualBlock", "residual_layer"]


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
