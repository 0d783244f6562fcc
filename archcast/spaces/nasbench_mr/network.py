"""NAS-Bench-MR's multi-resolution network (Ding et al. 2021, https://arxiv.org/abs/2103.13253, section 3), as a classifier."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from archcast.spaces.nds.residual import Block

__all__ = ["Module", "Network"]


def conv_bn_relu(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution without bias, batch norm, ReLU."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU())


class Module(nn.Module):
    """Exchange between neighbouring branches, then residual blocks in each; maps of features -> as many or one more.

    Branch i has half the resolution of branch i - 1. A branch takes in itself and its neighbours: a 3x3 convolution, of stride
    two from the finer one, a 1x1 convolution and nearest neighbours from the coarser one. A new branch follows from the last.

    Args:
        given: channels of the branches before.
        channels: of the branches after.
        units: number of residual blocks of each.
    """

    def __init__(self, given: Sequence[int], channels: Sequence[int], units: Sequence[int]) -> None:
        super().__init__()
        self.exchange = nn.ModuleList(
            nn.ModuleDict(
                {
                    str(j): conv_bn_relu(given[j], channels[i], 1 if j > i else 3, 2 if j < i else 1)
                    for j in range(max(i - 1, 0), min(i + 2, len(given)))
                }
            )
            for i in range(len(given))
        )
        self.added = nn.ModuleList(
            conv_bn_relu(channels[i - 1], channels[i], 3, 2) for i in range(len(given), len(channels))
        )
        self.branches = nn.ModuleList(
            nn.Sequential(*(Block(c, c, 0, 1, 1) for _ in range(count)))
            for c, count in zip(channels, units, strict=True)
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        out = []
        for own, parts in zip(maps, self.exchange, strict=True):
            terms = [functional.interpolate(part(maps[int(j)]), own.shape[2:]) for j, part in parts.items()]  # type: ignore[operator]
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            out.append(functional.relu(total))
        for added in self.added:
            out.append(added(out[-1]))
        return [branch(x) for branch, x in zip(self.branches, out, strict=True)]


class Network(nn.Module):
    """Stem, modules, concatenation at the lowest resolution, head. ``(b, channels, h, w)`` -> ``(b, classes)`` logits.

    Args:
        stem: channels of the two convolutions of stride two.
        modules: units and channels of the branches of each.
        last: channels of the head.
        channels, classes: of the task.
    """

    def __init__(
        self,
        stem: Sequence[int],
        modules: Sequence[tuple[Sequence[int], Sequence[int]]],
        last: int,
        *,
        channels: int,
        classes: int,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn_relu(channels, stem[0], 3, 2), conv_bn_relu(stem[0], stem[1], 3, 2))
        given = [stem[1]]
        layers = []
        for units, wide in modules:
            layers.append(Module(given, wide, units))
            given = list(wide)
        self.modules_in_order = nn.ModuleList(layers)
        self.head = conv_bn_relu(sum(given), last, 1)
        self.classifier = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.stem(x)]
        for module in self.modules_in_order:
            maps = module(maps)
        size = maps[-1].shape[2:]
        joined = torch.cat([functional.interpolate(x, size, mode="bilinear", align_corners=False) for x in maps], dim=1)
        out: Tensor = self.classifier(self.head(joined).mean(dim=(2, 3)))
        return out
