"""The networks of TransNAS-Bench-101 (Duan et al. 2021, https://arxiv.org/abs/2105.11871, section 3 and appendix)."""

from __future__ import annotations

from torch import Tensor, nn

from archcast.spaces.darts.network import FactorizedReduce
from archcast.spaces.edge_cells import EDGES
from archcast.spaces.nasbench201.network import live_edges, relu_conv_bn
from archcast.spaces.task import Task
from archcast.spaces.transnasbench101.layers import DOUBLES, HALVES, SKELETON, STEM_HALVES, Layer, decoder_of

__all__ = ["Block", "Cell", "Network", "macro_network", "micro_network"]

NONE, SKIP, CONV1, CONV3 = range(4)


class Cell(nn.Module):
    """Sum over incoming edges at each node. ``(b, c_in, h, w)`` -> ``(b, c_out, h / stride, w / stride)``, rounded up.

    The edges from the input have the stride; a skip there is a learned projection. Dead edges are built and computed as in the
    benchmark; ``pruned`` leaves them out.
    """

    def __init__(self, arch: list[int], c_in: int, c_out: int, stride: int, pruned: bool) -> None:
        super().__init__()
        self.stride, self.c_out = stride, c_out
        self.built = live_edges(arch) if pruned else [column for column, op in enumerate(arch) if op != NONE]
        self.edges = nn.ModuleDict()
        for column in self.built:
            first, op = EDGES[column][0] == 0, arch[column]
            c, s = (c_in, stride) if first else (c_out, 1)
            if op == SKIP:
                edge: nn.Module = nn.Identity() if s == 1 else FactorizedReduce(c, c_out)
            else:
                edge = relu_conv_bn(c, c_out, 1 if op == CONV1 else 3, s)
            self.edges[str(column)] = edge

    def forward(self, x: Tensor) -> Tensor:
        height, width = (-(-side // self.stride) for side in x.shape[-2:])
        nodes: list[Tensor | None] = [x, None, None, None]
        for column in self.built:
            i, j = EDGES[column]
            source = nodes[i]
            if source is None:
                source = x.new_zeros(len(x), self.c_out, height, width)
            value = self.edges[str(column)](source)
            so_far = nodes[j]
            nodes[j] = value if so_far is None else so_far + value
        out = nodes[3]
        return x.new_zeros(len(x), self.c_out, height, width) if out is None else out


class Block(nn.Module):
    """A basic residual block, activations first. ``(b, c_in, h, w)`` -> ``(b, c_out, h / stride, w / stride)``, rounded up."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(relu_conv_bn(c_in, c_out, 3, stride), relu_conv_bn(c_out, c_out, 3))
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or c_in != c_out:
            self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.shortcut(x) + self.convs(x)
        return out


class Vector(nn.Module):
    """Average over all pixels, linear layer. ``(b, c, h, w)`` -> ``(b, outputs)``."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x.mean(dim=(2, 3)))
        return out


class Network(nn.Module):
    """Encoder and head. ``(b, *task.shape)`` -> ``(b, *task.outputs)``; tiles go through the encoder one by one, and their features
    side by side into the head."""

    def __init__(self, encoder: nn.Module, head: nn.Module, tiles: int) -> None:
        super().__init__()
        self.encoder, self.head, self.tiles = encoder, head, tiles

    def forward(self, x: Tensor) -> Tensor:
        features = self.encoder(x.flatten(0, 1) if self.tiles else x)
        if self.tiles:
            features = features.unflatten(0, (len(x), self.tiles)).flatten(1, 2)
        out: Tensor = self.head(features)
        return out


def micro_network(arch: list[int], task: Task, *, width: int, depth: int, pruned: bool) -> Network:
    """The network of a cell: stem, five modules of ``depth`` cells, head."""
    blocks: list[nn.Module] = []
    channels = width
    for module in SKELETON:
        for k in range(depth):
            c_in = channels
            channels *= 2 if module in DOUBLES and k == 0 else 1
            blocks.append(Cell(arch, c_in, channels, 2 if module in HALVES and k == 0 else 1, pruned))
    return _network(blocks, task, width, channels, STEM_HALVES + sum(module in HALVES for module in SKELETON))


def macro_network(modules: list[int], task: Task, *, width: int, depth: int) -> Network:
    """The network of a chain of modules of ``depth`` blocks."""
    blocks: list[nn.Module] = []
    channels = width
    for module in modules:
        for k in range(depth):
            c_in = channels
            channels *= 2 if module in DOUBLES and k == 0 else 1
            blocks.append(Block(c_in, channels, 2 if module in HALVES and k == 0 else 1))
    return _network(blocks, task, width, channels, STEM_HALVES + sum(module in HALVES for module in modules))


def _network(blocks: list[nn.Module], task: Task, width: int, channels: int, halvings: int) -> Network:
    """Stem before, head behind."""
    shape = task.shapes[0]
    half = max(width // 2, 1)
    stem = nn.Sequential(
        nn.Conv2d(shape[-3], half, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(half),
        nn.ReLU(),
        nn.Conv2d(half, width, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width),
    )
    tiles = shape[0] if len(shape) == 4 else 0
    decoder = decoder_of(task)
    if decoder is None:
        head: nn.Module = Vector(max(tiles, 1) * channels, task.outputs[0])
    else:
        head = _decoder(decoder(halvings, task.outputs[0]), channels)
    return Network(nn.Sequential(*stem, *blocks), head, tiles)


def _decoder(layers: list[Layer], c: int) -> nn.Sequential:
    """``(b, c, h, w)`` -> ``(b, channels, height, width)`` of the image."""
    modules: list[nn.Module] = []
    for layer in layers:
        if layer.doubles:
            modules.append(nn.ConvTranspose2d(c, layer.channels, 3, stride=2, padding=1, output_padding=1))
        else:
            modules.append(nn.Conv2d(c, layer.channels, 3, padding=1))
        if not layer.plain:
            modules += [nn.BatchNorm2d(layer.channels), nn.LeakyReLU(0.2)]
        c = layer.channels
    return nn.Sequential(*modules)
