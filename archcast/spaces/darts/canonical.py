"""Canonical form of cells whose nodes add up two operations each.

Where the output concatenates all nodes, what each computes is all that counts: :func:`smallest_functions`. Where it
concatenates loose ends, which nodes are used counts too: :func:`smallest_graphs`. That is the form also where there is noise: two
nodes that are built alike are two draws, so it counts which of them another node takes in.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from archcast.spaces.darts.cell import INPUTS, CellKind
from archcast.spaces.functions import INPUT, mix, pool

__all__ = ["canonical"]

CHUNK = 512
_CELL_INPUTS = np.stack([INPUT, mix(INPUT)])[:, 0]


def canonical(rows: NDArray[np.int64], kind: CellKind) -> NDArray[np.int64]:
    """Canonical rows of ``(n, 2 * kind.columns)`` rows, normal and reduction cells."""
    out = np.empty_like(rows)
    width = kind.columns
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        cells = np.concatenate([chunk[:, :width], chunk[:, width:]]).T
        if kind.loose or kind.noise is not None:
            smallest = smallest_graphs(cells, kind)
        else:
            smallest = smallest_functions(cells, np.arange(2 * len(chunk)) >= len(chunk), kind)
        out[start : start + CHUNK] = np.concatenate([smallest[:, : len(chunk)], smallest[:, len(chunk) :]]).T
    return out


def smallest_graphs(cells: NDArray[np.int64], kind: CellKind) -> NDArray[np.int64]:
    """``(4 nodes, n)`` smallest cells that are ``(4 nodes, n)`` cells with nodes and inputs in another order: every possible
    order of the nodes is tried. What noise takes in does not count; it is the first source that its node does not have yet."""
    nodes, operations = kind.nodes, len(kind.operations)
    sources, ops = cells[0::2].reshape(nodes, 2, -1), cells[1::2].reshape(nodes, 2, -1)
    terms = (np.arange(nodes) + INPUTS) * operations  # of the sources that each place may have
    best = np.full(cells.shape[1], np.iinfo(np.int64).max)
    for order in permutations(range(nodes)):
        place = np.empty(INPUTS + nodes, dtype=np.int64)
        place[:INPUTS], place[[INPUTS + k for k in order]] = range(INPUTS), np.arange(nodes) + INPUTS
        moved = place[sources]
        noise = kind.is_noise(ops)
        if noise.any():
            moved = np.where(noise, -1, moved)
            other = moved[:, 0] + moved[:, 1] + 1  # the source of the other operation, where one is noise
            both = noise.all(axis=1)
            for side in (0, 1):
                free = np.where(both, side, (other == 0).astype(np.int64))
                moved[:, side] = np.where(noise[:, side], free, moved[:, side])
        possible = (moved < place[INPUTS:, None, None]).all(axis=(0, 1))
        pair = np.sort(moved * operations + ops, axis=1)
        number = np.zeros(cells.shape[1], dtype=np.int64)
        for k, node in enumerate(order):
            number = (number * terms[k] + pair[node, 0]) * terms[k] + pair[node, 1]
        best = np.where(possible & (number < best), number, best)
    out = np.empty_like(cells)
    for k in reversed(range(nodes)):
        for side in (1, 0):
            best, term = np.divmod(best, terms[k])
            out[4 * k + 2 * side], out[4 * k + 2 * side + 1] = np.divmod(term, operations)
    return out


def smallest_functions(cells: NDArray[np.int64], reduction: NDArray[np.bool_], kind: CellKind) -> NDArray[np.int64]:
    """``(4 nodes, n)`` smallest cells whose nodes compute the same as those of ``(4 nodes, n)`` cells, in any order.

    Every node is hashed as a sum of terms. Then nodes are placed one after the other: among those not yet placed, the
    one whose hash is the sum of the smallest (source, operation, source, operation), with sources placed before it.
    Placing a node takes no choice from another, so this finds the smallest row. One lane of hashes is enough: they are
    compared within a cell only.

    Args:
        cells: one a column.
        reduction: ``(n,)`` whether it is a reduction cell.
        kind: of the cells.
    """
    nodes, operations = kind.nodes, len(kind.operations)
    count = (INPUTS + nodes) * operations
    n = np.arange(cells.shape[1])
    terms = np.empty((INPUTS + nodes, operations, len(n)), dtype=np.uint64)
    for source in range(INPUTS):
        terms[source] = _terms(np.full(len(n), _CELL_INPUTS[source]), ~reduction, kind)
    hashes = np.empty((nodes, len(n)), dtype=np.uint64)
    for k in range(nodes):
        source1, op1, source2, op2 = cells[4 * k : 4 * k + 4]
        hashes[k] = terms[source1, op1, n] + terms[source2, op2, n]
        terms[INPUTS + k] = _terms(hashes[k], np.True_, kind)
    best = np.full((nodes, len(n)), count**2)
    for placed in (terms[:1], terms[:INPUTS]):
        _find_sums(best, hashes, placed, count, kind.repeats)
    out = np.empty_like(cells)
    for k in range(nodes):
        node = best.argmin(axis=0)
        for side, term in enumerate(np.divmod(best[node, n], count)):
            out[4 * k + 2 * side : 4 * k + 2 * side + 2] = np.divmod(term, operations)
        hashes[node, n], best[node, n] = 0, count**2 + 1
        new = np.moveaxis(terms[INPUTS + node, :, n], 0, 1)
        if k < nodes - 1:
            placed = np.concatenate([placed, new[None]])
            _find_sums(best, hashes, placed, count, kind.repeats)
    return out


def _terms(value: NDArray[np.uint64], plain: NDArray[np.bool_] | np.bool_, kind: CellKind) -> NDArray[np.uint64]:
    """``(operations, n)`` hashes of each operation on sources that hash to ``value`` ``(n,)``.

    Where ``plain`` a skip is the identity, hence the value itself, and average pooling is linear. From the inputs of a
    reduction cell both have stride two and are operations like any other.
    """
    codes = mix(np.arange(len(kind.operations), dtype=np.uint64), 0)
    terms = mix(codes[:, None] ^ mix(value, 0), 0)
    skip, average = (kind.operations.index(name) for name in ("skip_connect", "avg_pool_3x3"))
    terms[skip] = np.where(plain, value, terms[skip])
    terms[average] = np.where(plain, pool(value, 0), terms[average])
    return terms


def _find_sums(
    best: NDArray[np.int64], hashes: NDArray[np.uint64], placed: NDArray[np.uint64], count: int, repeats: bool
) -> None:
    """Lower ``best`` ``(nodes, n)`` to the number of the smallest sum of a term of a placed source and one of the newest, which
    is the last, that hashes to that of the node.

    The number of a sum of the terms a and b is a * count + b, where a term is numbered source * operations + operation.

    Args:
        best: of each node.
        hashes: ``(nodes, n)`` of the nodes; 0, which no sum hashes to, for those that are placed.
        placed: ``(s, operations, n)`` terms of the sources so far.
        count: terms of all sources.
        repeats: whether both terms may be of the newest source.
    """
    new = placed[-1]
    operations, n = new.shape
    older = placed[: len(placed) if repeats else -1].reshape(-1, n)
    equal = (hashes[:, None] - new)[:, :, None] == older
    node, b, a, row = np.unravel_index(np.flatnonzero(equal), equal.shape)
    np.minimum.at(best, (node, row), a * count + (len(placed) - 1) * operations + b)
