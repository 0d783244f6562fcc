"""Liu et al.'s networks (2018, https://arxiv.org/abs/1711.00436, sections 2 and 4)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from archcast.spaces.hierarchical.motifs import DECLARED, INNER, OUTER

__all__ = ["Network"]

STAGES = 3


def unit(c_in: int, c_out: int, kernel: int, groups: int = 1) -> nn.Sequential:
    """Convolution without bias, batch norm, ReLU."""
    conv = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU())


def separable(c_in: int, c_out: int, stride: int = 1) -> nn.Sequential:
    """3x3 depthwise convolution, 1x1 convolution, batch norm, ReLU."""
    return nn.Sequential(nn.Conv2d(c_in, c_in, 3, stride, 1, groups=c_in, bias=False), *unit(c_in, c_out, 1))


def operation(code: int, channels: int) -> nn.Module:
    """The operation with that number, from 1."""
    name = list(DECLARED)[code - 1]
    if name == "identity":
        return nn.Identity()
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, 1, padding=1)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)
    if name == "separable_3x3":
        return separable(channels, channels)
    return unit(channels, channels, 1) if name == "conv_1x1" else unit(channels, channels, 3, groups=channels)


class Graph(nn.Module):
    """Parts on edges; where several edges end their outputs are concatenated, and a 1x1 convolution gives back the channels.

    ``(b, c, h, w)`` -> the same.
    """

    def __init__(
        self, codes: list[int], edges: tuple[tuple[int, int], ...], channels: int, part: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        self.edges = [edge for edge, code in zip(edges, codes, strict=True) if code]
        self.parts = nn.ModuleList(part(code) for code in codes if code)
        self.last = edges[-1][1]
        ends = [j for _, j in self.edges]
        self.merges = nn.ModuleDict(
            {str(j): unit(ends.count(j) * channels, channels, 1) for j in sorted(set(ends)) if ends.count(j) > 1}
        )

    def forward(self, x: Tensor) -> Tensor:
        nodes = {0: x}
        for j in range(1, self.last + 1):
            found = [part(nodes[i]) for (i, end), part in zip(self.edges, self.parts, strict=True) if end == j]
            if found:
                nodes[j] = self.merges[str(j)](torch.cat(found, dim=1)) if len(found) > 1 else found[0]
        return nodes[self.last]


def motif(codes: list[int], channels: int) -> Graph:
    """A motif: operations on the edges of four nodes."""
    return Graph(codes, INNER, channels, lambda code: operation(code, channels))


class Network(nn.Module):
    """Stem, three stages of cells, head. ``(b, channels, h, w)`` -> ``(b, classes)`` logits."""

    def __init__(
        self, motifs: list[list[int]], graph: list[int], *, channels: int, classes: int, width: int, depth: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [unit(channels, width, 3)]
        for stage in range(STAGES):
            if stage:
                layers.append(separable(width, 2 * width, stride=2))
                width *= 2
            layers += [_cell(motifs, graph, width) for _ in range(depth)]
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.layers(x).mean(dim=(2, 3)))
        return out


def _cell(motifs: list[list[int]], graph: list[int], channels: int) -> Graph:
    return Graph(graph, OUTER, channels, lambda code: motif(motifs[code - 1], channels))
