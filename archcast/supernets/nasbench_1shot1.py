"""The supernets of NAS-Bench-1Shot1: every choice block holds all operations, every edge may be there (Zela et al. 2020)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace
from archcast.spaces.nasbench101 import EDGES
from archcast.spaces.nasbench101.cell import NODES, OPERATIONS
from archcast.spaces.nasbench101.network import CONV1, CONV3, POOL
from archcast.spaces.nasbench_1shot1 import NASBench1Shot1
from archcast.supernets.base import Norm, Supernet, active_choices
from archcast.supernets.mixtures import Mixture

__all__ = ["Network"]

KERNELS = {CONV3: 3, CONV1: 1}
LEAST = 0.01
"""A block whose edges weigh less than this in all fades out, instead of sharing out its operations by noise."""
Channels = Tensor | slice
Edge = tuple[int, int]


@dataclass(frozen=True)
class _Plan:
    """What of a cell is computed: the nodes and edges between its input and its output.

    Attributes:
        sources: live node -> live nodes that it takes in; the output comes last and is always there.
        operations: live block -> its operations with their weights, ``None`` for 1.
        gates: weights of edges; those that are not there have 1.
    """

    sources: dict[int, list[int]]
    operations: dict[int, list[tuple[int, Tensor | None]]]
    gates: dict[Edge, Tensor]

    def gated(self, edge: Edge, value: Tensor) -> Tensor:
        return self.gates[edge] * value if edge in self.gates else value

    def widths(self, shared: int, c_out: int, most: int) -> dict[int, int]:
        """Channels of each block, as in NAS-Bench-101: the blocks that feed the output share its channels, another has as many as
        the widest that it feeds. With more of them than ``shared``, as in mixtures, and never above it, all have ``most``."""
        *blocks, end = self.sources
        last = [k for k in self.sources[end] if k]
        if len(last) > shared:
            return dict.fromkeys(blocks, most)
        found = {k: min(most, c_out // len(last) + (place < c_out % len(last))) for place, k in enumerate(last)}
        for k in reversed(blocks):
            if k not in found:
                found[k] = max(found[j] for j in blocks if k in self.sources[j])
        return found


def _live(edges: Iterable[Edge], end: int) -> dict[int, list[int]]:
    """Live node -> live nodes that it takes in, in order; the output ``end`` is there even if nothing reaches it."""
    edges = sorted(edges, key=lambda edge: edge[1])
    reached, leads = {0}, {end}
    for i, j in edges:
        if i in reached:
            reached.add(j)
    for i, j in reversed(edges):
        if j in leads:
            leads.add(i)
    live = reached & leads
    nodes = sorted((live - {0}) | {end})
    return {node: sorted(i for i, j in edges if j == node and i in live) for node in nodes}


class _Unit(nn.Module):
    """Convolution without bias, batch norm, ReLU, of which some channels are computed."""

    def __init__(self, c_in: int, c_out: int, kernel: int, affine: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False)
        self.norm = Norm(c_out, affine)

    def parts(self, given: Channels, out: Channels) -> list[Tensor]:
        """The weights of these channels: kernel, and scale and shift where there are any."""
        kernel = self.conv.weight[out][:, given]
        if self.norm.weight is None or self.norm.bias is None:
            return [kernel]
        return [kernel, self.norm.weight[out], self.norm.bias[out]]

    def forward(self, x: Tensor, given: Channels, out: Channels) -> Tensor:
        x = functional.conv2d(x, self.parts(given, out)[0], padding=self.conv.padding)
        return functional.relu(self.norm.part(x, out))


class _Cell(nn.Module):
    """Choice blocks of ``most`` channels each. The output has a place for every channel of every block.

    ``(b, c, h, w)`` of the channels ``given`` of all that the cell before has -> the same of its own.
    """

    def __init__(self, blocks: int, shared: int, c_in: int, c_out: int, affine: bool) -> None:
        super().__init__()
        self.shared, self.c_out = shared, c_out
        self.most = -(-c_out // (shared - 1))  # of a row whose output takes in the input too
        self.all = blocks * self.most
        self.inputs = nn.ModuleList(_Unit(c_in, self.most, 1, affine) for _ in range(blocks))
        self.output = _Unit(c_in, self.all, 1, affine)
        self.operations = nn.ModuleList(
            nn.ModuleDict({str(op): _Unit(self.most, self.most, k, affine) for op, k in KERNELS.items()})
            for _ in range(blocks)
        )

    def places(self, plan: _Plan) -> tuple[dict[int, int], Tensor]:
        """Channels of each block, and which of all channels of the output are there."""
        widths = plan.widths(self.shared, self.c_out, self.most)
        last = [k for k in list(plan.sources.values())[-1] if k]
        parts = [torch.arange(widths[k]) + (k - 1) * self.most for k in last] or [torch.arange(self.all)]
        return widths, torch.cat(parts).to(self.output.conv.weight.device)

    def forward(self, x: Tensor, given: Channels, plan: _Plan) -> tuple[Tensor, Tensor]:
        widths, places = self.places(plan)
        *blocks, end = plan.sources
        nodes = {0: x}
        for k in blocks:
            some, total = slice(widths[k]), None
            for i in plan.sources[k]:
                value = nodes[i][:, some] if i else self.inputs[k - 1](x, given, some)
                value = plan.gated((i, k), value)
                total = value if total is None else total + value
            assert total is not None
            nodes[k] = self._operated(k, total, some, plan)
        last = [plan.gated((k, end), nodes[k]) for k in plan.sources[end] if k]
        out = torch.cat(last, dim=1) if last else x.new_zeros(len(x), len(places), *x.shape[2:])
        if 0 in plan.sources[end]:
            out = out + plan.gated((0, end), self.output(x, given, places))
        return out, places

    def _operated(self, block: int, x: Tensor, some: slice, plan: _Plan) -> Tensor:
        out = None
        for op, weight in plan.operations[block]:
            value = self._operation(block, op, x, some)
            value = value if weight is None else weight * value
            out = value if out is None else out + value
        assert out is not None
        return out

    def _operation(self, block: int, op: int, x: Tensor, some: slice) -> Tensor:
        if op == POOL:
            return functional.max_pool2d(x, 3, 1, padding=1)
        out: Tensor = self.operations[block - 1][str(op)](x, some, some)  # type: ignore[index]
        return out


class Network(Supernet):
    """The supernet of a space of NAS-Bench-1Shot1 (Zela et al. 2020, https://arxiv.org/abs/2001.10422).

    **Paths.** A path is the network of NAS-Bench-101 of the row's cell, with the weights of the path, for every row: dead blocks
    are left out, and a block has as many channels as there, the first ones of its own. In NAS-Bench-101 the cell's input reaches
    a block or the output through a 1x1 projection; the output concatenates its blocks, each of which has places of its own here,
    and a projection of the next cell takes the part of its kernel that belongs to these places. What differs from a stand-alone
    network is the batch norm, by the statistics of the batch, and the bound of the initial weights, which follows the number of
    inputs of the whole kernel.

    **Mixtures.** A decision is an edge, from the input or a block to a block or the output, of four choices: none, or that it is
    there and the block at its end has operation k. With weights p[e, k], an edge is multiplied by g[e] = sum_k>0 p[e, k], and a
    block outputs sum_k q[k] op_k(sum_e g[e] x[e]), where q[k] is the share of k in the p[e, k] of all edges into it. Into the
    output the three choices mean the same. A row is the mixture of ones and zeros whose edges into a block name one operation.
    While more blocks feed the output than any row has, all blocks have as many channels as the widest block of any row. The
    paper's mixture chooses operations and parents by a softmax each; here they are one decision, as methods that learn a
    mixture take decisions of equal size.

    A mixture becomes a row as in the paper: each block and the output keep the parents of largest g, as many as the space says,
    and the operation of largest weight on these edges.

    Args:
        space: one of NAS-Bench-1Shot1.
        channels, classes, width, depth, stages: as of the stand-alone network.
        affine: whether the norms of cells learn a scale and a shift.
    """

    nones = (0,)

    def __init__(
        self,
        space: SearchSpace,
        *,
        channels: int,
        classes: int,
        width: int,
        depth: int,
        stages: int,
        affine: bool = True,
        partial: int = 1,
    ) -> None:
        super().__init__(space)
        assert isinstance(space, NASBench1Shot1)
        self.narrow(partial)
        self.parents = space.parents
        blocks, shared = len(self.parents) - 1, self.parents[-1]
        if width < shared:
            raise InvalidInputError(
                f"task.width is {width}: it must be at least {shared}, as so many blocks share the channels of a cell."
            )
        self.end = blocks + 1
        self.edges = tuple((i, j) for j in range(1, self.end + 1) for i in range(j))
        self.edge_ends = tuple(j for _, j in self.edges)
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), Norm(width), nn.ReLU())
        self.cells = nn.ModuleList()
        self.depth, given = depth, width
        for number in range(stages * depth):
            width = 2 * width if number and number % depth == 0 else width
            cell = _Cell(blocks, shared, given, width, affine)
            self.cells.append(cell)
            given = cell.all
        self.classifier = nn.Linear(given, classes)

    @property
    def mixed_shape(self) -> tuple[int, int]:
        return len(self.edges), 1 + len(OPERATIONS)

    def choices_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(n, edges)``: 0 where an edge is not there, else 1 + the operation at its end, and 1 into the output."""
        assert isinstance(self.space, NASBench1Shot1)
        cells, number = self.space.cells(rows), {edge: k for k, edge in enumerate(EDGES)}
        columns = []
        for i, j in self.edges:
            if j == self.end:
                columns.append(cells[:, number[i, NODES - 1]])
            else:
                columns.append(cells[:, number[i, j]] * (1 + cells[:, len(EDGES) + j - 1]))
        return np.stack(columns, axis=1)

    def shares(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As in :class:`Supernet`: none of either, as every row has as many edges as the space says."""
        return np.zeros(len(rows)), np.zeros(len(rows))

    def discretised(self, weights: NDArray[np.float64]) -> NDArray[np.int64]:
        made: dict[str, Any] = {}
        for node, count in enumerate(self.parents, start=1):
            edges = [edge for edge, (_, end) in enumerate(self.edges) if end == node]
            there = weights[edges, 1:].sum(axis=1)
            kept = sorted(np.argsort(-there, kind="stable")[:count].tolist())
            if node < self.end:
                best = int(weights[[edges[i] for i in kept], 1:].sum(axis=0).argmax())
                made[f"choice_block_{node}_op"] = OPERATIONS[best]
            made[f"choice_block_{node}_parents"] = kept
        return np.asarray(self.space.parse(json.dumps(made))[0])

    # -- forward ------------------------------------------------------------------------------------------------------

    def _forward(self, x: Tensor, plan: _Plan) -> Tensor:
        x, given = self.stem(x), slice(None)
        for number, cell in enumerate(self.cells):
            if number and number % self.depth == 0:
                x = functional.max_pool2d(x, 2, ceil_mode=True)
            x, given = cell(x, given, plan)
        return functional.linear(x.mean(dim=(2, 3)), self.classifier.weight[:, given], self.classifier.bias)

    def _plan_of(self, row: NDArray[np.int64]) -> _Plan:
        choices = dict(zip(self.edges, self.choices_of(np.asarray(row)[None])[0].tolist(), strict=True))
        sources = _live((edge for edge, choice in choices.items() if choice), self.end)
        return _Plan(sources, {k: [(choices[sources[k][0], k] - 1, None)] for k in list(sources)[:-1]}, {})

    def mixture(
        self,
        x: Tensor,
        weights: Mixture,
        active: NDArray[np.bool_] | None = None,
        scales: Tensor | None = None,
    ) -> Tensor:
        choices = active_choices(weights) if active is None else [np.flatnonzero(part).tolist() for part in active]
        there = {edge: [k for k in some if k] for edge, some in zip(self.edges, choices, strict=True)}
        sources = _live((edge for edge, some in there.items() if some), self.end)
        number = {edge: k for k, edge in enumerate(self.edges)}
        gates: dict[Edge, Tensor] = {}
        operations: dict[int, list[tuple[int, Tensor | None]]] = {}
        for node, some in sources.items():
            parts: dict[int, Tensor] = {}
            for edge in ((i, node) for i in some):
                given = weights[number[edge]]
                gate = given[there[edge]].sum()
                gates[edge] = gate if scales is None else gate * scales[number[edge]]
                for k in there[edge]:
                    parts[k] = parts[k] + given[k] if k in parts else given[k]
            if node != self.end:
                total = sum(list(parts.values())[1:], next(iter(parts.values()))).clamp_min(LEAST)
                operations[node] = [(k - 1, parts[k] / total) for k in sorted(parts)]
        return self._forward(x, _Plan(sources, operations, gates))

    def paths(self, x: Tensor, rows: NDArray[np.int64]) -> Iterator[tuple[int, Tensor]]:
        """As in :class:`Supernet`. Rows that are equal once pruned are computed once."""
        known: dict[str, Tensor] = {}
        for number, row in enumerate(rows):
            plan = self._plan_of(row)
            key = repr((plan.sources, plan.operations))
            if key not in known:
                known[key] = self._forward(x, plan)
            yield number, known[key]

    # -- what a path takes --------------------------------------------------------------------------------------------

    def inherited(self, row: NDArray[np.int64]) -> dict[str, Tensor]:
        """As in :class:`Supernet`; of a supernet whose norms are affine."""
        plan = self._plan_of(row)
        *blocks, end = plan.sources
        found = {f"stem.{name}": value for name, value in self.stem.state_dict().items()}
        given: Channels = slice(None)
        for number, module in enumerate(self.cells):
            cell: Any = module
            prefix = f"cells.{number + number // self.depth}."  # a pooling stands between two stages
            widths, places = cell.places(plan)
            units: dict[str, list[Tensor]] = {}
            for place, k in enumerate([*blocks, end], start=1):
                if 0 in plan.sources[k]:
                    unit = cell.output if k == end else cell.inputs[k - 1]
                    units[f"projections.{place}"] = unit.parts(given, places if k == end else slice(widths[k]))
                op = POOL if k == end else plan.operations[k][0][0]
                if op != POOL:
                    some = slice(widths[k])
                    units[f"operations.{place}"] = cell.operations[k - 1][str(op)].parts(some, some)
            for name, parts in units.items():
                names = ("0.weight", "1.weight", "1.bias")
                found |= {f"{prefix}{name}.{part}": value.detach() for part, value in zip(names, parts, strict=True)}
            given = places
        weight, bias = self.classifier.weight.detach(), self.classifier.bias.detach()
        return found | {"classifier.weight": weight[:, given], "classifier.bias": bias}

    def takes(self, name: str, row: NDArray[np.int64]) -> bool:
        parts = name.split(".")
        if parts[0] != "cells":
            return True
        plan = self._plan_of(row)
        if parts[2] == "output":
            return 0 in plan.sources[self.end]
        block = int(parts[3]) + 1
        if block not in plan.sources:
            return False
        return 0 in plan.sources[block] if parts[2] == "inputs" else plan.operations[block][0][0] == int(parts[4])

    def mixes_something(self, active: NDArray[np.bool_]) -> bool:
        there = [bool(part[1:].any()) for part in np.asarray(active)]
        return bool(_live((edge for edge, some in zip(self.edges, there, strict=True) if some), self.end)[self.end])

    def has_path(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Every row has one: each block has a parent."""
        return np.ones(len(rows), dtype=bool)
