"""NASNet's family as NDS sampled it: cells whose nodes add up two operations, on sources that may be the same one."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import CONVOLUTION, IDENTITY, POOLING, CellGraphs, Operation
from archcast.spaces.base import SearchSpace, Task, register
from archcast.spaces.darts.canonical import canonical
from archcast.spaces.darts.cell import CELLS, INPUTS, CellKind
from archcast.spaces.darts.costs import costs
from archcast.spaces.nds.notation import cell, check_output, read

if TYPE_CHECKING:
    import torch

__all__ = ["NDSCells"]

WIDTHS, DEPTHS = (16, 24, 32), (4, 8, 12, 16, 20)
ALL: Mapping[str, Operation] = {
    "skip_connect": Operation(IDENTITY),
    "conv_3x1_1x3": Operation(CONVOLUTION, weight=6, reach=3),
    "conv_7x1_1x7": Operation(CONVOLUTION, weight=14, reach=7),
    "dil_conv_3x3": Operation(CONVOLUTION, weight=1.2, reach=5),
    "dil_conv_5x5": Operation(CONVOLUTION, weight=1.6, reach=9),
    "avg_pool_3x3": Operation(POOLING, reach=3),
    "max_pool_3x3": Operation(POOLING, reach=3),
    "max_pool_5x5": Operation(POOLING, reach=5),
    "max_pool_7x7": Operation(POOLING, reach=7),
    "conv_1x1": Operation(CONVOLUTION, weight=1),
    "conv_3x3": Operation(CONVOLUTION, weight=9, reach=3),
    "sep_conv_3x3": Operation(CONVOLUTION, weight=2.5, reach=5),
    "sep_conv_5x5": Operation(CONVOLUTION, weight=3.5, reach=9),
    "sep_conv_7x7": Operation(CONVOLUTION, weight=5, reach=13),
    "dil_sep_conv_3x3": Operation(CONVOLUTION, weight=2.5, reach=9),
}
"""Operations of all five spaces; the weights of depthwise convolutions count for more than they are many."""
SEPARABLE = ("sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7")
POOLS = ("avg_pool_3x3", "max_pool_3x3")
PAPER = "Radosavovic et al. 2019, https://arxiv.org/abs/1905.13214; {}"


def kind_of(nodes: int, loose: bool, *operations: str) -> CellKind:
    """Cells that may take the same source twice."""
    return CellKind(nodes, {name: ALL[name] for name in operations}, repeats=True, loose=loose)


NASNET = kind_of(5, True, "skip_connect", "conv_3x1_1x3", "conv_7x1_1x7", "dil_conv_3x3", *POOLS, "max_pool_5x5",
                 "max_pool_7x7", "conv_1x1", "conv_3x3", *SEPARABLE)  # fmt: skip
AMOEBA = kind_of(5, True, "skip_connect", *SEPARABLE, *POOLS, "dil_sep_conv_3x3", "conv_7x1_1x7")
PNAS = kind_of(5, False, *SEPARABLE, "conv_7x1_1x7", "skip_connect", *POOLS, "dil_conv_3x3")
ENAS = kind_of(5, True, "skip_connect", *SEPARABLE[:2], *POOLS)
DARTS = kind_of(4, False, "skip_connect", *SEPARABLE[:2], "dil_conv_3x3", "dil_conv_5x5", *POOLS)


def size_of(kind: CellKind) -> int:
    """Number of rows: of both cells, and of widths and depths."""
    cells = math.prod((INPUTS + k) * len(kind.operations) for k in range(kind.nodes)) ** 4
    return cells * len(WIDTHS) * len(DEPTHS)


class NDSCells(SearchSpace):
    """A space of cells as NDS sampled it (Radosavovic et al. 2019, https://arxiv.org/abs/1905.13214), around the operations of one
    paper.

    A row holds the normal cell, the reduction cell, and the width (16, 24, 32) and depth (4, 8, 12, 16, 20) of the network. A
    node of a cell takes four columns: first source, its operation, second source, its operation; it is the sum of the
    two. Sources 0 and 1 are the outputs of the two cells before, nodes count from 2, and both sources may be the same. The
    output concatenates the loose ends, the nodes that no other takes in, or all nodes, as the paper does.

    The notation is that of NDS' files, ``{"genotype": {"normal": [["sep_conv_3x3", 0], ...], "normal_concat": [...], ...},
    "width": 32, "depth": 20}``. NNI's and the genotype of the DARTS literature are read too; without a width and a depth the
    largest count.

    :meth:`canonical` is equal for the same cells in another order of nodes and inputs. Where all nodes are in the output, it is
    equal exactly for the same function, as in ``darts``; where loose ends are, sums that are bracketed in other nodes
    differ, because other ends are loose.

    Examples:
        >>> space = NDSENAS()
        >>> cell = [["skip_connect", 0], ["sep_conv_3x3", 0], *[["avg_pool_3x3", 2], ["skip_connect", 2]] * 4]
        >>> text = f"Genotype(normal={cell}, normal_concat=[3, 4, 5, 6], reduce={cell}, reduce_concat=[3, 4, 5, 6])"
        >>> row = space.parse(text)
        >>> row[0, :8].tolist(), row[0, -2:].tolist()
        ([0, 0, 0, 1, 2, 3, 2, 0], [2, 4])
        >>> space.costs(row)["params"]
        array([1437802.])
    """

    kind: ClassVar[CellKind]
    beside_graph = ("width", "depth")
    sizes: Mapping[str, int] = {"width": WIDTHS[-1], "depth": DEPTHS[-1]}
    tasks: Mapping[str, Task] = {"cifar10": Task()}

    def __init_subclass__(cls) -> None:
        kind = cls.kind
        each = [c for k in range(kind.nodes) for c in (INPUTS + k, len(kind.operations)) * 2]
        names = [
            f"{of}{INPUTS + k}.{part}"
            for of in CELLS
            for k in range(kind.nodes)
            for part in ("source1", "op1", "source2", "op2")
        ]
        cls.cardinalities = (*each, *each, len(WIDTHS), len(DEPTHS))
        cls.columns = (*names, "width", "depth")
        cls.operations = kind.declared
        cls.numbers = (*[None] * len(names), WIDTHS, DEPTHS)

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        found = read(text)
        row: list[int] = []
        for name in CELLS:
            row += cell(found, name, self.kind.nodes, self.kind.operations)
            expected = self._outputs(np.array([row[-self.kind.columns :]]))[0]
            check_output(found, name, expected, "the nodes that no other takes in" if self.kind.loose else "all nodes")
        for name, values in (("width", WIDTHS), ("depth", DEPTHS)):
            value = found.get(name, values[-1])
            if type(value) is not int or value not in values:
                raise InvalidInputError(f"{name} is {str(value)[:20]}, not one of {values}")
            row.append(values.index(value))
        return row

    def format(self, archs: ArrayLike) -> list[str]:
        rows, operations = self.validate(archs), self.kind.operations
        cells = self._cells(rows)
        outputs = [self._outputs(of) for of in cells]
        texts = []
        for i, row in enumerate(rows.tolist()):
            genotype: dict[str, Any] = {}
            for name, of, joined in zip(CELLS, cells, outputs, strict=True):
                edges = of[i].reshape(-1, 2).tolist()
                genotype[name] = [[operations[op], source] for source, op in edges]
                genotype[f"{name}_concat"] = joined[i]
            texts.append(json.dumps({"genotype": genotype, "width": WIDTHS[row[-2]], "depth": DEPTHS[row[-1]]}))
        return texts

    def _cells(self, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Normal and reduction cells, ``(n, kind.columns)`` each."""
        width = self.kind.columns
        return [rows[:, :width], rows[:, width : 2 * width]]

    def _outputs(self, cells: NDArray[np.int64]) -> list[list[int]]:
        """Numbers of the nodes that each cell's output concatenates."""
        return [(np.flatnonzero(joined) + INPUTS).tolist() for joined in self.kind.outputs(cells)]

    # -- graphs and canonical form ------------------------------------------------------------------------------------

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """Two inputs, the two operations of each node in the order of the row, and the output, in each of two cells; width and
        depth are not part of the graph."""
        rows, kind = self.validate(archs), self.kind
        v = INPUTS + 2 * kind.nodes + 1
        adjacency = np.zeros((len(rows), 2 * v, 2 * v), dtype=bool)
        ops = np.zeros((len(rows), 2 * v), dtype=np.int64)
        n = np.arange(len(rows))
        for c, half in enumerate(self._cells(rows)):
            block = adjacency[:, c * v : (c + 1) * v, c * v : (c + 1) * v]
            for edge in range(2 * kind.nodes):
                source = half[:, 2 * edge]
                for side in (0, 1):
                    operand = np.where(source < INPUTS, source, 2 * source - INPUTS + side)
                    block[n, operand, INPUTS + edge] = True
            block[:, INPUTS:-1, -1] = np.repeat(kind.outputs(half), 2, axis=1)
            ops[:, c * v : (c + 1) * v] = [0, 1, *[0] * (2 * kind.nodes), 2]
            ops[:, c * v + INPUTS : (c + 1) * v - 1] = half[:, 1::2] + INPUTS + 1
        names = ("input0", "input1", "output", *kind.operations)
        cells = (slice(0, v), slice(v, 2 * v))
        return CellGraphs(adjacency, ops, names, INPUTS + 1, INPUTS, cells, declared=kind.declared)

    def canonical(self, archs: ArrayLike) -> NDArray[np.int64]:
        """The lexicographically smallest row of the class (:mod:`archcast.spaces.darts.canonical`)."""
        rows = self.validate(archs)
        cells = 2 * self.kind.columns
        return np.concatenate([canonical(rows[:, :cells], self.kind), rows[:, cells:]], axis=1)

    # -- network ------------------------------------------------------------------------------------------------------

    def _measures(self, rows: NDArray[np.int64], sizes: dict[str, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Channels and cells of each network, in proportion to the largest."""
        width = (np.array(WIDTHS)[rows[:, -2]] * sizes["width"] + WIDTHS[-1] // 2) // WIDTHS[-1]
        depth = -(-np.array(DEPTHS)[rows[:, -1]] * sizes["depth"] // DEPTHS[-1])
        return np.maximum(width, 1), depth

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        sizes = self.image_sizes(task)
        width, depth = self._measures(rows, sizes)
        found: dict[str, NDArray[np.float64]] = {}
        for of in np.unique(depth).tolist() or [1]:
            some = depth == of
            sizes |= {"width": width[some], "depth": of}
            part = costs(rows[some, : 2 * self.kind.columns], self.kind, task.pixels, convention, pruned, **sizes)
            for name, values in part.items():
                found.setdefault(name, np.empty(len(rows)))[some] = values
        return found

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """DARTS' CIFAR network: as many cells and channels as the row says, reduction cells after a third and two thirds of
        them, a stem of three times as many channels.

        ``width`` (32) and ``depth`` (20) are those of the largest networks of the space; smaller ones are smaller in
        proportion. Auxiliary head and drop path, which serve training alone, are left out. An input that no node of a cell takes
        in, and a cell that no later cell takes in, are dead: NDS trained and counted them, ``pruned=True`` leaves them out.
        """
        from archcast.spaces.darts.network import Network

        row = self.validate(arch, allow_empty=False)[:1]
        sizes = self.image_sizes(task)
        width, depth = self._measures(row, sizes)
        normal, reduce = (half[0].tolist() for half in self._cells(row))
        sizes |= {"width": int(width[0]), "depth": int(depth[0])}
        return Network(normal, reduce, self.kind, pruned, **sizes)


@register(
    "nds-nasnet",
    summary="NASNet's cells: 5 nodes, 13 operations, output of all unused nodes; width and depth; 7.7e34 rows",
    paper=PAPER.format("Zoph et al. 2018, https://arxiv.org/abs/1707.07012"),
    size=size_of(NASNET),
    buildable=True,
)
class NDSNASNet(NDSCells):
    """NASNet's 13 operations in :class:`NDSCells`; the output concatenates loose ends."""

    name = "nds-nasnet"
    kind = NASNET


@register(
    "nds-amoeba",
    summary="AmoebaNet's cells: 5 nodes, 8 operations, output of all unused nodes; width and depth; 4.6e30 rows",
    paper=PAPER.format("Real et al. 2019, https://arxiv.org/abs/1802.01548"),
    size=size_of(AMOEBA),
    buildable=True,
)
class NDSAmoeba(NDSCells):
    """AmoebaNet's 8 operations in :class:`NDSCells`; the output concatenates loose ends."""

    name = "nds-amoeba"
    kind = AMOEBA


@register(
    "nds-pnas",
    summary="PNAS' cells: 5 nodes, 8 operations; width and depth; 4.6e30 rows",
    paper=PAPER.format("Liu et al. 2018, https://arxiv.org/abs/1712.00559"),
    size=size_of(PNAS),
    buildable=True,
)
class NDSPNAS(NDSCells):
    """PNAS' 8 operations in :class:`NDSCells`; the output concatenates all nodes."""

    name = "nds-pnas"
    kind = PNAS


@register(
    "nds-enas",
    summary="ENAS' cells: 5 nodes, 5 operations, output of all unused nodes; width and depth; 3.8e26 rows",
    paper=PAPER.format("Pham et al. 2018, https://arxiv.org/abs/1802.03268"),
    size=size_of(ENAS),
    buildable=True,
)
class NDSENAS(NDSCells):
    """ENAS' 5 operations in :class:`NDSCells`; the output concatenates loose ends."""

    name = "nds-enas"
    kind = ENAS


@register(
    "nds-darts",
    summary="DARTS' cells whose nodes may take one input twice: 4 nodes, 7 operations; width and depth; 1e23 rows",
    paper=PAPER.format("Liu et al. 2019, https://arxiv.org/abs/1806.09055"),
    size=size_of(DARTS),
    buildable=True,
)
class NDSDARTS(NDSCells):
    """DARTS' 7 operations in :class:`NDSCells`; the output concatenates all nodes. ``darts`` has the same cells with two different
    sources for each node."""

    name = "nds-darts"
    kind = DARTS
