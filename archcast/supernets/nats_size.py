"""The supernet of NATS-Bench's size space: the widest network, of which a row takes the first channels of each layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace
from archcast.spaces.edge_cells import EDGES
from archcast.spaces.nasbench201.network import CONV1, CONV3, SKIP
from archcast.spaces.nats_size.network import CELL
from archcast.spaces.nats_size.network import Network as StandAlone
from archcast.supernets.base import Norm, Supernet
from archcast.supernets.mixtures import Mixture

__all__ = ["Network"]


class _Block(nn.Sequential):
    """Convolution without bias and batch norm, after a ReLU where there is one; computed for its first channels."""

    def __init__(self, channels: int, kernel: int, affine: bool, stride: int = 1, active: bool = True) -> None:
        convolution = nn.Conv2d(channels, channels, kernel, stride=stride, padding=kernel // 2, bias=False)
        super().__init__(*([nn.ReLU()] if active else []), convolution, Norm(channels, affine))
        self.active = active

    def sliced(self, x: Tensor, out: int) -> Tensor:
        """``out`` channels of ``(b, c, h, w)``."""
        layers: list[Any] = list(self)
        convolution, norm = layers[-2:]
        kernel = convolution.weight[:out, : x.shape[1]]
        x = functional.conv2d(
            functional.relu(x) if self.active else x, kernel, stride=convolution.stride, padding=convolution.padding
        )
        return _normalised(x, norm)


def _normalised(x: Tensor, norm: Norm) -> Tensor:
    """By the first channels of a norm."""
    return norm.part(x, slice(x.shape[1]))


class _Cell(nn.Module):
    """The cell of the space. A skip is the identity where the number of channels is kept, else a projection."""

    def __init__(self, channels: int, affine: bool) -> None:
        super().__init__()
        kernels = {CONV1: 1, CONV3: 3, SKIP: 1}
        self.edges = nn.ModuleDict(
            {
                str(column): _Block(channels, kernels[op], affine, active=op != SKIP)
                for column, op in enumerate(CELL)
                if op != SKIP or EDGES[column][0] == 0
            }
        )

    def forward(self, x: Tensor, out: int, mask: Tensor | None = None, same: Tensor | float | None = None) -> Tensor:
        """Of ``out`` channels, each edge times ``mask`` ``(out,)``; ``same`` is the weight of the skip's identity."""
        same = float(x.shape[1] == out) if same is None else same
        nodes: list[Tensor | None] = [x, None, None, None]
        for column, (i, j) in enumerate(EDGES):
            source, so_far = nodes[i], nodes[j]
            assert source is not None
            block: _Block = self.edges[str(column)]  # type: ignore[assignment]
            if CELL[column] != SKIP:
                value = block.sliced(source, out)
            elif isinstance(same, float):
                value = source if same else block.sliced(source, out)
            else:
                value = same * source + (1 - same) * block.sliced(source, out)
            value = value if mask is None else value * mask[:, None, None]
            nodes[j] = value if so_far is None else so_far + value
        assert nodes[3] is not None
        return nodes[3]


class _Residual(nn.Module):
    """The reduction block."""

    def __init__(self, channels: int, affine: bool) -> None:
        super().__init__()
        self.conv_a = _Block(channels, 3, affine, stride=2)
        self.conv_b = _Block(channels, 3, affine)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True), nn.Conv2d(channels, channels, 1, bias=False)
        )

    @property
    def _downsample(self) -> list[Any]:
        return list(self.downsample)

    def forward(self, x: Tensor, out: int, mask: Tensor | None = None) -> Tensor:
        inner = self.conv_a.sliced(x, out)
        inner = inner if mask is None else inner * mask[:, None, None]
        pool, projection = self._downsample
        value = functional.conv2d(pool(x), projection.weight[:out, : x.shape[1]]) + self.conv_b.sliced(inner, out)
        return value if mask is None else value * mask[:, None, None]


