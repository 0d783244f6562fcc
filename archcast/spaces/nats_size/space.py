"""NATS-Bench, size space: 32,768 choices of the channels of five layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import CONVOLUTION, Operation
from archcast.spaces.base import Task, register
from archcast.spaces.chains import ChainSpace
from archcast.spaces.nats_size.costs import costs

if TYPE_CHECKING:
    import torch

__all__ = ["NATSSize"]

STEP, CHOICES = 8, 8


@register(
    "nats-size",
    summary="channels of 5 layers, 8 to 64 each; 32,768 rows",
    paper="Dong et al. 2021, https://arxiv.org/abs/2009.00437",
    size=32_768,
    buildable=True,
)
class NATSSize(ChainSpace):
    """NATS-Bench's size space (Dong et al. 2021, https://arxiv.org/abs/2009.00437).

    A row holds the channels of the five layers divided by eight, less one: 0 for 8 to 7 for 64. The layers are cell, reduction
    block, cell, reduction block, cell; the stem has as many channels as the first. The notation is the benchmark's. All rows
    are different functions.

    Examples:
        >>> space = NATSSize()
        >>> space.parse("8:16:24:32:64")
        array([[0, 1, 2, 3, 7]])
        >>> space.format([[0, 1, 2, 3, 7]])
        ['8:16:24:32:64']
    """

    name = "nats-size"
    operations: Mapping[str, Operation] = {
        str(STEP * k): Operation(CONVOLUTION, weight=k, reach=3) for k in range(1, CHOICES + 1)
    }
    cardinalities = (CHOICES,) * 5
    sizes: Mapping[str, int] = {"width": STEP, "depth": 1}
    tasks: Mapping[str, Task] = {
        "cifar10": Task(),
        "cifar100": Task(classes=100),
        "imagenet16-120": Task((3, 16, 16), 120),
    }
    columns = tuple(f"layer{k}" for k in range(1, 6))

    def _parse(self, text: str) -> list[int]:
        channels = text.split(":")
        if len(channels) != 5 or any(c not in self.operations for c in channels):
            raise InvalidInputError(f"expected five of {', '.join(self.operations)} joined by ':'")
        return [int(c) // STEP - 1 for c in channels]

    def format(self, archs: ArrayLike) -> list[str]:
        return [":".join(str(STEP * (k + 1)) for k in row) for row in self.validate(archs).tolist()]

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        return costs(rows, task.pixels, convention, **self.image_sizes(task))

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of Dong et al. 2021: NAS-Bench-201's with ``depth`` (1) cells a stage and the channels of the row, in
        multiples of ``width`` (8). Its cell is their best of the topology space on CIFAR-100; no part of it is dead, so
        ``pruned`` changes nothing."""
        from archcast.spaces.nats_size.network import Network

        return Network(self.validate(arch, allow_empty=False)[0].tolist(), **self.image_sizes(task))
