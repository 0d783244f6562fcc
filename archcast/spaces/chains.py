"""Chains of layers: the macro spaces, where each decision is the kind or the size of one layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.graphs import ABSENT, CellGraphs
from archcast.spaces.base import SearchSpace

__all__ = ["ChainSpace"]


class ChainSpace(SearchSpace):
    """Base of the spaces whose architectures are layers one after the other.

    Attributes:
        operations: each kind of layer, in the order of its number: name -> what it does.
    """

    def layers(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n, d)`` index into ``operations`` of each layer; ``ABSENT`` after the last one."""
        return archs

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """``v = d + 2``: input, the layers in order, output."""
        layers = self.layers(self.validate(archs))
        n, d = layers.shape
        present = layers != ABSENT
        last = present.sum(axis=1)
        adjacency = np.zeros((n, d + 2, d + 2), dtype=bool)
        for k in range(d):
            adjacency[:, k, k + 1] = present[:, k]
        adjacency[np.arange(n), last, d + 1] = True
        ops = np.zeros((n, d + 2), dtype=np.int64)
        ops[:, 1:-1] = np.where(present, layers + 2, ABSENT)
        ops[:, -1] = 1
        return CellGraphs(adjacency, ops, ("input", "output", *self.operations), declared=self.declared)
