"""The networks of Schrodi et al.'s grammar (2023, https://arxiv.org/abs/2211.01842, appendix)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archcast.spaces.grammar import Derivation
from archcast.spaces.hierarchical_nasbench201.topologies import EDGES, HALVINGS, OPERATIONS
from archcast.spaces.nasbench201.network import Cell, Residual

__all__ = ["Network"]


class Parts(nn.Module):
    """Parts on the edges of a small graph whose nodes are sums. ``(b, c, h, w)`` -> ``(b, c', h', w')``."""

    def __init__(self, derivation: Derivation, channels: int, pruned: bool) -> None:
        super().__init__()
        self.edges = EDGES[str(derivation.parts[0])]
        width = {0: channels}
        parts = []
        for (i, j), part in zip(self.edges, derivation.parts[1:], strict=True):
            parts.append(_part(part, width[i], pruned))
            width[j] = width[i] * 2 ** HALVINGS[part.symbol if isinstance(part, Derivation) else part]
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        nodes = {0: x}
        for (i, j), part in zip(self.edges, self.parts, strict=True):
            value = part(nodes[i])
            nodes[j] = nodes[j] + value if j in nodes else value
        return nodes[max(nodes)]


def _part(part: Derivation | str, channels: int, pruned: bool) -> nn.Module:
    if not isinstance(part, Derivation):
        return Residual(channels, 2 * channels)
    if part.symbol == "CELL":
        return Cell([OPERATIONS[str(edge.parts[0])] for edge in part.children], channels, channels, pruned)
    return Parts(part, channels, pruned)


class Network(nn.Module):
    """Stem, what the grammar derived, head. ``(b, channels, h, w)`` -> ``(b, classes)`` logits."""

    def __init__(
        self, derivation: Derivation, *, channels: int, classes: int, width: int, pruned: bool = False
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.parts = Parts(derivation, width, pruned)
        last = width * 2 ** HALVINGS[derivation.symbol]
        self.last = nn.Sequential(nn.BatchNorm2d(last), nn.ReLU())
        self.classifier = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.last(self.parts(self.stem(x)))
        out: Tensor = self.classifier(torch.mean(features, dim=(2, 3)))
        return out
