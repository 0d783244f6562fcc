"""The supernet of DARTS' cells: every edge of every cell holds all operations, ``none`` among them (Liu et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archcast.spaces.base import SearchSpace
from archcast.spaces.darts.cell import INPUTS, NODES, living_cells
from archcast.spaces.darts.network import FactorizedReduce, named_operation, relu_conv_bn
from archcast.spaces.darts.reduced import EDGES, ReducedDARTS
from archcast.spaces.darts.space import DARTS
from archcast.supernets.base import Norm, Supernet, active_choices
from archcast.supernets.mixtures import Mixture

__all__ = ["EDGES", "Network", "with_batch_statistics"]

NONE = 0
"""Choice of an edge that is not there; choice k + 1 is operation k of the space."""


def with_batch_statistics(module: nn.Module, affine: bool) -> nn.Module:
    """The module with every batch norm exchanged for one by the statistics of the batch."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, Norm(child.num_features, affine))
        else:
            with_batch_statistics(child, affine)
    return module


class _Cell(nn.Module):
    """Fourteen edges of the operations allowed on each; as the stand-alone cell apart from that."""

    def __init__(
        self,
        c0: int,
        c1: int,
        channels: int,
        reduction: bool,
        after_reduction: bool,
        affine: bool,
        allowed: NDArray[np.bool_],
        operations: Sequence[str],
    ) -> None:
        super().__init__()
        self.channels, self.reduction = channels, reduction
        reduce = FactorizedReduce if after_reduction else relu_conv_bn
        self.preprocess0 = with_batch_statistics(reduce(c0, channels), True)
        self.preprocess1 = with_batch_statistics(relu_conv_bn(c1, channels), True)
        self.edges = nn.ModuleList(
            nn.ModuleDict(
                {
                    str(op): with_batch_statistics(
                        named_operation(operations[op], channels, 2 if reduction and source < INPUTS else 1), affine
                    )
                    for op in np.flatnonzero(allowed[edge]).tolist()
                }
            )
            for edge, (source, _) in enumerate(EDGES)
        )

    def forward(self, x0: Tensor, x1: Tensor, terms: Sequence[Sequence[tuple[int, Tensor | None]]]) -> Tensor:
        """``terms`` are the operations of each edge with their weights, ``None`` for 1."""
        nodes: list[Tensor | None] = [self.preprocess0(x0), self.preprocess1(x1), *[None] * NODES]
        first = nodes[0]
        assert first is not None
        for edge, (source, node) in enumerate(EDGES):
            value = nodes[source]
            if value is None:
                continue
            for op, weight in terms[edge]:
                out = self.edges[edge][str(op)](value)  # type: ignore[index]
                out = out if weight is None else weight * out
                so_far = nodes[node]
                nodes[node] = out if so_far is None else so_far + out
        empty = first[:, :, ::2, ::2] if self.reduction else first
        return torch.cat([torch.zeros_like(empty) if node is None else node for node in nodes[INPUTS:]], dim=1)


