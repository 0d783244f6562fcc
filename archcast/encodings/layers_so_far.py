"""Chains, layer by layer: how many layers of each kind there have been so far, how wide and how small the signal is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._paths import chains
from archcast.encodings.base import Encoder, register
from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT, CellGraphs
from archcast.spaces.base import SearchSpace

__all__ = ["LayersSoFar", "reshapes"]


def reshapes(space: SearchSpace) -> bool:
    """Whether layers of a space say that they change the number of channels or the resolution."""
    return not all(op.keeps_shape for op in space.declared.values())


@register(
    "layers-so-far", summary="kinds of layers, channels and resolution of a chain, after each layer", paper="archcast"
)
class LayersSoFar(Encoder):
    """What a chain has been through after its first layer, its first two, ...; the last number is kept after its end.

    That is the number of layers of each kind so far. Where layers change the number of channels or the resolution, as they declare
    (:class:`archcast.graphs.Operation`), also the logarithms to base 2 of both, beside what the chain was given; layers that
    differ in that alone are then of one kind.

    Args:
        space: search space of chains.

    Examples:
        >>> encoder = LayersSoFar("transnasbench101-macro")
        >>> row = encoder.transform([[4, 1, 1, 4, 0, 0]])[0]
        >>> names = encoder.get_feature_names_out().tolist()
        >>> {what: [int(row[names.index(f"{what}:{k}")]) for k in range(1, 7)] for what in ("channels", "resolution", "normal")}
        {'channels': [1, 1, 1, 2, 2, 2], 'resolution': [-1, -1, -1, -2, -2, -2], 'normal': [1, 2, 3, 4, 4, 4]}
    """

    pruned = True

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        self._check(space)
        graphs, kinds = space.graphs(archs), _kinds(space)
        distinct = list(dict.fromkeys(kinds.values()))
        steps = np.zeros(
            (len(kinds) + 1, len(distinct) + 2 * reshapes(space))
        )  # the last row is that of an absent layer
        for code, (name, kind) in enumerate(kinds.items()):
            steps[code, distinct.index(kind)] = 1
            if reshapes(space) and name in space.declared:
                steps[code, -2:] = np.log2(space.declared[name].widens), -np.log2(space.declared[name].stride)
        layers = np.where(graphs.operations == ABSENT, len(kinds), graphs.operations - graphs.terminals)[:, 1:-1]
        return np.cumsum(steps[layers], axis=1).reshape(len(archs), -1)

    def _names(self, space: SearchSpace) -> list[str]:
        self._check(space)
        columns = [*dict.fromkeys(_kinds(space).values()), *(["channels", "resolution"] if reshapes(space) else [])]
        return [f"{column}:{k}" for k in range(1, _none(space).operations.shape[1] - 1) for column in columns]

    def _check(self, space: SearchSpace) -> None:
        if not space.has_graph or not chains(space):
            raise InvalidInputError(
                f"LayersSoFar counts the layers of chains, and those of space {space.name!r} are none. Use 'graph-features'."
            )


def _none(space: SearchSpace) -> CellGraphs:
    """The graphs of no architecture."""
    return space.graphs(np.zeros((0, len(space.cardinalities)), dtype=np.int64))


def _kinds(space: SearchSpace) -> dict[str, str]:
    """Name of an operation -> name of its kind: that of an operation that does the same without a change of shape, or its own."""
    graphs, declared = _none(space), space.declared
    names = graphs.op_names[graphs.terminals :]
    plain = {
        (op.kind, op.weight, op.reach): name
        for name in reversed(names)
        if (op := declared.get(name)) is not None and op.keeps_shape
    }
    return {
        name: name
        if (op := declared.get(name)) is None or op.keeps_shape
        else plain.get((op.kind, op.weight / op.widens, op.reach), name)
        for name in names
    }
