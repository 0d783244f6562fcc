"""The network of Auto-DeepLab (Liu et al. 2019, https://arxiv.org/abs/1901.02985, sections 3 and 5)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from archcast.spaces.auto_deeplab.cell import ATROUS, BLOCKS, KIND, NONE, used_inputs
from archcast.spaces.darts.cell import living_cells
from archcast.spaces.darts.network import named_operation, relu_conv_bn

__all__ = ["Network"]


def unit(c_in: int, c_out: int, kernel: int = 1, stride: int = 1, rate: int = 1) -> nn.Sequential:
    """Convolution without bias, batch norm, ReLU."""
    padding = rate * (kernel // 2)
    conv = nn.Conv2d(c_in, c_out, kernel, stride, padding, rate, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU())


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """By bilinear interpolation."""
    if tuple(x.shape[-2:]) == size:
        return x
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)


class Cell(nn.Module):
    """Two inputs of any resolution, brought to that of the cell, five blocks that add up two operations each, their concatenation.

    ``(b, c0, h0, w0)``, ``(b, c1, h1, w1)`` -> ``(b, 5 * channels, h, w)``. Without ``used`` of an input it is not preprocessed.
    """

    def __init__(self, cell: list[int], c0: int, c1: int, channels: int, used: list[bool]) -> None:
        super().__init__()
        self.channels, self.sources = channels, cell[0::2]
        self.preprocess = nn.ModuleList(
            relu_conv_bn(c, channels) if needed else nn.Identity() for c, needed in zip((c0, c1), used, strict=True)
        )
        self.used = used
        self.operations = nn.ModuleList(
            nn.Identity() if op == NONE else named_operation(KIND.operations[op], channels, 1) for op in cell[1::2]
        )
        self.nothing = [op == NONE for op in cell[1::2]]

    def forward(self, x0: Tensor, x1: Tensor, size: tuple[int, int]) -> Tensor:
        nothing = x0.new_zeros(len(x0), self.channels, *size)
        nodes = [
            preprocess(resized(x, size)) if used else nothing
            for x, preprocess, used in zip((x0, x1), self.preprocess, self.used, strict=True)
        ]
        for k in range(BLOCKS):
            a, b = (
                nothing if self.nothing[e] else self.operations[e](nodes[self.sources[e]]) for e in (2 * k, 2 * k + 1)
            )
            nodes.append(a + b)
        return torch.cat(nodes[-BLOCKS:], dim=1)


class Head(nn.Module):
    """Atrous spatial pyramid pooling of three branches: 1x1, atrous 3x3, and the mean of the image; then a classifier."""

    def __init__(self, c_in: int, channels: int, classes: int, rate: int) -> None:
        super().__init__()
        self.point, self.atrous = unit(c_in, channels), unit(c_in, channels, 3, rate=rate)
        self.image, self.join = unit(c_in, channels), unit(3 * channels, channels)
        self.classifier = nn.Conv2d(channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        image = self.image(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *x.shape[-2:])
        out: Tensor = self.classifier(self.join(torch.cat([self.point(x), self.atrous(x), image], dim=1)))
        return out


class Network(nn.Module):
    """Stem to a quarter of the resolution, a cell at the level of each layer, head, bilinear interpolation.

    ``(b, channels, h, w)`` -> ``(b, *outputs)``: logits of every pixel, or, for classes alone, their mean.
    """

    def __init__(
        self,
        levels: list[int],
        cell: list[int],
        pruned: bool,
        *,
        channels: int,
        outputs: tuple[int, ...],
        width: int,
        stem: int,
        head: int,
    ) -> None:
        super().__init__()
        self.levels, self.outputs = levels, outputs
        self.stem = nn.Sequential(unit(channels, stem, 3, 2), unit(stem, stem, 3), unit(stem, 2 * stem, 3, 2))
        used = used_inputs(np.array([cell])) | (not pruned)
        self.alive = [bool(alive[0]) for alive in living_cells([used] * len(levels))]
        c0 = c1 = 2 * stem
        self.cells = nn.ModuleList()
        for level, alive in zip(levels, self.alive, strict=True):
            if alive:
                self.cells.append(Cell(cell, c0, c1, width << level, used[0].tolist()))
            c0, c1 = c1, BLOCKS * (width << level)
        self.head = Head(c1, head, outputs[0], ATROUS >> levels[-1])

    def forward(self, x: Tensor) -> Tensor:
        x0 = x1 = self.stem(x)
        pyramid = [(x1.shape[2], x1.shape[3])]
        for _ in range(max(self.levels)):
            pyramid.append(((pyramid[-1][0] + 1) // 2, (pyramid[-1][1] + 1) // 2))
        cells = iter(self.cells)
        for level, alive in zip(self.levels, self.alive, strict=True):  # what follows a dead cell does not look at it
            x0, x1 = x1, next(cells)(x0, x1, pyramid[level]) if alive else x1
        logits: Tensor = self.head(x1)
        return logits.mean(dim=(2, 3)) if len(self.outputs) == 1 else resized(logits, self.outputs[1:])  # type: ignore[arg-type]
