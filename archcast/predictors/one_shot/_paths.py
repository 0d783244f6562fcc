"""Regimes that train one or several paths a batch, drawn from a fixed distribution over rows."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Regime, Settings
from archcast.supernets.sampling import fair_rows, functions_of, live_rows

__all__ = ["FairFunctions", "FairPaths", "Paths", "SampledPaths"]


class Paths(Regime):
    """A step along the mean gradient of some paths, all on the same images."""

    def rows(self, batch: Batch) -> NDArray[np.int64]:
        """``(m, d)`` rows of a step."""
        raise NotImplementedError

    def step(self, batch: Batch) -> Tensor:
        rows = self.rows(batch)
        losses = [self.loss(logits, batch.y) for _, logits in self.net.paths(batch.x, rows)]
        total = losses[0]
        for loss in losses[1:]:
            total = total + loss
        return self.descend(batch, total / len(rows))


class SampledPaths(Paths):
    """``m`` rows a batch, independent and uniform: over the functions of the space, or over its rows.

    Args:
        sampling: ``functions`` or ``rows``.
        paths: how many a batch.
    """

    def __init__(self, net: Supernet, settings: Settings, seed: int, sampling: str, paths: int) -> None:
        super().__init__(net, settings, seed)
        self.paths = paths
        self.sampling = sampling

    @cached_property
    def functions(self) -> NDArray[np.int64]:
        """``(n, d)`` one row each."""
        return functions_of(self.net, self.seed)

    def rows(self, batch: Batch) -> NDArray[np.int64]:
        if self.sampling == "rows":
            return live_rows(self.net, self.paths, batch.rng)
        return self.functions[batch.rng.integers(len(self.functions), size=self.paths)]


class FairPaths(Paths):
    """As many rows a batch as there are choices; each choice of each decision is in one of them."""

    def rows(self, batch: Batch) -> NDArray[np.int64]:
        while True:
            rows = fair_rows(self.net, batch.rng)
            alive = rows[self.net.has_path(rows)]
            if len(alive):
                return alive


class FairFunctions(SampledPaths):
    """As many functions a batch as there are choices; of some random sets the one whose choices are spread most evenly.

    Args:
        tries: sets that are compared.
    """

    def __init__(self, net: Supernet, settings: Settings, seed: int, tries: int) -> None:
        super().__init__(net, settings, seed, "functions", max(net.cardinalities))
        self.tries = tries

    def rows(self, batch: Batch) -> NDArray[np.int64]:
        drawn = self.functions[batch.rng.integers(len(self.functions), size=(self.tries, self.paths))]
        return np.asarray(drawn[unevenness(drawn, self.paths).argmin()])


def unevenness(sets: NDArray[np.int64], choices: int) -> NDArray[np.int64]:
    """``(t,)`` sum over columns and choices of the squared number of rows with that choice, of sets ``(t, m, d)`` of rows."""
    counts = (sets[..., None] == np.arange(choices)).sum(axis=1)
    return np.asarray(np.square(counts).sum(axis=(1, 2)))
