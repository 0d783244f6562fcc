"""The network of a chain of inverted residual blocks (Sandler et al. 2018, https://arxiv.org/abs/1801.04381)."""

from __future__ import annotations

from torch import Tensor, cat, nn

from archcast.spaces.mbconv.layers import Block, Chain, Full, Layer, Shuffle

__all__ = ["Gate", "InvertedResidual", "Network", "ShuffleUnit"]

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "hardsigmoid": nn.Hardsigmoid,
    "hardswish": nn.Hardswish,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
}


def conv_layers(
    c_in: int, c_out: int, kernel: int = 1, stride: int = 1, groups: int = 1, activation: str = "", norm: bool = True
) -> list[nn.Module]:
    """Convolution without bias, batch norm, activation."""
    layers: list[nn.Module] = [nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)]
    if norm:
        layers.append(nn.BatchNorm2d(c_out))
    if activation:
        layers.append(ACTIVATIONS[activation]())
    return layers


class Gate(nn.Module):
    """Squeeze and excitation (Hu et al. 2018, https://arxiv.org/abs/1709.01507): each channel times a number that depends on the
    averages of all channels. ``(b, c, h, w)`` -> the same shape."""

    def __init__(self, channels: int, squeeze: int, between: str, after: str) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, squeeze, 1),
            ACTIVATIONS[between](),
            nn.Conv2d(squeeze, channels, 1),
            ACTIVATIONS[after](),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x * self.layers(x.mean(dim=(2, 3), keepdim=True))
        return out


class InvertedResidual(nn.Module):
    """One block. ``(b, c_in, h, w)`` -> ``(b, c_out, h / stride, w / stride)``, rounded up."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        mid, groups, activation = block.mid, block.groups, block.activation
        layers = conv_layers(block.c_in, mid, groups=groups, activation=activation) if block.expand else []
        if block.expand and groups > 1:
            layers.append(nn.ChannelShuffle(groups))
        layers += conv_layers(mid, mid, block.kernel, block.stride, groups=mid, activation=activation)
        if block.squeeze:
            layers.append(Gate(mid, block.squeeze, *block.gate))
        self.layers = nn.Sequential(*layers, *conv_layers(mid, block.c_out, groups=groups))
        self.skip = block.stride == 1 and block.c_in == block.c_out and block.skip > 0
        self.past = _past(block)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out + self.past(x) if self.skip else out


class FullBlock(nn.Module):
    """Convolution, gate, skip. ``(b, c_in, h, w)`` -> ``(b, c_out, h / stride, w / stride)``, rounded up."""

    def __init__(self, block: Full) -> None:
        super().__init__()
        layers = conv_layers(block.c_in, block.c_out, block.kernel, block.stride, activation=block.activation)
        if block.squeeze:
            layers.append(Gate(block.c_out, block.squeeze, *block.gate))
        self.layers = nn.Sequential(*layers)
        self.skip = block.stride == 1 and block.c_in == block.c_out and block.skip > 0
        self.past = _past(block)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out + self.past(x) if self.skip else out


def _past(block: Block | Full) -> nn.Module:
    """What the input goes through beside the layers."""
    return nn.AvgPool2d(3, 1, padding=1, count_include_pad=False) if block.skip == 2 else nn.Identity()


class ShuffleUnit(nn.Module):
    """ShuffleNetV2's unit (Ma et al. 2018, https://arxiv.org/abs/1807.11164). ``(b, c_in, h, w)`` -> ``(b, c_out, h / stride, w /
    stride)``, rounded up; of its channels the first come past the branch, or through the second branch, the others out of it."""

    def __init__(self, unit: Shuffle) -> None:
        super().__init__()
        (c_in, c_out), mid, kernel, stride = unit.branch, unit.mid, unit.kernel, unit.stride
        if unit.xception:
            layers = [
                *conv_layers(c_in, c_in, kernel, stride, groups=c_in),
                *conv_layers(c_in, mid, activation="relu"),
                *conv_layers(mid, mid, kernel, groups=mid),
                *conv_layers(mid, mid, activation="relu"),
                *conv_layers(mid, mid, kernel, groups=mid),
            ]
        else:
            layers = [
                *conv_layers(c_in, mid, activation="relu"),
                *conv_layers(mid, mid, kernel, stride, groups=mid),
            ]
        self.branch = nn.Sequential(*layers, *conv_layers(mid, c_out, activation="relu"))
        self.second = nn.Sequential()
        self.splits = stride == 1
        if not self.splits:
            second = [
                *conv_layers(c_in, c_in, kernel, stride, groups=c_in),
                *conv_layers(c_in, c_in, activation="relu"),
            ]
            self.second = nn.Sequential(*second)

    def forward(self, x: Tensor) -> Tensor:
        past, through = (x[:, ::2], x[:, 1::2]) if self.splits else (x, x)
        return cat([self.second(past), self.branch(through)], dim=1)


class Network(nn.Module):
    """Layers, average over all pixels, classifier. ``(b, channels, h, w)`` -> ``(b, classes)`` logits.

    Args:
        chain: of a single row, in plain numbers (:meth:`~archcast.spaces.mbconv.layers.Chain.of`).
    """

    def __init__(self, chain: Chain) -> None:
        super().__init__()
        layers = [layer for place in chain.places() for layer in place]
        self.features = nn.Sequential(*(_module(layer) for layer in layers))
        self.head = nn.Sequential(*(_module(layer) for layer in chain.head))
        self.classifier = nn.Linear([*layers, *chain.head][-1].c_out, chain.classes, bias=chain.bias)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.head(self.features(x).mean(dim=(2, 3), keepdim=True)).flatten(1))
        return out


def _module(layer: Layer) -> nn.Module:
    if isinstance(layer, Block):
        return InvertedResidual(layer)
    if isinstance(layer, Full):
        return FullBlock(layer)
    if isinstance(layer, Shuffle):
        return ShuffleUnit(layer)
    return nn.Sequential(
        *conv_layers(layer.c_in, layer.c_out, layer.kernel, layer.stride, activation=layer.activation, norm=layer.norm)
    )
