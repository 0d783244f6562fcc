"""A dense prediction cell on a small backbone (Chen et al. 2018, https://arxiv.org/abs/1809.04184, section 3)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from archcast.spaces.dpc.branches import OPERATIONS, Branch

__all__ = ["Network"]

HALVINGS = 4


def unit(c_in: int, c_out: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    """Convolution without bias, batch norm, ReLU."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU())


def atrous(c_in: int, c_out: int, rate: tuple[int, int]) -> nn.Sequential:
    """Dilated depthwise convolution, 1x1 convolution, each with batch norm and ReLU; the size is kept."""
    depthwise = nn.Conv2d(c_in, c_in, 3, padding=rate, dilation=rate, groups=c_in, bias=False)
    return nn.Sequential(depthwise, nn.BatchNorm2d(c_in), nn.ReLU(), *unit(c_in, c_out))


class Pyramid(nn.Module):
    """Average of each part of a grid, 1x1 convolution, and back to the size of the input by bilinear interpolation."""

    def __init__(self, c_in: int, c_out: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid
        self.unit = unit(c_in, c_out)

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.unit(functional.adaptive_avg_pool2d(x, self.grid))
        return functional.interpolate(pooled, x.shape[-2:], mode="bilinear", align_corners=False)


def operation(branch: Branch, c_in: int, c_out: int) -> nn.Module:
    """The module of a branch."""
    if branch.rate is not None:
        return atrous(c_in, c_out, branch.rate)
    return unit(c_in, c_out) if branch.grid is None else Pyramid(c_in, c_out, branch.grid)


class Network(nn.Module):
    """Backbone to a sixteenth of the resolution, the cell, a classifier of pixels, bilinear interpolation.

    ``(b, channels, h, w)`` -> ``(b, *outputs)``: logits of every pixel, or, for classes alone, their mean.
    """

    def __init__(
        self,
        operations: list[int],
        inputs: list[int],
        *,
        channels: int,
        outputs: tuple[int, ...],
        width: int,
        backbone: int,
    ) -> None:
        super().__init__()
        sides = [channels, *(max(backbone >> (HALVINGS - 1 - k), 1) for k in range(HALVINGS))]
        self.backbone = nn.Sequential(*(unit(a, b, 3, 2) for a, b in pairwise(sides)))
        self.inputs, self.outputs = inputs, outputs
        self.branches = nn.ModuleList(
            operation(OPERATIONS[op], width if given else backbone, width)
            for op, given in zip(operations, inputs, strict=True)
        )
        self.classifier = nn.Conv2d(len(operations) * width, outputs[0], 1)

    def forward(self, x: Tensor) -> Tensor:
        features = [self.backbone(x)]
        for given, branch in zip(self.inputs, self.branches, strict=True):
            features.append(branch(features[given]))
        logits: Tensor = self.classifier(torch.cat(features[1:], dim=1))
        if len(self.outputs) == 1:
            return logits.mean(dim=(2, 3))
        return functional.interpolate(logits, self.outputs[1:], mode="bilinear", align_corners=False)
