"""DARTS' network for small images (Liu et al. 2019, https://arxiv.org/abs/1806.09055, section 3.1 and appendix A)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archcast.spaces.darts.cell import INPUTS, NODES, OPERATIONS

__all__ = ["Cell", "Network"]


def relu_conv_bn(c_in: int, c_out: int) -> nn.Sequential:
    """ReLU, 1x1 convolution without bias, batch norm."""
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out))


def depthwise(channels: int, kernel: int, stride: int, dilation: int = 1) -> list[nn.Module]:
    """ReLU, depthwise convolution, 1x1 convolution, batch norm; the size is kept but for the stride."""
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    ]


class FactorizedReduce(nn.Module):
    """Halve the resolution: two 1x1 convolutions of stride two, the second shifted by one pixel, side by side.

    ``(b, c_in, h, w)`` -> ``(b, c_out, h / 2, w / 2)``, rounded up.
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv_a = nn.Conv2d(c_in, (c_out + 1) // 2, 1, stride=2, bias=False)
        self.conv_b = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(x)
        shifted = functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        out: Tensor = self.norm(torch.cat([self.conv_a(x), self.conv_b(shifted)], dim=1))
        return out


def operation(op: int, channels: int, stride: int) -> nn.Module:
    """The operation with that code; the number of channels is kept."""
    name = OPERATIONS[op]
    kernel = int(name[-1]) if name[-1].isdigit() else 0
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, padding=1)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    if name.startswith("sep_conv"):
        return nn.Sequential(*depthwise(channels, kernel, stride), *depthwise(channels, kernel, 1))
    return nn.Sequential(*depthwise(channels, kernel, stride, dilation=2))


class Cell(nn.Module):
    """Two preprocessed inputs, four nodes that add up two operations each, their concatenation.

    ``(b, c0, h0, w0)``, ``(b, c1, h, w)`` -> ``(b, 4 channels, h / stride, w / stride)``; the stride is two in a reduction cell.
    """

    def __init__(
        self,
        arch: list[int],
        c0: int,
        c1: int,
        channels: int,
        reduction: bool,
        after_reduction: bool,
    ) -> None:
        super().__init__()
        self.sources = arch[0::2]
        self.preprocess0 = FactorizedReduce(c0, channels) if after_reduction else relu_conv_bn(c0, channels)
        self.preprocess1 = relu_conv_bn(c1, channels)
        self.operations = nn.ModuleList(
            operation(op, channels, 2 if reduction and source < INPUTS else 1)
            for source, op in zip(arch[0::2], arch[1::2], strict=True)
        )

    def forward(self, x0: Tensor, x1: Tensor) -> Tensor:
        nodes: list[Tensor] = [self.preprocess0(x0), self.preprocess1(x1)]
        for k in range(NODES):
            a, b = (self.operations[e](nodes[self.sources[e]]) for e in (2 * k, 2 * k + 1))
            nodes.append(a + b)
        return torch.cat(nodes[INPUTS:], dim=1)


class Network(nn.Module):
    """Stem, cells with two reductions, head. ``(b, channels, h, w)`` -> ``(b, classes)`` logits."""

    def __init__(
        self,
        normal: list[int],
        reduce: list[int],
        *,
        channels: int,
        classes: int,
        width: int,
        depth: int,
    ) -> None:
        super().__init__()
        stem = 3 * width
        self.stem = nn.Sequential(nn.Conv2d(channels, stem, 3, padding=1, bias=False), nn.BatchNorm2d(stem))
        self.cells = nn.ModuleList()
        c0 = c1 = stem
        after_reduction = False
        for k in range(depth):
            reduction = k in (depth // 3, 2 * depth // 3)
            if reduction:
                width *= 2
            cell = reduce if reduction else normal
            self.cells.append(Cell(cell, c0, c1, width, reduction, after_reduction))
            after_reduction = reduction
            c0, c1 = c1, NODES * width
        self.classifier = nn.Linear(c1, classes)

    def forward(self, x: Tensor) -> Tensor:
        x0 = x1 = self.stem(x)
        for cell in self.cells:
            x0, x1 = x1, cell(x0, x1)
        out: Tensor = self.classifier(x1.mean(dim=(2, 3)))
        return out
