"""NAS-Bench-201's network (Dong & Yang 2020, https://arxiv.org/abs/2001.00326, section 2)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from archcast.spaces.edge_cells import EDGES

__all__ = ["Cell", "Network", "Residual", "operation"]

NONE, SKIP, CONV1, CONV3, POOL = range(5)


def relu_conv_bn(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """ReLU, convolution without bias, batch norm."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(c_out),
    )


def conv_bn(c_in: int, c_out: int) -> nn.Sequential:
    """1x1 convolution without bias, batch norm: what a skip becomes where the number of channels changes."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out))


def live_edges(arch: list[int]) -> list[int]:
    """Columns of the edges on a path from node 0 to node 3 that pass something on."""
    from_input, to_output = {0}, {3}
    for (i, j), op in sorted(zip(EDGES, arch, strict=True)):
        if op != NONE and i in from_input:
            from_input.add(j)
    for (i, j), op in sorted(zip(EDGES, arch, strict=True), reverse=True):
        if op != NONE and j in to_output:
            to_output.add(i)
    return [c for c, (i, j) in enumerate(EDGES) if arch[c] != NONE and i in from_input and j in to_output]


def operation(op: int, c_in: int, c_out: int) -> nn.Module:
    """What an edge does that passes something on."""
    if op == SKIP:
        return nn.Identity() if c_in == c_out else conv_bn(c_in, c_out)
    if op == POOL:
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return relu_conv_bn(c_in, c_out, 1 if op == CONV1 else 3)


class Cell(nn.Module):
    """Sum over incoming edges at each node. ``(b, c_in, h, w)`` -> ``(b, c_out, h, w)``.

    A node that nothing reaches is zero. Dead edges are built and computed as in the benchmark: one that leads nowhere costs
    parameters and time, one that starts at a zero node gives the shift of its batch norm, a constant for each channel that is
    zero at first. ``pruned`` leaves both out. Only the cell of NATS-Bench's size space, where every edge is live and none
    pools, changes the number of channels: on the edges from its input. ``make`` gives the module of an operation, its channels and
    those of its output.
    """

    def __init__(
        self,
        arch: list[int],
        c_in: int,
        c_out: int,
        pruned: bool = False,
        make: Callable[[int, int, int], nn.Module] = operation,
    ) -> None:
        super().__init__()
        self.built = live_edges(arch) if pruned else [column for column, op in enumerate(arch) if op != NONE]
        self.edges = nn.ModuleDict()
        for column in self.built:
            c = c_in if EDGES[column][0] == 0 else c_out
            self.edges[str(column)] = make(arch[column], c, c_out)

    def forward(self, x: Tensor) -> Tensor:
        nodes: list[Tensor | None] = [x, None, None, None]
        for column in self.built:
            i, j = EDGES[column]
            source = nodes[i]
            value = self.edges[str(column)](torch.zeros_like(x) if source is None else source)
            so_far = nodes[j]
            nodes[j] = value if so_far is None else so_far + value
        out = nodes[3]
        return torch.zeros_like(x) if out is None else out


class Residual(nn.Module):
    """The reduction block between stages: two 3x3 convolutions, the first of stride 2, beside pooling and a 1x1 convolution.

    Sizes are rounded up, so that images of odd size pass too.
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv_a = relu_conv_bn(c_in, c_out, 3, stride=2)
        self.conv_b = relu_conv_bn(c_out, c_out, 3)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True), nn.Conv2d(c_in, c_out, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.downsample(x) + self.conv_b(self.conv_a(x))
        return out


class Network(nn.Module):
    """Stem, stages, head. ``(b, channels, h, w)`` -> ``(b, classes)`` logits."""

    def __init__(
        self,
        arch: list[int],
        *,
        channels: int,
        classes: int,
        width: int,
        depth: int,
        stages: int,
        pruned: bool = False,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        blocks: list[nn.Module] = []
        for stage in range(stages):
            if stage:
                blocks.append(Residual(width, 2 * width))
                width *= 2
            blocks += [Cell(arch, width, width, pruned) for _ in range(depth)]
        self.cells = nn.Sequential(*blocks)
        self.last = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU())
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.last(self.cells(self.stem(x)))
        out: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return out