class Network(Supernet):
    """DARTS' supernet. A mixture has 28 decisions, the edges of the normal and of the reduction cell, of eight choices: none and
    the seven operations. It becomes a row as in the paper: each node keeps its two edges whose best operation, ``none`` left out,
    has the largest weight. Of a reduced space the choices are the few operations of the edge, in the order of the space's, after
    none where the space has it.

    Args:
        space: DARTS' cells.
        channels, classes, width, depth: as of the stand-alone network.
        affine: whether the norms of operations learn a scale and a shift.
    """

    edge_ends = (*(node for _, node in EDGES), *(NODES + INPUTS + node for _, node in EDGES))

    def __init__(
        self,
        space: SearchSpace,
        *,
        channels: int,
        classes: int,
        width: int,
        depth: int,
        affine: bool = True,
        partial: int = 1,
    ) -> None:
        super().__init__(space)
        self.narrow(partial)
        assert isinstance(space, DARTS)
        self.kind = space.kind
        operations = self.kind.operations
        allowed, none = np.ones((2, len(EDGES), len(operations)), dtype=bool), True
        if isinstance(space, ReducedDARTS):
            allowed, none = space.allowed, space.may_be_none
        self.offered = [
            [*([NONE] if none else []), *(1 + np.flatnonzero(edge)).tolist()] for cell in allowed for edge in cell
        ]
        """What each choice of a decision stands for: ``NONE``, or k + 1 for operation k."""
        skip = [k + 1 for k, name in enumerate(operations) if name == "skip_connect"]
        where = {tuple(k for k, op in enumerate(some) if op in skip) for some in self.offered}
        self.skips = where.pop() if len(where) == 1 else ()
        self.nones = (0,) if none else ()
        stem = 3 * width
        self.stem = nn.Sequential(nn.Conv2d(channels, stem, 3, padding=1, bias=False), Norm(stem))
        self.cells = nn.ModuleList()
        c0, c1, after_reduction = stem, stem, False
        for k in range(depth):
            reduction = k in (depth // 3, 2 * depth // 3)
            width = 2 * width if reduction else width
            some = allowed[int(reduction)]
            self.cells.append(_Cell(c0, c1, width, reduction, after_reduction, affine, some, operations))
            c0, c1, after_reduction = c1, NODES * width, reduction
        self.classifier = nn.Linear(c1, classes)

    @property
    def mixed_shape(self) -> tuple[int, int]:
        return 2 * len(EDGES), len(self.offered[0])

    def choices_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """As in :class:`Supernet`; an edge that is not taken is none where there is such a choice."""
        taken = self._taken(rows)
        local = np.full((len(self.offered), len(self.kind.operations) + 1), -1)
        for edge, some in enumerate(self.offered):
            local[edge, some] = np.arange(len(some))
        return local[np.arange(len(self.offered)), taken]

    def shares(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As in :class:`Supernet`: of the edges that are taken, none of which is none; noise counts as one."""
        names = np.array(self.kind.operations)[rows[:, 1::2]]
        return (names == "skip_connect").mean(axis=1), self.kind.is_noise(rows[:, 1::2]).mean(axis=1)

    def _taken(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n, 28)`` operation k of each edge as k + 1, ``NONE`` where it is not taken."""
        choices = np.full((len(rows), 2 * len(EDGES)), NONE)
        numbers = np.zeros((INPUTS + NODES, INPUTS + NODES), dtype=np.int64)
        for edge, ends in enumerate(EDGES):
            numbers[ends] = edge
        for cell in range(2):
            for slot in range(2 * NODES):
                source, op = rows[:, 4 * NODES * cell + 2 * slot], rows[:, 4 * NODES * cell + 2 * slot + 1]
                edges = numbers[source, INPUTS + slot // 2]
                choices[np.arange(len(rows)), len(EDGES) * cell + edges] = op + 1
        return choices

    def discretised(self, weights: NDArray[np.float64]) -> NDArray[np.int64]:
        row: list[int] = []
        spread = np.full((len(self.offered), len(self.kind.operations) + 1), -np.inf)
        for edge, some in enumerate(self.offered):
            spread[edge, some] = weights[edge]
        for cell in np.split(spread, 2):
            best = cell[:, 1:].max(axis=1)
            for node in range(INPUTS, INPUTS + NODES):
                edges = [edge for edge, (_, end) in enumerate(EDGES) if end == node]
                for edge in sorted(sorted(edges, key=lambda edge: -best[edge])[:2]):
                    row += [EDGES[edge][0], int(cell[edge, 1:].argmax())]
        return np.array(row, dtype=np.int64)

    def _forward(self, x: Tensor, terms: Sequence[Sequence[tuple[int, Tensor | None]]]) -> Tensor:
        x0 = x1 = self.stem(x)
        halves = terms[: len(EDGES)], terms[len(EDGES) :]
        for cell in self.cells:
            x0, x1 = x1, cell(x0, x1, halves[bool(cell.reduction)])
        out: Tensor = self.classifier(x1.mean(dim=(2, 3)))
        return out

    def mixture(
        self,
        x: Tensor,
        weights: Mixture,
        active: NDArray[np.bool_] | None = None,
        scales: Tensor | None = None,
    ) -> Tensor:
        choices = active_choices(weights) if active is None else [np.flatnonzero(part).tolist() for part in active]
        terms: list[list[tuple[int, Tensor | None]]] = []
        for edge, part in enumerate(choices):
            scale = 1.0 if scales is None else scales[edge]
            offered = self.offered[edge]
            terms.append([(offered[k] - 1, weights[edge][k] * scale) for k in part if offered[k] != NONE])
        return self._forward(x, terms)

    def paths(self, x: Tensor, rows: NDArray[np.int64]) -> Iterator[tuple[int, Tensor]]:
        """As in :class:`Supernet`; one row after the other, as the first cell's whole output goes into the next."""
        for number, choices in enumerate(self._taken(rows).tolist()):
            yield number, self._forward(x, [[] if choice == NONE else [(choice - 1, None)] for choice in choices])

    def inherited(self, row: NDArray[np.int64]) -> dict[str, Tensor]:
        own, found = self.state_dict(), {}
        columns = np.asarray(row).reshape(2, 2 * NODES, 2).tolist()
        used = self._used(np.asarray(row)[None])
        alive = [bool(one[0]) for one in living_cells(used)]
        place = np.cumsum(alive) - 1  # dead cells are left out
        for name, value in own.items():
            parts = name.split(".")
            if parts[0] != "cells":
                found[name] = value
                continue
            cell = int(parts[1])
            head = ["cells", str(place[cell])]
            if not alive[cell]:
                continue
            if parts[2] != "edges":
                if used[cell][0, int(parts[2].removeprefix("preprocess"))]:
                    found[".".join([*head, *parts[2:]])] = value
                continue
            source, node = EDGES[int(parts[3])]
            half = columns[bool(self.cells[cell].reduction)]
            for slot in (2 * (node - INPUTS), 2 * (node - INPUTS) + 1):
                if half[slot] == [source, int(parts[4])]:
                    found[".".join([*head, "operations", str(slot), *parts[5:]])] = value
        return found

    def _used(self, rows: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
        """For each cell ``(n, 2)`` the inputs that it depends on."""
        used = [self.kind.used_inputs(half) for half in np.split(rows, 2, axis=1)]
        return [used[bool(cell.reduction)] for cell in self.cells]

    def mixes_something(self, active: NDArray[np.bool_]) -> bool:
        """Something reaches a node of each kind of cell, all of which the output concatenates."""
        offered = np.array(self.offered)
        real = (offered != NONE) & ~self.kind.is_noise(offered - 1)
        return all(
            bool(half[[e for e, (s, _) in enumerate(EDGES) if s < INPUTS]].any()) for half in np.split(active & real, 2)
        )

    def has_path(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Every architecture has one, but where noise cuts all of them; what has two inputs from one source is none."""
        seen0 = seen1 = np.ones(len(rows), dtype=bool)  # whether the last two outputs depend on the image
        for used in self._used(rows):
            seen0, seen1 = seen1, (seen0 & used[:, 0]) | (seen1 & used[:, 1])
        return np.asarray(seen1 & self.space.is_valid(rows))
