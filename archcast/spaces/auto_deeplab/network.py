"""The network of Auto-DeepLab (Liu et al. 2019, https://arxiv.org/abs/1901.02985, sections 3 and 5)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from archcast.spaces.auto_deeplab.cell import BLOCKS, KIND, LOW, NONE, RATES, living, low_layer, used_inputs
from archcast.spaces.darts.cell import INPUTS
from archcast.spaces.darts.network import named_operation, relu_conv_bn

__all__ = ["Network"]


def conv_norm(c_in: int, c_out: int, kernel: int = 1, stride: int = 1, rate: int = 1) -> list[nn.Module]:
    """Convolution without bias, batch norm."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, rate * (kernel // 2), rate, bias=False)
    return [conv, nn.BatchNorm2d(c_out)]


def unit(c_in: int, c_out: int, kernel: int = 1, stride: int = 1, rate: int = 1) -> nn.Sequential:
    """Convolution without bias, batch norm, ReLU."""
    return nn.Sequential(*conv_norm(c_in, c_out, kernel, stride, rate), nn.ReLU())


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """By bilinear interpolation that keeps the corners."""
    if tuple(x.shape[-2:]) == size:
        return x
    return functional.interpolate(x, size, mode="bilinear", align_corners=True)


class Atrous(nn.Module):
    """ReLU, 3x3 or 5x5 convolution of rate two, batch norm. With ``halves`` the features are resized to half of their height and
    width, rounded up, and the rate is one."""

    def __init__(self, channels: int, kernel: int, halves: bool) -> None:
        super().__init__()
        self.halves, rate = halves, 1 if halves else 2
        self.conv = nn.Conv2d(channels, channels, kernel, padding=rate * (kernel // 2), dilation=rate, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(x)
        if self.halves:
            x = resized(x, ((x.shape[2] + 1) // 2, (x.shape[3] + 1) // 2))
        out: Tensor = self.norm(self.conv(x))
        return out


def operation(op: int, channels: int, halves: bool) -> nn.Module:
    """An operation of a block; where a layer halves the resolution, those on the inputs of its cell do."""
    name = KIND.operations[op]
    if name.startswith("dil_conv"):
        return Atrous(channels, int(name[-1]), halves)
    if op == NONE or (name == "skip_connect" and not halves):
        return nn.Identity()
    if name == "skip_connect":
        return nn.Sequential(nn.ReLU(), *conv_norm(channels, channels, stride=2))
    return named_operation(name, channels, 2 if halves else 1)


class Cell(nn.Module):
    """Two inputs, the first of any resolution, brought to the same, five blocks that add up two operations each, their
    concatenation.

    ``(b, c0, h0, w0)``, ``(b, c1, h, w)`` -> ``(b, 5 * channels, h / 2, w / 2)`` with ``halves``, else ``(b, 5 * channels, h, w)``.
    Without ``used`` of an input it is not preprocessed; nor is a first one that has as many channels as the cell.
    """

    def __init__(self, cell: list[int], c0: int, c1: int, channels: int, halves: bool, used: list[bool]) -> None:
        super().__init__()
        self.channels, self.halves, self.sources = channels, halves, cell[0::2]
        self.preprocess = nn.ModuleList(
            relu_conv_bn(c, channels) if needed else nn.Identity()
            for c, needed in ((c0, used[0] and c0 != channels), (c1, used[1]))
        )
        self.used = used
        self.operations = nn.ModuleList(
            operation(op, channels, halves and source < INPUTS)
            for source, op in zip(self.sources, cell[1::2], strict=True)
        )
        self.nothing = [op == NONE for op in cell[1::2]]

    def forward(self, x0: Tensor, x1: Tensor) -> Tensor:
        size = (x1.shape[2], x1.shape[3])
        out = ((size[0] + 1) // 2, (size[1] + 1) // 2) if self.halves else size
        nothing = x1.new_zeros(len(x1), self.channels, *out)
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
    """Atrous spatial pyramid pooling: 1x1, three atrous 3x3, and the mean of the image, side by side and joined."""

    def __init__(self, c_in: int, channels: int, level: int) -> None:
        super().__init__()
        self.point, self.image = unit(c_in, channels), unit(c_in, channels)
        self.atrous = nn.ModuleList(unit(c_in, channels, 3, rate=rate >> level) for rate in RATES)
        self.join = unit((2 + len(RATES)) * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(x)
        image = self.image(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *x.shape[-2:])
        out: Tensor = self.join(torch.cat([self.point(x), *(branch(x) for branch in self.atrous), image], dim=1))
        return out


class Decoder(nn.Module):
    """DeepLabv3+'s: the head, beside features at a quarter of the resolution, two 3x3 convolutions, a classifier of pixels."""

    def __init__(self, c_low: int, channels: int, classes: int) -> None:
        super().__init__()
        self.low = unit(c_low, LOW)
        self.refine = nn.Sequential(unit(channels + LOW, channels, 3), unit(channels, channels, 3))
        self.classifier = nn.Conv2d(channels, classes, 1)

    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        x = torch.cat([resized(x, (low.shape[2], low.shape[3])), self.low(low)], dim=1)
        out: Tensor = self.classifier(self.refine(x))
        return out


class Network(nn.Module):
    """Stem to a quarter of the resolution, a cell at the level of each layer, head, decoder, bilinear interpolation.

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
        self.stem_half = nn.Sequential(unit(channels, stem, 3, 2), *conv_norm(stem, stem, 3))
        self.stem_quarter = nn.Sequential(nn.ReLU(), *conv_norm(stem, 2 * stem, 3, 2))
        used = used_inputs(np.array([cell])) | (not pruned)
        self.low = int(low_layer(np.array([levels]))[0])
        self.alive = living(np.array([levels]), used)[0].tolist()
        widths = [stem, 2 * stem, *(BLOCKS * (width << level) for level in levels)]
        self.cells = nn.ModuleList(
            Cell(cell, widths[k], widths[k + 1], width << level, level > before, used[0].tolist())
            for k, (before, level) in enumerate(zip([0, *levels], levels))
            if self.alive[k]
        )
        self.head = Head(widths[-1], head, levels[-1])
        self.decoder = Decoder(widths[self.low + 2], head, outputs[0])

    def forward(self, x: Tensor) -> Tensor:
        x0 = self.stem_half(x)
        x1 = low = self.stem_quarter(x0)
        pyramid = [(x1.shape[2], x1.shape[3])]
        for _ in range(max(self.levels)):
            pyramid.append(((pyramid[-1][0] + 1) // 2, (pyramid[-1][1] + 1) // 2))
        cells = iter(self.cells)
        for k, (before, level) in enumerate(zip([0, *self.levels], self.levels)):
            if self.alive[k]:  # what follows a dead cell does not look at it
                x0, x1 = x1, next(cells)(x0, resized(x1, pyramid[min(before, level)]))
            else:
                x0 = x1
            low = x1 if k == self.low else low
        logits: Tensor = self.decoder(self.head(x1), low)
        return logits.mean(dim=(2, 3)) if len(self.outputs) == 1 else resized(logits, self.outputs[1:])  # type: ignore[arg-type]
