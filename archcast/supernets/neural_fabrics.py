"""Convolutional neural fabrics: the lattice that holds all paths through layers and scales (Saxena & Verbeek 2016)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archcast.spaces.base import SearchSpace
from archcast.spaces.neural_fabrics import LAYERS, SCALES, NeuralFabrics
from archcast.spaces.neural_fabrics.network import DOWN, SAME, UP, sizes_of
from archcast.supernets.base import Norm, Supernet, active_choices
from archcast.supernets.mixtures import Mixture

__all__ = ["Network"]

STEPS = {SAME: 0, DOWN: 1, UP: -1}
MOVES = [(scale, move) for scale in range(SCALES) for move, step in STEPS.items() if 0 <= scale + step < SCALES]
"""(scale that it leaves, move) of the edges between two layers."""


class _Edge(nn.Module):
    """One edge of the lattice, as the layer of the stand-alone network."""

    def __init__(self, channels: int, move: int, affine: bool) -> None:
        super().__init__()
        self.move = move
        self.conv = nn.Conv2d(channels, channels, 3, stride=2 if move == DOWN else 1, padding=1, bias=False)
        self.norm = Norm(channels, affine)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        x = functional.interpolate(x, size=size, mode="nearest") if self.move == UP else x
        return functional.relu(self.norm(self.conv(x)))


class Network(Supernet):
    """The fabric (Saxena & Verbeek 2016, https://arxiv.org/abs/1606.02492): every edge between two layers has weights of its own.

    A path takes the edges of its moves, with their weights. In a mixture, a node adds up what reaches it from the layer before:
    each edge's output times the weight of its move in that layer; moves out of the fabric count for staying. The head adds up
    the averaged features of all scales, so that a mixture of ones and zeros is a path, and equal weights are the fabric of the
    paper.

    Args:
        space: ``neural-fabrics``.
        channels, classes, width: as of the stand-alone network.
        affine: whether the norms of the edges learn a scale and a shift.
    """

    def __init__(
        self, space: SearchSpace, *, channels: int, classes: int, width: int, affine: bool = True, partial: int = 1
    ) -> None:
        super().__init__(space)
        self.narrow(partial)
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), Norm(width), nn.ReLU())
        self.layers = nn.ModuleList(
            nn.ModuleDict({f"{scale}-{move}": _Edge(width, move, affine) for scale, move in MOVES})
            for _ in range(LAYERS)
        )
        self.classifier = nn.Linear(width, classes)

    edge_ends = tuple(range(LAYERS))
    """Each layer by itself: the moves of one layer are one decision."""

    def _moved(self, layer: int, scale: int, move: int, x: Tensor, sizes: list[tuple[int, int]]) -> Tensor:
        edges: Any = self.layers[layer]
        out: Tensor = edges[f"{scale}-{move}"](x, sizes[scale + STEPS[move]])
        return out

    def mixture(
        self,
        x: Tensor,
        weights: Mixture,
        active: NDArray[np.bool_] | None = None,
        scales: Tensor | None = None,
    ) -> Tensor:
        """As in :class:`Supernet`; ``scales`` weigh the layers."""
        choices = active_choices(weights) if active is None else [np.flatnonzero(part).tolist() for part in active]
        sizes = sizes_of(x, SCALES)
        nodes: dict[int, Tensor] = {0: self.stem(x)}
        for layer, some in enumerate(choices):
            after: dict[int, Tensor] = {}
            for scale, value in nodes.items():
                shares: dict[int, Tensor] = {}
                for choice in some:
                    move = choice if (scale, choice) in MOVES else SAME
                    share = weights[layer][choice]
                    shares[move] = shares[move] + share if move in shares else share
                for move, share in shares.items():
                    out = self._moved(layer, scale, move, value, sizes) * share
                    out = out if scales is None else out * scales[layer]
                    end = scale + STEPS[move]
                    after[end] = after[end] + out if end in after else out
            nodes = after
        features = [value.mean(dim=(2, 3)) for value in nodes.values()]
        total = torch.stack(features).sum(dim=0) if features else x.new_zeros(len(x), self.classifier.in_features)
        logits: Tensor = self.classifier(total)
        return logits

    def paths(self, x: Tensor, rows: NDArray[np.int64]) -> Iterator[tuple[int, Tensor]]:
        """As in :class:`Supernet`. A layer depends on the moves up to its own: its output is kept until one changes."""
        assert isinstance(self.space, NeuralFabrics)
        sizes = sizes_of(x, SCALES)
        kept: list[tuple[tuple[int, ...], int, Tensor]] = [((), 0, self.stem(x))]
        moves = self.space.layers(rows)
        for number in np.lexsort(moves.T[::-1]).tolist():
            row = tuple(moves[number].tolist())
            while kept[-1][0] != row[: len(kept) - 1]:
                kept.pop()
            for layer in range(len(kept) - 1, len(row)):
                _, scale, value = kept[-1]
                value = self._moved(layer, scale, row[layer], value, sizes)
                kept.append((row[: layer + 1], scale + STEPS[row[layer]], value))
            yield number, self.classifier(kept[-1][2].mean(dim=(2, 3)))

    def _edges_of(self, row: NDArray[np.int64]) -> list[str]:
        """Name of the edge of each layer on the path of a row."""
        assert isinstance(self.space, NeuralFabrics)
        moves = self.space.layers(np.asarray(row)[None])[0].tolist()
        starts = [0, *self.space.scales(row)[0].tolist()[:-1]]
        return [f"{scale}-{move}" for scale, move in zip(starts, moves, strict=True)]

    def inherited(self, row: NDArray[np.int64]) -> dict[str, Tensor]:
        edges, found = self._edges_of(row), {}
        for name, value in self.state_dict().items():
            parts = name.split(".")
            if parts[0] == "layers":
                if parts[2] != edges[int(parts[1])]:
                    continue
                del parts[2]
            found[".".join(parts)] = value
        return found

    def takes(self, name: str, row: NDArray[np.int64]) -> bool:
        parts = name.split(".")
        return parts[0] != "layers" or parts[2] == self._edges_of(row)[int(parts[1])]

    def mixes_something(self, active: NDArray[np.bool_]) -> bool:
        return bool(np.asarray(active).any(axis=1).all())

    def has_path(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.ones(len(rows), dtype=bool)
