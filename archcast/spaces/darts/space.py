"""DARTS: a normal and a reduction cell of four nodes with two inputs each; the space of NAS-Bench-301."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import generator, whole
from archcast.errors import InvalidInputError
from archcast.graphs import CellGraphs, Operation
from archcast.spaces.base import SearchSpace, Task, register
from archcast.spaces.darts.canonical import canonical
from archcast.spaces.darts.cell import CELLS, DARTS_CELLS, DECLARED, INPUTS, NODES, CellKind
from archcast.spaces.darts.costs import costs

if TYPE_CHECKING:
    import torch

__all__ = ["DARTS", "cardinalities_of"]

_SIZES = tuple(range(INPUTS, INPUTS + NODES))


def cardinalities_of(kind: CellKind) -> tuple[int, ...]:
    """Choices of each column of a normal and a reduction cell."""
    return tuple(c for _ in CELLS for k in _SIZES for c in (k, len(kind.operations)) * 2)


@register(
    "darts",
    summary="normal and reduction cell, 4 nodes with 2 inputs and 7 operations; 1.1e18 rows",
    paper="Liu et al. 2019, https://arxiv.org/abs/1806.09055; Zela et al. 2022, https://arxiv.org/abs/2008.09777",
    size=(180 * 7**8) ** 2,
    buildable=True,
)
class DARTS(SearchSpace):
    """DARTS' cells (Liu et al. 2019, https://arxiv.org/abs/1806.09055), the space of NAS-Bench-301 (Zela et al. 2022,
    https://arxiv.org/abs/2008.09777).

    A row holds the normal cell, then the reduction cell. A cell has four nodes, numbered 2 to 5 after the outputs 0 and 1 of the
    two cells before it; a node is the sum of two operations on two different earlier nodes and takes four columns: first
    source, its operation, second source, its operation. Operations are numbered as in ``OPERATIONS``. The cell's output
    concatenates its nodes.

    The notation is DARTS' genotype, which is read literally and never evaluated; the order of the two inputs is kept.

    :meth:`canonical` is equal exactly for the same function up to the order of the nodes in the concatenation (the next layer's
    weights absorb it, as in NAS-Bench-101's hash): sums are unordered, skips are followed, and average pooling is linear, so that
    pooling a sum is summing what is pooled. In the reduction cell a skip of a cell input is a learned projection of stride
    two and is kept, and pooling it has stride two as nothing else has. What batch norm makes of a rescaled input is
    not followed: it is equal in training only, and only up to its epsilon.

    Examples:
        >>> space = DARTS()
        >>> cell = [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)] * 3 + [("skip_connect", 1), ("dil_conv_5x5", 4)]
        >>> text = f"Genotype(normal={cell}, normal_concat=range(2, 6), reduce={cell}, reduce_concat=range(2, 6))"
        >>> space.parse(text)[0, :16]
        array([0, 3, 1, 3, 0, 3, 1, 3, 0, 3, 1, 3, 1, 2, 4, 6])
        >>> space.format(space.parse(text))[0] == text
        True
    """

    name = "darts"
    kind: ClassVar[CellKind] = DARTS_CELLS
    operations: Mapping[str, Operation] = DECLARED
    sizes: Mapping[str, int] = {"width": 32, "depth": 8}
    tasks: Mapping[str, Task] = {"cifar10": Task()}
    cardinalities = cardinalities_of(DARTS_CELLS)
    columns = tuple(
        f"{cell}{k}.{part}" for cell in CELLS for k in _SIZES for part in ("source1", "op1", "source2", "op2")
    )

    def is_valid(self, archs: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray((archs[:, 0::4] != archs[:, 2::4]).all(axis=1))

    def sample(self, n: int, rng: np.random.Generator | int | None = None) -> NDArray[np.int64]:
        rng, n = generator("rng", rng), whole("n", n, 0)
        rows = rng.integers(0, self.cardinalities, size=(n, len(self.cardinalities)))
        first, second = rows[:, 0::4], rows[:, 2::4]
        second[:] = rng.integers(0, np.array(_SIZES * len(CELLS)) - 1, size=second.shape)
        second += second >= first
        return rows

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        cell = r"(\[[^\]]*\])"
        concat = r"(?:range\(2, ?6\)|\[2, ?3, ?4, ?5\])"
        pattern = rf"Genotype\(normal={cell}, ?normal_concat={concat}, ?reduce={cell}, ?reduce_concat={concat}\)"
        match = re.fullmatch(pattern, text)
        if match is None:
            raise InvalidInputError(
                "expected Genotype(normal=[...], normal_concat=range(2, 6), reduce=[...], reduce_concat=range(2, 6))"
            )
        row: list[int] = []
        for name, group in zip(CELLS, match.groups()):
            try:
                edges = ast.literal_eval(group)
            except (SyntaxError, ValueError):
                raise InvalidInputError(f"{name} is not a list of ('operation', source)") from None
            if len(edges) != 2 * NODES or any(not isinstance(edge, tuple) or len(edge) != 2 for edge in edges):
                raise InvalidInputError(f"{name} must hold eight pairs ('operation', source)")
            for op, source in edges:
                if op not in self.kind.operations or not isinstance(source, int):
                    raise InvalidInputError(
                        f"{(op, source)!r} must be one of {', '.join(self.kind.operations)} and a node"
                    )
                row += [source, self.kind.operations.index(op)]
        sources = np.array(row[0::2]).reshape(-1, 2)
        if (sources[:, 0] == sources[:, 1]).any():
            raise InvalidInputError("a node takes the same source twice, which space 'nds-darts' allows")
        return row

    def format(self, archs: ArrayLike) -> list[str]:
        texts = []
        for row in self.validate(archs).tolist():
            edges = [(self.kind.operations[op], source) for source, op in zip(row[0::2], row[1::2], strict=True)]
            normal, reduce = edges[: 2 * NODES], edges[2 * NODES :]
            texts.append(
                f"Genotype(normal={normal}, normal_concat=range(2, 6), reduce={reduce}, reduce_concat=range(2, 6))"
            )
        return texts

    # -- graphs -------------------------------------------------------------------------------------------------------

    def graphs(self, archs: ArrayLike) -> CellGraphs:
        """``v = 22``, eleven nodes a cell: two inputs, the eight operations in the order of the row, output."""
        rows = self.validate(archs)
        v = INPUTS + 2 * NODES + 1
        adjacency = np.zeros((len(rows), 2 * v, 2 * v), dtype=bool)
        ops = np.zeros((len(rows), 2 * v), dtype=np.int64)
        n = np.arange(len(rows))
        for c, half in enumerate(np.split(rows, len(CELLS), axis=1)):
            block = adjacency[:, c * v : (c + 1) * v, c * v : (c + 1) * v]
            for edge in range(2 * NODES):
                source = half[:, 2 * edge]
                for side in (0, 1):
                    operand = np.where(source < INPUTS, source, 2 * source - INPUTS + side)
                    block[n, operand, INPUTS + edge] = True
            block[:, INPUTS:-1, -1] = True
            ops[:, c * v : (c + 1) * v] = [0, 1, *[0] * (2 * NODES), 2]
            ops[:, c * v + INPUTS : (c + 1) * v - 1] = half[:, 1::2] + INPUTS + 1
        kind, cells = self.kind, (slice(0, v), slice(v, 2 * v))
        names = ("input0", "input1", "output", *kind.operations)
        return CellGraphs(adjacency, ops, names, INPUTS + 1, INPUTS, cells, kind.noise, declared=kind.declared)

    # -- canonical form -----------------------------------------------------------------------------------------------

    def canonical(self, archs: ArrayLike) -> NDArray[np.int64]:
        """The lexicographically smallest row of the class (:mod:`archcast.spaces.darts.canonical`)."""
        return canonical(self.validate(archs), self.kind)

    # -- network ------------------------------------------------------------------------------------------------------

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        return costs(rows, self.kind, task.pixels, convention, pruned, **self.image_sizes(task))

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """DARTS' CIFAR network as NAS-Bench-301 trained it: ``depth`` (8) cells in all, reduction cells after a third and two
        thirds of them, ``width`` (32) channels, a stem of three times as many. Auxiliary head and drop path, which serve
        training alone, are left out. The first node takes both inputs and every node is
        in the output, so no part is dead and ``pruned`` changes nothing."""
        from archcast.spaces.darts.network import Network

        row = self.validate(arch, allow_empty=False)[0].tolist()
        return Network(row[: 4 * NODES], row[4 * NODES :], self.kind, pruned, **self.image_sizes(task))
