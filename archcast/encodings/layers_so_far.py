"""Chains, layer by layer: how many layers of each kind there have been so far."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._paths import chains
from archcast.encodings.base import Encoder, register
from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace

__all__ = ["LayersSoFar"]


@register("layers-so-far", summary="how many layers of each kind a chain has, after each layer", paper="archcast")
class LayersSoFar(Encoder):
    """Number of layers of each kind among the first layer, the first two, ... of a chain; the last number is kept after its end.

    Where some kinds double the channels and others halve the resolution, these numbers say how many channels and pixels there
    are at each place.

    Args:
        space: search space of chains.

    Examples:
        >>> encoder = LayersSoFar("transnasbench101-macro")
        >>> row = encoder.transform([[4, 1, 1, 4, 0, 0]])[0]
        >>> names = encoder.get_feature_names_out().tolist()
        >>> [int(row[names.index(f"double-and-halve:{k}")]) for k in range(1, 7)]
        [1, 1, 1, 2, 2, 2]
    """

    pruned = True

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        self._check(space)
        graphs = space.graphs(archs)
        kinds = np.arange(2, len(graphs.op_names))
        return np.cumsum(graphs.operations[:, 1:-1, None] == kinds, axis=1).reshape(len(archs), -1)

    def _names(self, space: SearchSpace) -> list[str]:
        self._check(space)
        graphs = space.graphs(np.zeros((0, len(space.cardinalities)), dtype=np.int64))
        return [f"{kind}:{k}" for k in range(1, graphs.operations.shape[1] - 1) for kind in graphs.op_names[2:]]

    def _check(self, space: SearchSpace) -> None:
        if not space.has_graph or not chains(space):
            raise InvalidInputError(
                f"LayersSoFar counts the layers of chains, and those of space {space.name!r} are none. Use 'graph-features'."
            )
