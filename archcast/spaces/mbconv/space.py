"""What the spaces of inverted residual blocks share: from a row to its chain, network, costs and graph."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.graphs import ABSENT
from archcast.spaces.base import Task
from archcast.spaces.chains import ChainSpace
from archcast.spaces.mbconv.costs import costs
from archcast.spaces.mbconv.layers import Chain

if TYPE_CHECKING:
    import torch

__all__ = ["MBConvSpace", "gathered", "skips_last"]


class MBConvSpace(ChainSpace):
    """Base of the spaces of inverted residual blocks; a subclass says which layers a row has.

    ``width`` counts the channels of the stem, and all other layers but the head are as much wider or narrower; ``head`` counts the
    channels before the classifier. Images have the resolution of the task.
    """

    has_graph = True
    tasks: Mapping[str, Task] = {"imagenet": Task((3, 224, 224), 1000)}

    @abstractmethod
    def chain(self, rows: NDArray[np.int64], *, channels: int, classes: int, width: int, head: int) -> Chain:
        """The networks of ``(n, d)`` valid rows.

        Args:
            rows: ``(n, d)``.
            channels, classes: of the task.
            width, head: sizes of the network.
        """

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        return costs(self.chain(rows, **self.image_sizes(task)), len(rows), task.pixels, convention)

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of one row, with weights of its own, as it is after the search. No part of it is dead, so ``pruned``
        changes nothing."""
        from archcast.spaces.mbconv.network import Network

        row = self.validate(arch, allow_empty=False)[:1]
        return Network(self.chain(row, **self.image_sizes(task)).of(0))


def gathered(layers: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(n, d)`` the layers that are there, in their order, and ``ABSENT`` after the last.

    Examples:
        >>> gathered(np.array([[4, -1, 2], [-1, -1, 0]])).tolist()
        [[4, 2, -1], [0, -1, -1]]
    """
    return np.take_along_axis(layers, np.argsort(layers == ABSENT, axis=1, kind="stable"), axis=1)


def skips_last(rows: NDArray[np.int64], stages: tuple[int, ...], skip: int) -> NDArray[np.int64]:
    """``(n, d)`` the rows with the skips of each stage at its end; the first layer of a stage, which changes the shape, stays.

    Examples:
        >>> skips_last(np.array([[0, 9, 1, 2], [9, 9, 9, 3]]), (3, 1), skip=9).tolist()
        [[0, 1, 9, 2], [9, 9, 9, 3]]
    """
    out, start = rows.copy(), 0
    for layers in stages:
        rest = out[:, start + 1 : start + layers]
        rest[:] = np.take_along_axis(rest, np.argsort(rest == skip, axis=1, kind="stable"), axis=1)
        start += layers
    return out