class Network(Supernet):
    """NATS-Bench's size space as one network of the most channels.

    A row takes the first channels of every layer, with the weights of the stand-alone network of these widths. In a mixture,
    channel c of a layer is multiplied by the probability that the layer has more than c channels (as in FBNetV2, Wan et al. 2020,
    https://arxiv.org/abs/2004.05565).

    Args:
        space: NATS-Bench's size space.
        channels, classes, width, depth: as of the stand-alone network.
        affine: whether batch norm learns a scale and a shift.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        channels: int,
        classes: int,
        width: int,
        depth: int,
        affine: bool = True,
        partial: int = 1,
    ) -> None:
        super().__init__(space)
        self.narrow(partial)
        self.sizes = {"channels": channels, "classes": classes, "width": width, "depth": depth}
        self.unit = width
        most = width * max(self.cardinalities)
        self.stem = nn.Sequential(nn.Conv2d(channels, most, 3, padding=1, bias=False), Norm(most))
        self.cells = nn.ModuleList()
        self.layers: list[list[int]] = []
        for layer in range(len(self.cardinalities)):
            blocks = [_Residual(most, affine)] if layer % 2 else [_Cell(most, affine) for _ in range(depth)]
            self.layers.append(list(range(len(self.cells), len(self.cells) + len(blocks))))
            self.cells.extend(blocks)
        self.last = nn.Sequential(Norm(most), nn.ReLU())
        self.classifier = nn.Linear(most, classes)

    def _stem(self, x: Tensor, out: int) -> Tensor:
        layers: list[Any] = list(self.stem)
        convolution, norm = layers
        return _normalised(functional.conv2d(x, convolution.weight[:out], padding=1), norm)

    def _head(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = functional.relu(_normalised(x, next(self.last.children())))  # type: ignore[arg-type]
        features = x.mean(dim=(2, 3))
        features = features if mask is None else features * mask
        return functional.linear(features, self.classifier.weight[:, : x.shape[1]], self.classifier.bias)

    def mixture(
        self,
        x: Tensor,
        weights: Mixture,
        active: NDArray[np.bool_] | None = None,
        scales: Tensor | None = None,
    ) -> Tensor:
        """As in :class:`Supernet`; ``active`` says which widths count, and the widest of them what is computed."""
        if scales is not None:
            raise InvalidInputError(f"Space {self.space.name!r} has no edges that could have weights.")
        masks, before = [], None
        for layer, choices in enumerate(weights):
            if active is not None:
                choices = choices * torch.from_numpy(np.asarray(active[layer])).to(choices)
            chances = choices.flip(0).cumsum(0).flip(0)  # of at least so many units
            masks.append((chances.repeat_interleave(self.unit), choices))
        x = self._stem(x, len(masks[0][0])) * masks[0][0][:, None, None]
        for layer, (mask, choices) in enumerate(masks):
            for number, block in enumerate(self.layers[layer]):
                if layer % 2:
                    x = self.cells[block](x, len(mask), mask)
                else:
                    inside = number > 0 or before is None
                    same = 1.0 if inside or before is None else (before * choices).sum()
                    x = self.cells[block](x, len(mask), mask, same)
            before = choices
        return self._head(x, masks[-1][0])

    def paths(self, x: Tensor, rows: NDArray[np.int64]) -> Iterator[tuple[int, Tensor]]:
        """As in :class:`Supernet`. A layer depends on the decisions up to its own: its output is kept until one changes."""
        kept: list[tuple[tuple[int, ...], Tensor]] = []
        for number in np.lexsort(rows.T[::-1]).tolist():
            row = tuple(rows[number].tolist())
            while kept and kept[-1][0] != row[: len(kept)]:
                kept.pop()
            for layer in range(len(kept), len(row)):
                out = self.unit * (row[layer] + 1)
                value = kept[-1][1] if kept else self._stem(x, out)
                for block in self.layers[layer]:
                    value = self.cells[block](value, out)
                kept.append((row[: layer + 1], value))
            yield number, self._head(kept[-1][1])

    def inherited(self, row: NDArray[np.int64]) -> dict[str, Tensor]:
        with torch.device("meta"):
            alone = StandAlone(np.asarray(row).tolist(), **self.sizes)
        own = self.state_dict()
        return {name: own[name][tuple(slice(size) for size in value.shape)] for name, value in alone.named_parameters()}

    def mixes_something(self, active: NDArray[np.bool_]) -> bool:
        return bool(np.asarray(active).any(axis=1).all())

    def has_path(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.ones(len(rows), dtype=bool)
