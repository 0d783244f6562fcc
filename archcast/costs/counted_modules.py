"""A module for each layer that a space counts, and the layer that a module is: what is measured stands for what is counted."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from archcast.costs.counted import Layer

__all__ = ["Given", "layer_of", "module_of"]

Given = tuple[tuple[tuple[int, ...], torch.dtype], ...]
"""Shape and type of each input of a module."""

ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid, nn.Tanh
)  # fmt: skip
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d)


class Product(nn.Module):
    """A product of two matrices."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b


def module_of(layer: Layer, batch: int) -> tuple[nn.Module, Given]:
    """A module that does what a layer does, and its inputs.

    Strides are 1 and inputs as large as outputs; where a kernel has an even size, the input is larger by what it cuts off.

    Examples:
        >>> module, given = module_of(("conv", 8, 16, 9, 1, 0, 32, 32), batch=4)
        >>> module, given[0][0]
        (Conv2d(8, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False), (4, 8, 32, 32))
    """
    kind, n = layer[0], [int(number) for number in layer[1:]]
    shapes: list[tuple[int, ...]]
    module: nn.Module
    if kind == "conv":
        side = math.isqrt(n[2])
        kernel = (side, side) if side**2 == n[2] else (1, n[2])
        pads = (kernel[0] // 2 if kernel[0] % 2 else 0, kernel[1] // 2 if kernel[1] % 2 else 0)
        module = nn.Conv2d(n[0], n[1], kernel, padding=pads, groups=n[3], bias=bool(n[4]))
        shapes = [(n[0], *(out + k - 1 - 2 * pad for out, k, pad in zip(n[5:], kernel, pads, strict=True)))]
    elif kind == "conv1d":
        pad = n[2] // 2 if n[2] % 2 else 0
        module = nn.Conv1d(n[0], n[1], n[2], padding=pad, groups=n[3], bias=bool(n[4]))
        shapes = [(n[0], n[5] + n[2] - 1 - 2 * pad)]
    elif kind == "transposed":
        side, stride = math.isqrt(n[2]), max(1, n[5] // n[3])
        pad = max(0, (side - stride + 1) // 2)
        more = n[5] - ((n[3] - 1) * stride - 2 * pad + side)
        module = nn.ConvTranspose2d(n[0], n[1], side, stride, pad, min(max(more, 0), stride - 1))
        shapes = [(n[0], n[3], n[4])]
    elif kind == "linear":
        module, shapes = nn.Linear(n[0], n[1], bias=bool(n[2])), [(n[3], n[0])]
    elif kind == "products":
        module, shapes = Product(), [(n[0], n[1]), (n[1], n[2])]
    elif kind == "norm":
        module, shapes = nn.BatchNorm1d(n[0]), [(n[0], n[1])]
    elif kind == "activation":
        module, shapes = nn.ReLU(), [(n[0],)]
    elif kind == "pool":
        pad = n[1] // 2 if n[1] % 2 else 0
        module = nn.AvgPool2d(n[1], 1, pad)
        shapes = [(n[0], *(out + n[1] - 1 - 2 * pad for out in n[2:]))]
    else:
        module, shapes = nn.AdaptiveAvgPool2d(1), [(n[0], n[1], 1)]
    return module, tuple(((batch, *shape), torch.float32) for shape in shapes)


def layer_of(module: nn.Module, given: Given) -> Layer | None:
    """The layer that a module is for its inputs; ``None`` for one that no space counts.

    Examples:
        >>> layer_of(*module_of(("linear", 8, 16, 1, 1), batch=4))
        ('linear', 8, 16, 1, 1)
    """
    sides = given[0][0][1:]
    inside = math.prod(sides)
    if isinstance(module, ACTIVATIONS):
        return "activation", inside
    if isinstance(module, NORMS):
        return "norm", sides[0], inside // sides[0]
    if isinstance(module, nn.LayerNorm):
        return "norm", sides[-1], inside // sides[-1]
    if isinstance(module, nn.Linear):
        tokens = inside // module.in_features
        return "linear", module.in_features, module.out_features, int(module.bias is not None), tokens
    if isinstance(module, Product):
        return "products", *sides, given[1][0][-1]
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return "global pool", sides[0], inside // sides[0]
    if not isinstance(module, (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.AvgPool2d, nn.MaxPool2d)):
        return None
    with torch.device("meta"):
        out = tuple(module.to("meta")(*(torch.empty(shape, dtype=dtype) for shape, dtype in given)).shape[2:])
    if isinstance(module, (nn.AvgPool2d, nn.MaxPool2d)):
        size = module.kernel_size
        return "pool", sides[0], size if isinstance(size, int) else size[0], *out
    start = module.in_channels, module.out_channels, math.prod(module.kernel_size)
    if isinstance(module, nn.ConvTranspose2d):
        return "transposed", *start, *sides[1:], *out
    name = "conv" if module.weight.dim() == 4 else "conv1d"
    return name, *start, module.groups, int(module.bias is not None), *out
