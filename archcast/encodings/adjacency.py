"""Adjacency encodings: the decisions of the row themselves (White et al. 2020, "A Study on Encodings for NAS",
https://arxiv.org/abs/2007.04965).

The paper encodes an adjacency matrix of edge bits and a list of operations. A row is just that in NAS-Bench-101; in the other
spaces it holds decisions of more than two values, of which a bit is the special case. Below, *edge columns* are
the columns named ``i->j``: value 0 means that the edge is not there, or, in NAS-Bench-201, that nothing passes it.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings.base import Encoder, register
from archcast.spaces.base import SearchSpace

__all__ = ["AdjacencyCategorical", "AdjacencyContinuous", "AdjacencyOneHot"]

PAPER = "White et al. 2020, https://arxiv.org/abs/2007.04965"


class _Adjacency(Encoder):
    """Base of the three adjacency encodings."""

    def __init__(self, space: str | SearchSpace, *, pruned: bool = False) -> None:
        super().__init__(space)
        self.pruned = pruned


@register("adjacency", summary="one-hot of every decision", paper=PAPER)
class AdjacencyOneHot(_Adjacency):
    """One-hot of every decision of the row; a binary decision takes one column, one without a choice none.

    Args:
        space: search space.
        pruned: encode the canonical row instead of the row as it is.

    Examples:
        >>> AdjacencyOneHot("nats-size").transform([[0, 1, 2, 3, 7]]).sum().item()
        5.0
    """

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        return np.concatenate([archs[:, [j]] == values for j, values in enumerate(_coded(space))], axis=1)

    def _names(self, space: SearchSpace) -> list[str]:
        return [f"{column}={value}" for column, values in zip(space.columns, _coded(space)) for value in values]


@register("adjacency-categorical", summary="every decision as a number; edge bits as a sorted list", paper=PAPER)
class AdjacencyCategorical(_Adjacency):
    """The decisions of the row as numbers, and edge bits as the list of the edges that are there.

    Binary edge columns (NAS-Bench-101) become, as in the paper, the numbers 1, 2, ... of the edges that are there, in increasing
    order, followed by zeros. Every other decision is its integer; a decision without a choice is left out.

    Args:
        space: search space.
        pruned: encode the canonical row instead of the row as it is.

    Examples:
        >>> AdjacencyCategorical("nasbench201").transform([[3, 0, 1, 0, 0, 4]])
        array([[3., 0., 1., 0., 0., 4.]], dtype=float32)
    """

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        bits, others = _split(space)
        edges = archs[:, bits] == 1
        numbers = np.where(edges, np.arange(1, len(bits) + 1), len(bits) + 1)
        numbers.sort(axis=1)
        return np.concatenate([np.where(numbers > len(bits), 0, numbers), archs[:, others]], axis=1)

    def _names(self, space: SearchSpace) -> list[str]:
        bits, others = _split(space)
        return [f"edge[{k}]" for k in range(len(bits))] + [space.columns[j] for j in others]


@register("adjacency-continuous", summary="every decision scaled to 0..1, and the number of edges", paper=PAPER)
class AdjacencyContinuous(_Adjacency):
    """The decisions of the row scaled to 0..1, then the number of edges where the space has edge columns.

    In the paper an edge is any number in [0, 1] and the architecture has the K largest of them, K being a feature of its own.
    An architecture that is already there has its edges at 0 and 1, and K is how many edge columns are not 0. Other decisions
    are their integer divided by the largest; a decision without a choice is left out.

    Args:
        space: search space.
        pruned: encode the canonical row instead of the row as it is.

    Examples:
        >>> AdjacencyContinuous("nasbench201").transform([[3, 0, 1, 0, 0, 4]])
        array([[0.75, 0.  , 0.25, 0.  , 0.  , 1.  , 3.  ]], dtype=float32)
    """

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        largest = np.asarray(space.cardinalities) - 1
        chosen = largest > 0
        blocks = [archs[:, chosen] / largest[chosen]]
        if edges := _edges(space):
            blocks.append((archs[:, edges] > 0).sum(axis=1, keepdims=True))
        return np.concatenate(blocks, axis=1)

    def _names(self, space: SearchSpace) -> list[str]:
        names = [column for column, c in zip(space.columns, space.cardinalities) if c > 1]
        return names + (["edges"] if _edges(space) else [])


def _coded(space: SearchSpace) -> list[NDArray[np.int64]]:
    """The values of each decision that have a column of their own."""
    return [np.arange(c) if c > 2 else np.arange(1, c) for c in space.cardinalities]


def _edges(space: SearchSpace) -> list[int]:
    return [j for j, column in enumerate(space.columns) if re.fullmatch(r"\d+->\d+", column)]


def _split(space: SearchSpace) -> tuple[list[int], list[int]]:
    """Binary edge columns, and the other columns that leave a choice."""
    bits = [j for j in _edges(space) if space.cardinalities[j] == 2]
    return bits, [j for j, c in enumerate(space.cardinalities) if c > 1 and j not in bits]
