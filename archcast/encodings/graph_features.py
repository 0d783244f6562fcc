"""Graph features: the strongest small encoding for predictors, and the default of most of them."""

from __future__ import annotations

from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings._paths import Template, cell_paths, operation_codes, templates
from archcast.encodings.base import Encoder, register
from archcast.graphs import CellGraphs
from archcast.spaces.base import SearchSpace

__all__ = ["GraphFeatures", "RawGraphFeatures", "subsets"]

PAPER = "Kadlecova et al. 2024, https://arxiv.org/abs/2404.16551"
ALL_SUBSETS = 5
"""Spaces of at most this many operations get every subset of them."""


def subsets(operations: int) -> list[tuple[int, ...]]:
    """The subsets that features are made of: every non-empty one, or, of more than five operations, those that hold one or
    lack at most two (on NAS-Bench-Graph, of nine operations, these predict best).

    Examples:
        >>> subsets(2)
        [(0,), (1,), (0, 1)]
        >>> len(subsets(5)), len(subsets(7))
        (31, 36)
    """
    sizes = range(1, operations + 1) if operations <= ALL_SUBSETS else (1, operations - 2, operations - 1, operations)
    return [s for size in sizes for s in combinations(range(operations), size)]


class _GraphFeatures(Encoder):
    """What the pruned and the raw encoding share: the features of a batch of graphs, by name."""

    def _encode(self, space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[Any]:
        return np.array(list(self._features(space, archs).values()), dtype=np.float32).T

    def _names(self, space: SearchSpace) -> list[str]:
        return list(self._features(space, np.zeros((0, len(space.cardinalities)), dtype=np.int64)))

    def _features(self, space: SearchSpace, archs: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        shapes = templates(space)  # which refuses cells of too many paths
        graphs = space.graphs(archs)
        if self.pruned:
            graphs = graphs.pruned()
        codes = operation_codes(graphs, zero=not self.pruned)
        features: dict[str, NDArray[Any]] = {}
        for number, (cell, template) in enumerate(zip(graphs.split(), shapes, strict=True)):
            prefix = f"cell{number}:" if len(graphs.cells) > 1 else ""
            kind = chain_features if template.chain else cell_features
            for name, values in kind(cell, codes, template).items():
                features[prefix + name] = values
        return features


def chain_features(cell: CellGraphs, codes: list[int], template: Template) -> dict[str, NDArray[Any]]:
    """The features of :class:`GraphFeatures` for cells that are chains: operation counts, and at each position whether the
    operation is a given one or a later one in the order of the space."""
    names = [cell.op_names[code] for code in codes]
    features: dict[str, NDArray[Any]] = {}
    for name, code in zip(names, codes, strict=True):
        features[f"count({name})"] = (cell.operations == code).sum(axis=1)
    for position in range(1, cell.operations.shape[1] - 1):
        may_be_absent = template.adjacency[:position, -1].any()
        for o in range(0 if may_be_absent else 1, len(codes)):
            features[f"position{position}>={names[o]}"] = cell.operations[:, position] >= codes[o]
    return features


def cell_features(cell: CellGraphs, codes: list[int], template: Template) -> dict[str, NDArray[Any]]:
    """The features of :class:`GraphFeatures` for other cells."""
    names = [cell.op_names[code] for code in codes]
    inputs = range(cell.inputs)
    paths, edges = cell_paths(cell), cell.edges
    operations = np.ascontiguousarray(cell.operations.T)
    is_op = [operations == code for code in codes]
    on_path = [paths.sums(where.T).astype(np.int8) for where in is_op]
    total = sum(on_path, np.zeros(paths.present.shape, dtype=np.int8))
    present = paths.present.astype(np.int8)
    out_degree = [[(edges[i] & where).sum(axis=0, dtype=np.int8) for where in is_op] for i in inputs]
    in_degree = [(edges[:, -1] & where).sum(axis=0, dtype=np.int8) for where in is_op]
    far = np.int8(template.lengths[-1] + 1)

    features: dict[str, NDArray[Any]] = {}
    for name, where in zip(names, is_op, strict=True):
        features[f"count({name})"] = where.sum(axis=0, dtype=np.int8)
    if template.adjacency[: cell.inputs, -1].any():
        features["direct"] = np.asarray(edges[: cell.inputs, -1].any(axis=0))
    for subset in subsets(len(codes)):
        label = "|".join(names[o] for o in subset)
        count = reduce(np.add, [on_path[o] for o in subset])
        only = paths.present & (count == total) & (count > 0)
        features[f"min_path({label})"] = np.where(only, count, far).min(axis=0, initial=far)
        features[f"max_path({label})"] = (count * only).max(axis=0, initial=0)
        features[f"max_on_path({label})"] = (count * present).max(axis=0, initial=0)
        for i in inputs:
            source = f"input{i}" if cell.inputs > 1 else "input"
            features[f"out_degree({source}, {label})"] = reduce(np.add, [out_degree[i][o] for o in subset])
        features[f"in_degree(output, {label})"] = reduce(np.add, [in_degree[o] for o in subset])
    return features


@register("graph-features", summary="paths, counts and degrees of operation subsets in the pruned cell", paper=PAPER)
class GraphFeatures(_GraphFeatures):
    """Neural graph features of the pruned, canonical cell (GRAF, Kadlecova et al. 2024).

    For each cell: the count of each operation; for each subset S of the operations

    - ``min_path``, ``max_path``: fewest and most operations on an input-to-output path that uses operations of S only
      (and at least one); without such a path one more than the longest possible path, and 0;
    - ``max_on_path``: most operations of S on one path, whatever else is on it;
    - ``out_degree(input)``, ``in_degree(output)``: operations of S fed by the input(s), and feeding the output;

    and ``direct``: whether an input is wired straight to the output, where a space allows it. With more than five
    operations the subsets are those that hold one of them or lack at most two. The cells of an architecture are
    concatenated. A chain has one path only, so spaces of chains get the operation counts and, for each position, whether
    its operation is at or after a given one in the order of the space (``position1>=16`` for NATS-Bench's channels).

    Departures from the paper: cells are pruned first (a Gaussian process fitted to 100 networks of NAS-Bench-201 has Kendall
    tau .72 with raw and .76 with pruned cells); lengths count operations; the wire from input to output is a feature of
    its own, where the paper has it hide all other paths; average degrees are left out.

    Examples:
        >>> import archcast
        >>> encoder = archcast.get_encoding("graph-features", "nasbench201")
        >>> names = encoder.get_feature_names_out().tolist()
        >>> row = encoder.transform([[3, 0, 1, 0, 0, 3]])[0]     # conv, skip, conv
        >>> row[names.index("count(nor_conv_3x3)")].item(), row[names.index("min_path(nor_conv_3x3)")].item()
        (2.0, 2.0)
    """

    pruned = True


@register(
    "graph-features-raw", summary="paths, counts and degrees of operation subsets in the cell as it is", paper=PAPER
)
class RawGraphFeatures(_GraphFeatures):
    """The features of :class:`GraphFeatures` for the cell as the row describes it, dead operations and zeros included.

    This is the paper's own setting. The operation that passes nothing on counts as an operation like any other.
    """
