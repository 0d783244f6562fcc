"""NAS-Bench-Macro's network (Su et al. 2021, https://arxiv.org/abs/2103.11922, section 5)."""

from __future__ import annotations

from torch import Tensor, nn

from archcast.spaces.nasbench_macro.layers import EXPANSION, HEAD, KERNEL, STAGES

__all__ = ["InvertedResidual", "Network"]


def conv_bn(c_in: int, c_out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without bias, batch norm."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(c_out)]


class InvertedResidual(nn.Module):
    """MobileNetV2's block with ReLU: 1x1 expansion, depthwise convolution, 1x1 projection, and a skip where shapes allow it.

    ``(b, c_in, h, w)`` -> ``(b, c_out, h / stride, w / stride)``.
    """

    def __init__(self, c_in: int, c_out: int, stride: int, kernel: int, expansion: int) -> None:
        super().__init__()
        hidden = c_in * expansion
        self.conv = nn.Sequential(
            *conv_bn(c_in, hidden),
            nn.ReLU(),
            *conv_bn(hidden, hidden, kernel, stride, groups=hidden),
            nn.ReLU(),
            *conv_bn(hidden, c_out),
        )
        self.skip = c_in == c_out and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out + x if self.skip else out


class Network(nn.Module):
    """Stem, three stages whose first layer halves the resolution and doubles the channels, head.

    ``(b, channels, h, w)`` -> ``(b, classes)`` logits.
    """

    def __init__(self, arch: list[int], *, channels: int, classes: int, width: int, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [*conv_bn(channels, width, 3), nn.ReLU()]
        channels, ops = width, iter(arch)
        for stage in STAGES:
            for k in range(stage):
                op = next(ops)
                for copy in range(depth):
                    stride = 1 if k or copy else 2
                    c_in, channels = channels, channels * stride
                    if op:
                        layers.append(InvertedResidual(c_in, channels, stride, KERNEL[op], EXPANSION[op]))
                    elif stride == 2:
                        layers += conv_bn(c_in, channels, stride=2)
        self.features = nn.Sequential(*layers, *conv_bn(channels, HEAD * width), nn.ReLU())
        self.classifier = nn.Linear(HEAD * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.features(x).mean(dim=(2, 3)))
        return out
