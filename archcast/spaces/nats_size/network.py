"""The network of NATS-Bench's size space (Dong et al. 2021, https://arxiv.org/abs/2009.00437, section 3)."""

from __future__ import annotations

from torch import Tensor, nn

from archcast.spaces.nasbench201.network import Cell, Residual

__all__ = ["CELL", "Network"]

CELL = [3, 3, 3, 1, 3, 3]
"""NAS-Bench-201 row of every cell: 3x3 convolutions but for a skip from the input to the output."""


class Network(nn.Module):
    """Stem, three stages of cells that may change the number of channels, head.

    ``(b, channels, h, w)`` -> ``(b, classes)`` logits.
    """

    def __init__(self, arch: list[int], *, channels: int, classes: int, width: int, depth: int) -> None:
        super().__init__()
        sizes = [width * (k + 1) for k in arch]
        self.stem = nn.Sequential(nn.Conv2d(channels, sizes[0], 3, padding=1, bias=False), nn.BatchNorm2d(sizes[0]))
        blocks: list[nn.Module] = []
        channels = sizes[0]
        for layer, size in enumerate(sizes):
            if layer % 2:
                blocks.append(Residual(channels, size))
            else:
                blocks += [Cell(CELL, channels if k == 0 else size, size) for k in range(depth)]
            channels = size
        self.cells = nn.Sequential(*blocks)
        self.last = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.last(self.cells(self.stem(x)))
        out: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return out
