"""Adjacency encodings (White et al. 2020, "A Study on Encodings for NAS", https://arxiv.org/abs/2007.04965)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings.base import Encoder, register
from archcast.spaces.base import SearchSpace

__all__ = ["AdjacencyOneHot"]


@register("adjacency", summary="one-hot of every decision", paper="White et al. 2020, https://arxiv.org/abs/2007.04965")
class AdjacencyOneHot(Encoder):
    """One-hot of every decision of the row: ``k = sum(cardinalities)``, a binary decision taking one column only."""

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        blocks = [archs[:, [j]] if c == 2 else archs[:, [j]] == np.arange(c) for j, c in enumerate(space.cardinalities)]
        return np.concatenate(blocks, axis=1)

    def _names(self, space: SearchSpace) -> list[str]:
        return [
            f"{column}={value}"
            for column, c in zip(space.columns, space.cardinalities, strict=True)
            for value in ([1] if c == 2 else range(c))
        ]
