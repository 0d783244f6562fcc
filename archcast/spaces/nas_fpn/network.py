"""Pyramids of NAS-FPN on a small backbone (Ghiasi et al. 2019, https://arxiv.org/abs/1904.07392, section 3)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from archcast.spaces.nas_fpn.costs import BACKBONE
from archcast.spaces.nas_fpn.merging import COMBINE, FIRST, LEVELS, OUTPUTS, Merging, joined

__all__ = ["Network", "Pyramid", "attention", "resample"]


def conv_bn(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution without bias, batch norm."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(c_out),
    )


def resample(x: Tensor, down: int, size: tuple[int, int]) -> Tensor:
    """So many levels down by max pooling, or up to ``size`` by the nearest neighbour where the number is negative."""
    if down > 0:
        return functional.max_pool2d(x, 2**down, ceil_mode=True)
    return functional.interpolate(x, size, mode="nearest") if down < 0 else x


def attention(a: Tensor, b: Tensor) -> Tensor:
    """``a``, and ``b`` as far as the largest value of each channel of ``a`` lets it through."""
    return a + b * a.amax(dim=(2, 3), keepdim=True).sigmoid()


class Pyramid(nn.Module):
    """Features of five levels -> features of the same levels, by seven cells."""

    def __init__(self, cells: Merging, width: int) -> None:
        super().__init__()
        self.inputs, self.combine = cells.inputs[0].tolist(), cells.combine[0].tolist()
        self.cell_levels = cells.levels[0].tolist()
        self.levels = [*range(LEVELS), *self.cell_levels]
        self.joined = [np.flatnonzero(some).tolist() for some in joined(cells)[0]]
        self.convolutions = nn.ModuleList(nn.Sequential(nn.ReLU(), *conv_bn(width, width, 3)) for _ in self.cell_levels)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        found = list(features)
        cells = zip(self.inputs, self.combine, self.cell_levels, self.joined, self.convolutions, strict=True)
        for inputs, combine, level, extra, convolution in cells:
            size = (features[level].shape[2], features[level].shape[3])
            a, b = (resample(found[source], level - self.levels[source], size) for source in inputs)
            merged = a + b if COMBINE[combine] == "sum" else attention(a, b)
            for feature in extra:
                merged = merged + found[feature]
            found.append(convolution(merged))
        outputs = dict(zip(self.cell_levels[-OUTPUTS:], found[-OUTPUTS:], strict=True))
        return [outputs[level] for level in range(LEVELS)]


class Network(nn.Module):
    """Backbone, pyramids one after the other, the sum of all levels, a classifier of pixels, bilinear interpolation.

    ``(b, channels, h, w)`` -> ``(b, *outputs)``: logits of every pixel, or, for classes alone, their mean.
    """

    def __init__(
        self, cells: Merging, *, channels: int, outputs: tuple[int, ...], width: int, backbone: int, depth: int
    ) -> None:
        super().__init__()
        self.outputs = outputs
        sides = [channels, *(max(backbone >> (BACKBONE - k), 1) for k in range(1, BACKBONE + 1))]
        self.backbone = nn.ModuleList(nn.Sequential(*conv_bn(a, b, 3, 2), nn.ReLU()) for a, b in pairwise(sides))
        self.lateral = nn.ModuleList(conv_bn(c, width, 1) for c in sides[FIRST:])
        self.pyramids = nn.ModuleList(Pyramid(cells, width) for _ in range(depth))
        self.classifier = nn.Conv2d(width, outputs[0], 1)

    def forward(self, x: Tensor) -> Tensor:
        features = []
        for k, stage in enumerate(self.backbone, 1):
            x = stage(x)
            if k >= FIRST:
                features.append(self.lateral[k - FIRST](x))
        while len(features) < LEVELS:
            features.append(functional.max_pool2d(features[-1], 2, ceil_mode=True))
        for pyramid in self.pyramids:
            features = pyramid(features)
        size = (features[0].shape[2], features[0].shape[3])
        total = torch.stack([resample(f, -level, size) for level, f in enumerate(features)]).sum(dim=0)
        logits: Tensor = self.classifier(total)
        if len(self.outputs) == 1:
            return logits.mean(dim=(2, 3))
        return functional.interpolate(logits, self.outputs[1:], mode="bilinear", align_corners=False)
