"""The network of a translator that is described in numbers."""

from __future__ import annotations

from torch import Tensor, cat, nn
from torch.nn import functional

from archcast.spaces.transformers.embeddings import TokenEmbedding
from archcast.spaces.transformers.mixers import split
from archcast.spaces.transformers.network import ResidualBlock
from archcast.spaces.transformers.translator import Cross, Translator

__all__ = ["CrossLayer", "TranslatorNetwork"]


class CrossLayer(nn.Module):
    """Attention to the last layers of the encoder, ``(b, t, width)`` -> the same shape."""

    def __init__(self, layer: Cross) -> None:
        super().__init__()
        self.heads, self.layers = layer.heads, layer.layers
        self.query = nn.Linear(layer.width, layer.inner)
        self.key, self.value = (nn.Linear(layer.memory, layer.inner) for _ in range(2))
        self.out = nn.Linear(layer.inner, layer.width)
        self.norm = nn.LayerNorm(layer.width)

    def forward(self, x: Tensor, states: list[Tensor]) -> Tensor:
        memory = cat(states[-self.layers :], dim=1)
        q, k, v = (
            split(part(given), self.heads)
            for part, given in ((self.query, x), (self.key, memory), (self.value, memory))
        )
        mixed = functional.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.norm(x + self.out(mixed.transpose(1, 2).flatten(2)))
        return out


class TranslatorNetwork(nn.Module):
    """Encoder and decoder: ``(b, s)`` and ``(b, t)`` whole numbers -> ``(b, vocabulary, t)`` logits.

    Args:
        model: of a single row, in plain numbers.
    """

    def __init__(self, model: Translator) -> None:
        super().__init__()
        self.source, self.target = TokenEmbedding(model.source), TokenEmbedding(model.target)
        self.encoder = nn.ModuleList(ResidualBlock(layer) for layer in model.encoder)
        self.decoder = nn.ModuleList(
            CrossLayer(layer) if isinstance(layer, Cross) else ResidualBlock(layer) for layer in model.decoder
        )
        self.head = nn.Linear(model.head.width, model.head.vocabulary, bias=False)
        self.head.weight = self.target.table.weight

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        states = [self.source(source)]
        for layer in self.encoder:
            states.append(layer(states[-1]))
        x = self.target(target)
        for layer in self.decoder:
            x = layer(x, states) if isinstance(layer, CrossLayer) else layer(x)
        logits: Tensor = self.head(x).transpose(1, 2)
        return logits
