"""The network of a path through a fabric (Saxena & Verbeek 2016, https://arxiv.org/abs/1606.02492, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["DOWN", "SAME", "UP", "Network", "sizes_of"]

SAME, DOWN, UP = range(3)


def sizes_of(x: Tensor, scales: int) -> list[tuple[int, int]]:
    """Height and width of each scale of images ``(b, c, h, w)``: each half of the one before, rounded up."""
    sizes = [(int(x.shape[2]), int(x.shape[3]))]
    while len(sizes) < scales:
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


class _Layer(nn.Module):
    """A move between scales: 3x3 convolution without bias, of stride two downwards and after nearest-neighbour upsampling upwards;
    batch norm, ReLU."""

    def __init__(self, channels: int, move: int) -> None:
        super().__init__()
        self.move = move
        self.conv = nn.Conv2d(channels, channels, 3, stride=2 if move == DOWN else 1, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        x = functional.interpolate(x, size=size, mode="nearest") if self.move == UP else x
        return functional.relu(self.norm(self.conv(x)))


class Network(nn.Module):
    """Stem, one layer a move, head. ``(b, channels, h, w)`` -> ``(b, classes)`` logits.

    Args:
        moves: of the layers, none of which leaves the fabric.
        scales: of the fabric.
        channels, classes, width: as of the space.
    """

    def __init__(self, moves: Sequence[int], scales: int, *, channels: int, classes: int, width: int) -> None:
        super().__init__()
        self.scales = scales
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.layers = nn.ModuleList(_Layer(width, move) for move in moves)
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        sizes, scale = sizes_of(x, self.scales), 0
        x = self.stem(x)
        for layer in self.layers:
            move: int = layer.move  # type: ignore[assignment]
            scale += {SAME: 0, DOWN: 1, UP: -1}[move]
            x = layer(x, sizes[scale])
        out: Tensor = self.classifier(x.mean(dim=(2, 3)))
        return out
