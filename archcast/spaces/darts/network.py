"""DARTS' network for small images, of cells of any kind of NASNet's family.

Liu et al. 2019, https://arxiv.org/abs/1806.09055, section 3.1 and appendix A.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from archcast.spaces.darts.cell import (
    DARTS_CELLS,
    INPUTS,
    CellKind,
    Unit,
    living_cells,
    strides,
    units,
)

__all__ = ["Cell", "FactorizedReduce", "Network", "Noise", "named_operation"]


KEYS = 2**24
"""Number of keys of noise: a key is exact as a float, too."""


def relu_conv_bn(c_in: int, c_out: int) -> nn.Sequential:
    """ReLU, 1x1 convolution without bias, batch norm."""
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out))


def unit(channels: int, of: Unit, stride: int) -> list[nn.Module]:
    """ReLU, convolutions, batch norm; the size is kept but for the stride."""
    layers: list[nn.Module] = [nn.ReLU()]
    for window in of.windows:
        padding = (of.dilation * (window[0] // 2), of.dilation * (window[1] // 2))
        steps, groups = strides(window, stride), channels if of.depthwise else 1
        layers.append(nn.Conv2d(channels, channels, window, steps, padding, of.dilation, groups=groups, bias=False))
    if of.depthwise:
        layers.append(nn.Conv2d(channels, channels, 1, bias=False))
    return [*layers, nn.BatchNorm2d(channels)]


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


class Noise(nn.Module):
    """Independent standard normal numbers in the place of the input, of which only the shape counts (Zela et al. 2020, S4).

    In training every pass draws anew, from PyTorch's generator for the processor, as dropout does: seed that. In evaluation all
    passes give the numbers of ``key``, which is drawn when the module is made and is part of its state, so the same
    network answers alike.

    ``(b, c, h, w)`` -> ``(b, c, h / stride, w / stride)``, rounded up.
    """

    key: Tensor

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.register_buffer("key", torch.randint(KEYS, ()))

    def forward(self, x: Tensor) -> Tensor:
        shape = x[:, :, :: self.stride, :: self.stride].shape
        if x.is_meta:
            return torch.empty(shape, device=x.device, dtype=x.dtype)
        generator = None if self.training else torch.Generator().manual_seed(int(self.key))
        return torch.randn(shape, generator=generator).to(x.device, x.dtype)


def named_operation(name: str, channels: int, stride: int) -> nn.Module:
    """An operation of NASNet's family; the number of channels is kept."""
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    if name == "noise":
        return Noise(stride)
    window = int(name[-1])
    if name.startswith("max_pool"):
        return nn.MaxPool2d(window, stride, padding=window // 2)
    if name.startswith("avg_pool"):
        return nn.AvgPool2d(window, stride, padding=window // 2, count_include_pad=False)
    layers = [layer for k, of in enumerate(units(name)) for layer in unit(channels, of, stride if k == 0 else 1)]
    return nn.Sequential(*layers)


class ShapeOnly(nn.Module):
    """In the place of an input of a cell that no node depends on: a view of the right shape, which noise asks for."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1, :: self.stride, :: self.stride].expand(-1, self.channels, -1, -1)


class Cell(nn.Module):
    """Two preprocessed inputs, nodes that add up two operations each, the concatenation of all nodes or of the loose ends.

    ``(b, c0, h0, w0)``, ``(b, c1, h, w)`` -> ``(b, len(outputs) * channels, h / stride, w / stride)``; the stride is two in a
    reduction cell. ``pruned`` leaves out the preprocessing of an input that no node depends on.
    """

    def __init__(
        self,
        arch: list[int],
        c0: int,
        c1: int,
        channels: int,
        reduction: bool,
        after_reduction: bool,
        kind: CellKind = DARTS_CELLS,
        pruned: bool = False,
    ) -> None:
        super().__init__()
        self.sources = arch[0::2]
        self.outputs = [INPUTS + int(k) for k in np.flatnonzero(kind.outputs(np.array([arch]))[0])]
        self.preprocess0: nn.Module = ShapeOnly(channels, 2 if after_reduction else 1)
        self.preprocess1: nn.Module = ShapeOnly(channels, 1)
        used = kind.used_inputs(np.array([arch]))[0] | (not pruned)
        if used[0]:
            self.preprocess0 = FactorizedReduce(c0, channels) if after_reduction else relu_conv_bn(c0, channels)
        if used[1]:
            self.preprocess1 = relu_conv_bn(c1, channels)
        self.operations = nn.ModuleList(
            named_operation(kind.operations[op], channels, 2 if reduction and source < INPUTS else 1)
            for source, op in zip(arch[0::2], arch[1::2], strict=True)
        )

    def forward(self, x0: Tensor, x1: Tensor) -> Tensor:
        nodes = [self.preprocess0(x0), self.preprocess1(x1)]
        for k in range(len(self.sources) // 2):
            a, b = (self.operations[e](nodes[self.sources[e]]) for e in (2 * k, 2 * k + 1))
            nodes.append(a + b)
        return torch.cat([nodes[k] for k in self.outputs], dim=1)


class Network(nn.Module):
    """Stem, cells with two reductions, head. ``(b, channels, h, w)`` -> ``(b, classes)`` logits."""

    def __init__(
        self,
        normal: list[int],
        reduce: list[int],
        kind: CellKind = DARTS_CELLS,
        pruned: bool = False,
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
        reductions = [k in (depth // 3, 2 * depth // 3) for k in range(depth)]
        used = [kind.used_inputs(np.array([cell])) | (not pruned) for cell in (normal, reduce)]
        self.alive = [bool(alive[0]) for alive in living_cells([used[k] for k in reductions])]
        for k, reduction in enumerate(reductions):
            if reduction:
                width *= 2
            after_reduction = k > 0 and reductions[k - 1]
            cell = Cell(reduce if reduction else normal, c0, c1, width, reduction, after_reduction, kind, pruned)
            if self.alive[k]:
                self.cells.append(cell)
            c0, c1 = c1, len(cell.outputs) * width
        self.steps = [2 if reduction else 1 for reduction in reductions]
        self.classifier = nn.Linear(c1, classes)

    def forward(self, x: Tensor) -> Tensor:
        x0 = x1 = self.stem(x)
        cells = iter(self.cells)
        for alive, step in zip(self.alive, self.steps, strict=True):
            # what follows a dead cell does not look at it, but for its shape
            x0, x1 = x1, next(cells)(x0, x1) if alive else x1[:, :, ::step, ::step]
        out: Tensor = self.classifier(x1.mean(dim=(2, 3)))
        return out
