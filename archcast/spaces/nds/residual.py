"""Residual networks for small images (He et al. 2016, https://arxiv.org/abs/1512.03385; Xie et al. 2017,
https://arxiv.org/abs/1611.05431), as NDS trained them."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Block", "Network"]


def conv_bn(c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without bias, batch norm."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(c_out)]


class Block(nn.Module):
    """The sum of a branch with weights and the input, which is projected where its shape changes; a ReLU after the sum.

    ``(b, c_in, h, w)`` -> ``(b, c_out, h / stride, w / stride)``, rounded up. With ``narrow`` channels the branch is a bottleneck.
    """

    def __init__(self, c_in: int, c_out: int, narrow: int, groups: int, stride: int) -> None:
        super().__init__()
        if narrow:
            layers = [
                *conv_bn(c_in, narrow, 1),
                nn.ReLU(),
                *conv_bn(narrow, narrow, 3, stride, groups),
                nn.ReLU(),
                *conv_bn(narrow, c_out, 1),
            ]
        else:
            layers = [*conv_bn(c_in, c_out, 3, stride), nn.ReLU(), *conv_bn(c_out, c_out, 3)]
        self.branch = nn.Sequential(*layers)
        changes = c_in != c_out or stride > 1
        self.shortcut = nn.Sequential(*conv_bn(c_in, c_out, 1, stride)) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.branch(x) + self.shortcut(x))


class Network(nn.Module):
    """Stem, stages, head. ``(b, channels, h, w)`` -> ``(b, classes)`` logits.

    Args:
        stages: blocks, channels, channels of the bottlenecks (0 without) and their groups, for each stage.
        channels, classes: of the task.
        width: channels of the stem.
    """

    def __init__(self, *stages: tuple[int, int, int, int], channels: int, classes: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [*conv_bn(channels, width, 3), nn.ReLU()]
        c = width
        for number, (blocks, wide, narrow, groups) in enumerate(stages):
            for k in range(blocks):
                layers.append(Block(c, wide, narrow, groups, 2 if number and k == 0 else 1))
                c = wide
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Linear(c, classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.layers(x).mean(dim=(2, 3)))
        return out
