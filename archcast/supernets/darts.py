"""The supernet of DARTS' cells: every edge of every cell holds all operations, ``none`` among them (Liu et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace
from archcast.spaces.darts.cell import INPUTS, NODES, OPERATIONS
from archcast.spaces.darts.network import FactorizedReduce, operation, relu_conv_bn
from archcast.supernets.base import Norm, Supernet, active_choices
from archcast.supernets.mixtures import Mixture

__all__ = ["EDGES", "Network", "with_batch_statistics"]

EDGES = tuple((source, INPUTS + k) for k in range(NODES) for source in range(INPUTS + k))
"""(source, node) of the fourteen edges of a cell."""
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
    """Fourteen edges of seven operations each; as the stand-alone cell apart from that."""

    def __init__(self, c0: int, c1: int, channels: int, reduction: bool, after_reduction: bool, affine: bool) -> None:
        super().__init__()
        self.channels, self.reduction = channels, reduction
        reduce = FactorizedReduce if after_reduction else relu_conv_bn
        self.preprocess0 = with_batch_statistics(reduce(c0, channels), True)
        self.preprocess1 = with_batch_statistics(relu_conv_bn(c1, channels), True)
        self.edges = nn.ModuleList(
            nn.ModuleList(
                with_batch_statistics(operation(op, channels, 2 if reduction and source < INPUTS else 1), affine)
                for op in range(len(OPERATIONS))
            )
            for source, _ in EDGES
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
                out = self.edges[edge][op](value)  # type: ignore[index]
                out = out if weight is None else weight * out
                so_far = nodes[node]
                nodes[node] = out if so_far is None else so_far + out
        empty = first[:, :, ::2, ::2] if self.reduction else first
        return torch.cat([torch.zeros_like(empty) if node is None else node for node in nodes[INPUTS:]], dim=1)


class Network(Supernet):
    """DARTS' supernet. A mixture has 28 decisions, the edges of the normal and of the reduction cell, of eight choices: none and
    the seven operations. It becomes a row as in the paper: each node keeps its two edges whose best operation, ``none`` left out,
    has the largest weight.

    Args:
        space: DARTS' cells.
        channels, classes, width, depth: as of the stand-alone network.
        affine: whether the norms of operations learn a scale and a shift.
    """

    edge_ends = (*(node for _, node in EDGES), *(NODES + INPUTS + node for _, node in EDGES))
    skips, nones = (1 + OPERATIONS.index("skip_connect"),), (NONE,)

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
        if partial != 1:
            raise InvalidInputError(f"The supernet of space {space.name!r} has no partial channels: take groups=1.")
        stem = 3 * width
        self.stem = nn.Sequential(nn.Conv2d(channels, stem, 3, padding=1, bias=False), Norm(stem))
        self.cells = nn.ModuleList()
        c0, c1, after_reduction = stem, stem, False
        for k in range(depth):
            reduction = k in (depth // 3, 2 * depth // 3)
            width = 2 * width if reduction else width
            self.cells.append(_Cell(c0, c1, width, reduction, after_reduction, affine))
            c0, c1, after_reduction = c1, NODES * width, reduction
        self.classifier = nn.Linear(c1, classes)

    @property
    def mixed_shape(self) -> tuple[int, int]:
        return 2 * len(EDGES), len(OPERATIONS) + 1

    def choices_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
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
        for cell in np.split(weights, 2):
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
            terms.append([(choice - 1, weights[edge][choice] * scale) for choice in part if choice != NONE])
        return self._forward(x, terms)

    def paths(self, x: Tensor, rows: NDArray[np.int64]) -> Iterator[tuple[int, Tensor]]:
        """As in :class:`Supernet`; one row after the other, as the first cell's whole output goes into the next."""
        for number, choices in enumerate(self.choices_of(rows).tolist()):
            yield number, self._forward(x, [[] if choice == NONE else [(choice - 1, None)] for choice in choices])

    def inherited(self, row: NDArray[np.int64]) -> dict[str, Tensor]:
        own, found = self.state_dict(), {}
        columns = np.asarray(row).reshape(2, 2 * NODES, 2).tolist()
        for name, value in own.items():
            parts = name.split(".")
            if parts[0] != "cells" or parts[2] != "edges":
                found[name] = value
                continue
            source, node = EDGES[int(parts[3])]
            half = columns[bool(self.cells[int(parts[1])].reduction)]
            for slot in (2 * (node - INPUTS), 2 * (node - INPUTS) + 1):
                if half[slot] == [source, int(parts[4])]:
                    found[".".join([*parts[:2], "operations", str(slot), *parts[5:]])] = value
        return found

    def mixes_something(self, active: NDArray[np.bool_]) -> bool:
        """Something reaches a node of each kind of cell, all of which the output concatenates."""
        return all(
            bool(half[[e for e, (s, _) in enumerate(EDGES) if s < INPUTS], 1:].any()) for half in np.split(active, 2)
        )

    def has_path(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Every architecture has one; what has two inputs from one source is none."""
        return self.space.is_valid(rows)
