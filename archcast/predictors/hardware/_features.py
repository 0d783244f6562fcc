"""What decides how long an architecture takes: what its network counts, its layers, and each decision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.encodings.base import get_encoding
from archcast.predictors.persistence import saved
from archcast.spaces.base import SearchSpace

__all__ = ["BLOCKS", "REFERENCE", "Blocks"]

Array = NDArray[np.float64]

BLOCKS = ("costs", "layers", "decisions")
"""Names of the groups of features."""

COUNTED = ("macs", "params", "activations", "depth", "resolution")
REFERENCE = 1000
"""Random rows whose mean and standard deviation are the scale of each feature."""


@saved("hardware-blocks")
@dataclass(frozen=True, eq=False)
class Blocks:
    """Groups of standardised features, each divided by the root of its size, so that its rows have norm 1 on average.

    They are not logarithms: the time of layers that run one after the other is a sum, so it is linear in counts.

    Attributes:
        means, scales: one array for each of :data:`BLOCKS`.
        counts: whether the space counts its networks by formulas; to build each of them takes too long.
    """

    means: list[Array]
    scales: list[Array]
    counts: bool

    @classmethod
    def of(cls, space: SearchSpace) -> Blocks:
        """The features of a space."""
        rows = space.sample(REFERENCE, 0)
        counts = type(space).costs is not SearchSpace.costs
        means, scales = [], []
        for values in _raw(space, rows, counts):
            deviation = values.std(axis=0)
            means.append(values.mean(axis=0))
            scales.append(
                np.where(deviation > 1e-12 * np.abs(means[-1]), deviation, np.inf) * max(1, values.shape[1]) ** 0.5
            )
        return cls(means, scales, counts)

    def __call__(self, space: SearchSpace, archs: NDArray[np.int64]) -> list[Array]:
        """``(n, k)`` features for each group."""
        raw = _raw(space, archs, self.counts)
        return [(values - mean) / scale for values, mean, scale in zip(raw, self.means, self.scales, strict=True)]


def _raw(space: SearchSpace, archs: NDArray[np.int64], counts: bool) -> list[Array]:
    """The features as they are: of the rows as they stand, and of their canonical forms, because some devices leave out dead
    parts of a network and others do not."""
    canonical = space.canonical(archs)
    costs = np.zeros((len(archs), 0))
    if counts:
        found = space.costs(archs), space.costs(archs, pruned=True)
        costs = np.stack([each[name] for each in found for name in COUNTED], axis=1)
    parts = [_layers(space, rows) for rows in (archs, canonical)]
    decisions = get_encoding("one-hot", space)
    return [
        costs,
        np.concatenate(parts, axis=1),
        np.concatenate([decisions.transform(archs), decisions.transform(canonical)], axis=1).astype(np.float64),
    ]


def _layers(space: SearchSpace, archs: NDArray[np.int64]) -> Array:
    """How many operations of each kind there are; sums over alike decisions where there are no cell graphs."""
    if not space.has_graph:
        return np.asarray(get_encoding("totals", space).transform(archs), dtype=np.float64)
    graphs = space.graphs(archs)
    kinds = np.arange(graphs.terminals, len(graphs.op_names))
    return np.asarray((graphs.operations[:, :, None] == kinds).sum(axis=1), dtype=np.float64)
