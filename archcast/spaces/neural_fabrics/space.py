"""Paths through a convolutional neural fabric of eight layers and four scales."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.costs.tally import Tally, halved
from archcast.errors import InvalidInputError
from archcast.graphs import CONVOLUTION, Operation
from archcast.spaces.base import Task, register
from archcast.spaces.chains import ChainSpace

if TYPE_CHECKING:
    import torch

__all__ = ["LAYERS", "SCALES", "NeuralFabrics"]

LAYERS, SCALES = 8, 4
LETTERS = "sdu"


@register(
    "neural-fabrics",
    summary="paths through a fabric of 8 layers and 4 scales: each layer stays, halves or doubles the resolution; 6,561 rows",
    paper="Saxena & Verbeek 2016, https://arxiv.org/abs/1606.02492",
    size=3**LAYERS,
    buildable=True,
)
class NeuralFabrics(ChainSpace):
    """Convolutional neural fabrics (Saxena & Verbeek 2016, https://arxiv.org/abs/1606.02492), the first networks that held a whole
    space of architectures, as a space of their paths.

    A fabric is a lattice of layers and scales; each node is connected with the nodes of the next layer at its own scale, the next
    coarser and the next finer one. A row holds the move of each of eight layers through four scales: 0 same, 1 down (half the
    resolution), 2 up. A path starts at the finest scale, and a move out of the fabric stays at its scale. The notation has a letter
    for each move, ``s``, ``d`` or ``u``.

    :meth:`canonical` is equal exactly for rows that visit the same scales, the same function.

    What differs from the paper: a node has ``width`` channels, all connected with all, where the paper lays out the channels as a
    third axis of the lattice; a path may end at any scale, and its features are averaged there; upsampling is by nearest
    neighbours. The whole fabric is the mixture of the supernet.

    Examples:
        >>> space = NeuralFabrics()
        >>> row = space.parse("sdduusus")
        >>> space.scales(row).tolist(), space.format(space.canonical(row))
        ([[0, 1, 2, 1, 0, 0, 0, 0]], ['sdduusss'])
    """

    name = "neural-fabrics"
    operations: Mapping[str, Operation] = {
        "same": Operation(CONVOLUTION, weight=9, reach=3),
        "down": Operation(CONVOLUTION, weight=9, reach=3),
        "up": Operation(CONVOLUTION, weight=9, reach=2),  # three pixels that were two before they were doubled
    }
    cardinalities = (len(LETTERS),) * LAYERS
    columns = tuple(f"layer{k}" for k in range(1, LAYERS + 1))
    sizes: Mapping[str, int] = {"width": 64}
    tasks: Mapping[str, Task] = {"cifar10": Task()}

    def scales(self, archs: ArrayLike) -> NDArray[np.int64]:
        """``(n, 8)`` scale after each layer, 0 the finest."""
        return self._scales(self.validate(archs))

    @staticmethod
    def _scales(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        steps = np.array([0, 1, -1])[rows]
        scales = np.zeros_like(rows)
        for layer in range(rows.shape[1]):
            before = scales[:, layer - 1] if layer else 0
            scales[:, layer] = np.clip(before + steps[:, layer], 0, SCALES - 1)
        return scales

    def layers(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n, 8)`` the moves that are made: none leaves the fabric."""
        scales = self._scales(archs)
        return np.array([0, 1, 2])[np.diff(scales, axis=1, prepend=0)]

    def function_keys(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._scales(archs)

    def _parse(self, text: str) -> list[int]:
        if not re.fullmatch(rf"[{LETTERS}]{{{LAYERS}}}", text):
            raise InvalidInputError("expected eight letters, each s (same), d (down) or u (up)")
        return [LETTERS.index(letter) for letter in text]

    def format(self, archs: ArrayLike) -> list[str]:
        return ["".join(LETTERS[move] for move in row) for row in self.validate(archs).tolist()]

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        """As in :class:`SearchSpace`, by formula: a layer is a convolution at the scale that it leads to."""
        scales, task = self.scales(archs), self.task_of(task)
        sizes = self.image_sizes(task)
        width, shape = sizes["width"], task.pixels
        tally = Tally(len(scales), convention)
        tally.conv(sizes["channels"], width, 3, shape)
        tally.norm(width, shape)
        tally.relu(width, shape)
        for scale in range(SCALES):
            layers, last = (scales == scale).sum(axis=1), scales[:, -1] == scale
            tally.conv(width, width, 3, shape, times=layers)
            tally.norm(width, shape, times=layers)
            tally.relu(width, shape, times=layers)
            tally.global_pool(width, shape, times=last)
            shape = halved(shape)
        tally.linear(width, sizes["classes"])
        return tally.costs(LAYERS + 2, task.pixels[0])

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The path as a network: a 3x3 stem of ``width`` (64) channels, eight 3x3 convolutions, each with batch norm and ReLU,
        global average pooling, a linear layer. No part is dead, so ``pruned`` changes nothing."""
        from archcast.spaces.neural_fabrics.network import Network

        row = self.validate(arch, allow_empty=False)[:1]
        return Network(self.layers(row)[0].tolist(), SCALES, **self.image_sizes(task))
