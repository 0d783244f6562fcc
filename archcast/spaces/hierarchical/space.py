"""Liu et al.'s hierarchical space: six motifs of six operations, and a graph of motifs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT, CellGraphs
from archcast.spaces.base import SearchSpace, Task, register
from archcast.spaces.hierarchical.costs import costs
from archcast.spaces.hierarchical.motifs import DECLARED, INNER, MOTIFS, OUTER, parts_of

if TYPE_CHECKING:
    import torch

__all__ = ["Hierarchical"]

Rows = NDArray[np.int64]

OPERATIONS = ("none", *DECLARED)
NAMES = ("none", *(f"motif{m}" for m in range(1, MOTIFS + 1)))
ENDS = len(INNER) * MOTIFS
BASE = len(OPERATIONS) ** np.arange(len(INNER))[::-1]


@register(
    "hierarchical",
    summary="6 motifs of 4 nodes with 6 operations, and a graph of 5 nodes with motifs on its edges; 7.5e38 rows",
    paper="Liu et al. 2018, https://arxiv.org/abs/1711.00436",
    size=7**46,
    buildable=True,
)
class Hierarchical(SearchSpace):
    """Hierarchical representations of three levels (Liu et al. 2018, https://arxiv.org/abs/1711.00436).

    A row holds six motifs, each the operations (0 for none) on the six edges of four nodes, then the motifs (0 for none) on the ten
    edges of five nodes; edges in the order 0->1, 0->2, 1->2, 0->3, ... A row is valid if the cell has a path.

    The paper starts at chains of identities and makes a thousand random changes of one edge, after which each edge has
    nearly forgotten where it started: a sample is uniform over valid rows.

    The notation, which is this project's: seven graphs with ``;`` between, each as in NAS-Bench-201.

    :meth:`canonical` is equal exactly for equal cells up to the numbers of motifs and the order of nodes, dead edges dropped;
    motifs that are not used are 0. Identities are not followed: where they end with others, a convolution joins them.

    Examples:
        >>> space = Hierarchical()
        >>> none = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
        >>> motif = none.replace("+|none~0|none~1|none~2", "+|separable_3x3~0|none~1|none~2")
        >>> cell = none.replace("none~0", "motif1~0", 1) + "+|none~0|motif1~1|none~2|none~3|"
        >>> row = space.parse(";".join([motif, *[none] * 5, cell]))
        >>> space.costs(row, task=Task(width=8, depth=1))["depth"]              # two separable convolutions in each cell
        array([18.])
    """

    name = "hierarchical"
    operations = DECLARED
    sizes: Mapping[str, int] = {"width": 64, "depth": 2}
    tasks: Mapping[str, Task] = {"cifar10": Task()}
    cardinalities = (len(OPERATIONS),) * ENDS + (len(NAMES),) * len(OUTER)
    columns = (
        *(f"motif{m}:{i}->{j}" for m in range(1, MOTIFS + 1) for i, j in INNER),
        *(f"{i}->{j}" for i, j in OUTER),
    )

    def is_valid(self, archs: Rows) -> NDArray[np.bool_]:
        return np.logical_or.reduce(parts_of(archs).graph > 0, axis=1)

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        graphs = text.split(";")
        if len(graphs) != MOTIFS + 1:
            raise InvalidInputError(
                f"expected {MOTIFS} motifs and their graph with ';' between, got {len(graphs)} parts"
            )
        row: list[int] = []
        for k, graph in enumerate(graphs):
            edges, names = (INNER, OPERATIONS) if k < MOTIFS else (OUTER, NAMES)
            match = re.fullmatch(_layout(edges, r"(\w+)", re.escape), graph)
            if match is None:
                raise InvalidInputError(f"part {k + 1} must be like {_layout(edges, 'none')}")
            unknown = [name for name in match.groups() if name not in names]
            if unknown:
                raise InvalidInputError(f"{unknown[0]!r} is not one of {', '.join(names)}")
            row += [names.index(name) for name in match.groups()]
        return row

    def format(self, archs: ArrayLike) -> list[str]:
        texts = []
        inner, outer = _layout(INNER, "{}"), _layout(OUTER, "{}")
        for row in self.validate(archs).tolist():
            motifs = [row[k : k + len(INNER)] for k in range(0, ENDS, len(INNER))]
            parts = [inner.format(*(OPERATIONS[op] for op in motif)) for motif in motifs]
            texts.append(";".join([*parts, outer.format(*(NAMES[m] for m in row[ENDS:]))]))
        return texts

    # -- graphs and canonical form ------------------------------------------------------------------------------------

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """``v = 62``: input, the six operations of the motif on each of the ten edges, output."""
        rows = self.validate(archs)
        motifs = np.concatenate(
            [np.zeros((len(rows), 1, len(INNER)), int), rows[:, :ENDS].reshape(-1, MOTIFS, len(INNER))], 1
        )
        inside = np.take_along_axis(motifs, rows[:, ENDS:, None], axis=1).reshape(len(rows), len(OUTER) * len(INNER))
        there = inside > 0
        v = inside.shape[1] + 2
        every = np.zeros((v, v), dtype=bool)
        places = [(outer, inner) for outer in OUTER for inner in INNER]
        for a, ((i, j), (p, q)) in enumerate(places, start=1):
            every[0, a] = i == 0 and p == 0
            every[a, -1] = j == OUTER[-1][1] and q == INNER[-1][1]
            for b, ((k, end), (r, _)) in enumerate(places, start=1):
                within = (i, j) == (k, end) and q == r
                every[a, b] = within or (j == k and q == INNER[-1][1] and r == 0)
        present = np.pad(there, ((0, 0), (1, 1)), constant_values=True)
        ops = np.pad(np.where(there, inside + 1, ABSENT), ((0, 0), (1, 1)))
        ops[:, -1] = 1
        return CellGraphs(
            every & present[:, :, None] & present[:, None], ops, ("input", "output", *DECLARED), declared=DECLARED
        )

    def canonical(self, archs: ArrayLike) -> Rows:
        rows = self.validate(archs)
        parts = parts_of(rows)
        codes = np.concatenate(
            [np.zeros((len(rows), 1), int), _largest(parts.motifs.reshape(-1, 6), INNER).reshape(-1, 6, 6) @ BASE], 1
        )
        graph = _largest(np.take_along_axis(codes, parts.graph, axis=1), OUTER)
        used = -np.sort(-graph, axis=1)
        first = np.concatenate([used[:, :1] > 0, (used[:, 1:] != used[:, :-1]) & (used[:, 1:] > 0)], axis=1)
        out = np.zeros_like(rows)
        for m in range(MOTIFS):
            code = np.where(first & (np.cumsum(first, axis=1) == m + 1), used, 0).max(axis=1)
            out[:, len(INNER) * m : len(INNER) * (m + 1)] = code[:, None] // BASE % len(OPERATIONS)
            out[:, ENDS:][(graph == code[:, None]) & (graph > 0)] = m + 1
        return out

    # -- network ------------------------------------------------------------------------------------------------------

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        return costs(parts_of(rows), task.pixels, convention, **self.image_sizes(task))

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of Liu et al. 2018: a 3x3 stem of ``width`` (64) channels, three stages of ``depth`` (2) cells, separable
        convolutions of stride two between them, which double the channels, global average pooling. No part of it is dead, so
        ``pruned`` changes nothing.

        Where several edges end, the outputs are concatenated, and a 1x1 convolution gives back the channels.
        """
        from archcast.spaces.hierarchical.network import Network

        parts = parts_of(self.validate(arch, allow_empty=False)[:1])
        return Network(parts.motifs[0].tolist(), parts.graph[0].tolist(), **self.image_sizes(task))


def _layout(edges: tuple[tuple[int, int], ...], name: str, written: object = str) -> str:
    """The notation of a graph with ``name`` for each operation."""
    put = written if callable(written) else str
    nodes = []
    for k in range(1, edges[-1][1] + 1):
        nodes.append(put("|") + "".join(f"{name}{put('~')}{i}{put('|')}" for i, j in edges if j == k))
    return put("+").join(nodes)


def _largest(labels: Rows, edges: tuple[tuple[int, int], ...]) -> Rows:
    """``(n, e)`` lexicographically largest labels among the orders of the inner nodes; no edge may turn round."""
    last = edges[-1][1]
    best = labels.copy()
    for order in permutations(range(1, last)):
        place = (0, *order, last)
        trial = np.zeros_like(labels)
        allowed = np.ones(len(labels), dtype=bool)
        for e, (i, j) in enumerate(edges):
            if place[i] < place[j]:
                trial[:, edges.index((place[i], place[j]))] = labels[:, e]
            else:
                allowed &= labels[:, e] == 0
        differs = trial != best
        k = differs.argmax(axis=1)[:, None]
        larger = np.take_along_axis(trial, k, 1) > np.take_along_axis(best, k, 1)
        best = np.where((allowed & larger[:, 0])[:, None], trial, best)
    return best
