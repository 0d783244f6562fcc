"""Schrodi et al.'s largest space: activation, convolution and normalisation of every edge are derived too."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archcast.graphs import CONVOLUTION, IDENTITY, NOTHING, POOLING, Operation
from archcast.spaces.base import register
from archcast.spaces.edge_cells import EDGES
from archcast.spaces.grammar import Derivation
from archcast.spaces.hierarchical_nasbench201.space import MACRO, HierarchicalNASBench201, live_edges
from archcast.spaces.hierarchical_nasbench201.topologies import ACTIVATIONS, FLEXIBLE, KERNELS, NORMS
from archcast.spaces.nasbench201.space import NASBench201

if TYPE_CHECKING:
    from archcast.spaces.hierarchical_nasbench201.network import MakeCell

__all__ = ["FlexibleHierarchicalNASBench201"]

Rows = NDArray[np.int64]

OPS = ("id", "zero", "Linear1", "avg_pool")
NOTHING_OP, SKIP_OP, POOL_OP, FIRST_CONV = range(4)
"""Numbers in ``FLEXIBLE``."""
CONV_PRODUCTION = OPS.index("Linear1")
CODES = np.array([SKIP_OP, NOTHING_OP, FIRST_CONV, POOL_OP])
"""Number in ``FLEXIBLE`` of each production of OPS, of the first convolution for all of them."""
GRAMMAR = (
    MACRO
    + 'OPS -> "id" | "zero" | "Linear1" CONVBLOCK | "Linear1" CONVBLOCK | "avg_pool"\n'
    + 'CONVBLOCK -> "Linear3" ACT CONV NORM\n'
    + "".join(
        f"{symbol} -> {' | '.join(f'{chr(34)}{name}{chr(34)}' for name in names)}\n"
        for symbol, names in (("CONV", KERNELS), ("NORM", NORMS), ("ACT", ACTIVATIONS))
    )
)


class _Cells(NASBench201):
    """Cells of up to six different convolutions, which one is which left open."""

    name = "cells"
    operations: Mapping[str, Operation] = {
        "none": Operation(NOTHING),
        "skip": Operation(IDENTITY),
        "pool": Operation(POOLING, reach=3),
        **{f"conv{k}": Operation(CONVOLUTION, weight=9, reach=3) for k in range(len(EDGES))},
    }
    cardinalities = (9,) * 6

    def preference(self, archs: Rows) -> Rows:
        """Rows without dead edges come first."""
        return np.asarray((archs != 0).sum(axis=1) - live_edges(archs).sum(axis=1))


@cache
def _table() -> _Cells:
    """Made once, as it takes a second or two."""
    return _Cells()


@register(
    "hierarchical-nasbench201-flexible",
    summary="networks that a grammar derives, down to the activation, kernel and norm of each edge; 7.0e375 rows",
    paper="Schrodi et al. 2023, https://arxiv.org/abs/2211.01842",
    size=7 * 10**375,
    buildable=True,
)
class FlexibleHierarchicalNASBench201(HierarchicalNASBench201):
    """The largest space of Schrodi et al. 2023 (https://arxiv.org/abs/2211.01842), in which convolutions are free too.

    Wherever a cell convolves, the grammar also derives the activation (ReLU, hard swish, Mish), the convolution (3x3, 1x1,
    depthwise 3x3) and the normalisation (batch, instance, layer). The grammar of the authors writes the convolution twice, so that
    it is drawn as often as NAS-Bench-201's two; with both counted, it has the 1e446 derivations that the paper counts. Here they
    are one.

    A layer norm has a scale and a shift for each place of the map, so that its parameters depend on the size of the images, and
    the network takes images of that size alone.

    There are so many decisions that :meth:`neighbors` takes three settings of what a move activates, not 128. :meth:`canonical` is
    equal for cells that are the same function whatever the weights, as in ``nasbench201``; networks that
    different stages and blocks make equal are not merged.

    Examples:
        >>> space = FlexibleHierarchicalNASBench201()
        >>> text = space.format(space.sample(1, 0))[0]
        >>> "(OPS Linear1 (CONVBLOCK Linear3 (ACT " in text
        True
    """

    name = "hierarchical-nasbench201-flexible"
    most_redrawn = 3
    grammar = GRAMMAR
    kinds = FLEXIBLE

    def _codes(self, cells: Rows) -> Rows:
        op, activation, conv, norm = np.moveaxis(cells.reshape(len(cells), len(EDGES), 4), 2, 0)
        inside = (activation * len(KERNELS) + conv) * len(NORMS) + norm
        return np.asarray(CODES[op] + (op == CONV_PRODUCTION) * inside)

    def _decisions(self, codes: Rows) -> Rows:
        inside = np.maximum(codes - FIRST_CONV, 0)
        op = np.argsort(CODES)[np.minimum(codes, FIRST_CONV)]
        parts = [op, inside // (len(KERNELS) * len(NORMS)), inside // len(NORMS) % len(KERNELS), inside % len(NORMS)]
        return np.stack(parts, axis=2).reshape(len(codes), 4 * len(EDGES))

    def _one_form(self, codes: Rows) -> Rows:
        codes = np.where(live_edges(codes), codes, NOTHING_OP)
        kinds = np.sort(np.where(codes >= FIRST_CONV, codes, len(FLEXIBLE)), axis=1)
        kinds[:, 1:] = np.where(kinds[:, 1:] == kinds[:, :-1], len(FLEXIBLE), kinds[:, 1:])
        kinds = np.sort(kinds, axis=1)  # those of the cell, each once
        rank = (kinds[:, None, :] < codes[:, :, None]).sum(axis=2)
        cells = _table().canonical(np.where(codes >= FIRST_CONV, FIRST_CONV + rank, codes))
        convs = np.take_along_axis(kinds, np.maximum(cells - FIRST_CONV, 0), axis=1)
        return np.where(cells >= FIRST_CONV, convs, cells)

    def _make_cell(self, pruned: bool) -> MakeCell:
        from archcast.spaces.hierarchical_nasbench201.network import flexible_cells

        return flexible_cells(pruned, _codes_of)


def _codes_of(cell: Derivation) -> list[int]:
    """Numbers in ``FLEXIBLE`` of the operations of a cell."""
    found = []
    for edge in cell.children:
        code = int(CODES[OPS.index(str(edge.parts[0]))])
        for block in edge.children:
            activation, conv, norm = (str(part.parts[0]) for part in block.children)
            code += (ACTIVATIONS.index(activation) * len(KERNELS) + [*KERNELS].index(conv)) * len(NORMS) + NORMS.index(
                norm
            )
        found.append(code)
    return found
