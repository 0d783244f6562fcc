"""The supernet of NAS-Bench-201: every edge of every cell holds all five operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archcast.errors import InvalidInputError
from archcast.spaces.base import SearchSpace
from archcast.spaces.edge_cells import EDGES
from archcast.spaces.nasbench201.network import CONV1, CONV3, NONE, POOL, SKIP, live_edges
from archcast.supernets.base import Norm, Supernet, active_choices, normalise
from archcast.supernets.mixtures import Mixture

__all__ = ["MixedCell", "Network"]

KERNELS = {CONV1: 1, CONV3: 3}


def relu_conv_norm(c_in: int, c_out: int, kernel: int, affine: bool, stride: int = 1) -> nn.Sequential:
    """ReLU, convolution without bias, batch norm by the statistics of the batch."""
    convolution = nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, Norm(c_out, affine))


def pooled(x: Tensor) -> Tensor:
    """Average of the pixels around each that are inside the image."""
    return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def shuffled(x: Tensor, groups: int) -> Tensor:
    """Channels of ``groups`` groups in turn (Zhang et al. 2018, https://arxiv.org/abs/1707.01083)."""
    b, c, h, w = x.shape
    return x.view(b, groups, c // groups, h, w).transpose(1, 2).reshape(b, c, h, w)


class MixedCell(nn.Module):
    """A cell of four nodes; the six edges hold two convolutions each, and need no weights for the other operations.

    Args:
        channels: of its input and output.
        affine: whether batch norm learns a scale and a shift.
        partial: operations see the first of so many equal groups of channels; the others pass by, and the groups are
            shuffled (PC-DARTS).

    Attributes:
        partial: groups as they are now; :meth:`narrow` makes them more than the kernels have room for.
    """

    def __init__(self, channels: int, affine: bool = True, partial: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.partial = partial
        self.seen = channels // partial
        self.edges = nn.ModuleList(
            nn.ModuleDict({str(op): relu_conv_norm(self.seen, self.seen, k, affine) for op, k in KERNELS.items()})
            for _ in EDGES
        )

    def narrow(self, partial: int) -> None:
        """Operations see one in ``partial`` groups from now on: convolutions take the first of their channels."""
        self.partial, self.seen = partial, self.channels // partial

    def convolved(self, block: nn.Sequential, x: Tensor) -> Tensor:
        """A convolution of an edge, on as many of its channels as operations see."""
        convolution = block[1]
        assert isinstance(convolution, nn.Conv2d)
        if convolution.in_channels == self.seen:
            out: Tensor = block(x)
        else:
            kernel = convolution.weight[: self.seen, : self.seen]
            out = block[2](functional.conv2d(block[0](x), kernel, padding=convolution.padding))
        return out

    def operation(self, edge: int, op: int, x: Tensor) -> Tensor:
        """One operation of one edge, alone."""
        if op == SKIP and self.partial == 1:
            return x
        seen = x[:, : self.seen]
        if op == POOL:
            seen = pooled(seen)
        elif op in KERNELS:
            seen = self.convolved(self.edges[edge][str(op)], seen)  # type: ignore[index]
        return self._beside(seen, x)

    def path(self, x: Tensor, row: Sequence[int], live: Sequence[int]) -> Tensor:
        """One architecture; ``live`` are its edges that lead from the input to the output."""
        nodes: list[Tensor | None] = [x, None, None, None]
        for edge in live:
            i, j = EDGES[edge]
            source, so_far = nodes[i], nodes[j]
            assert source is not None
            value = self.operation(edge, row[edge], source)
            nodes[j] = value if so_far is None else so_far + value
        return torch.zeros_like(x) if nodes[3] is None else nodes[3]

    def mixture(self, x: Tensor, weights: Mixture, choices: Sequence[Sequence[int]], scales: Tensor | None) -> Tensor:
        """Each edge the sum of its operations by their weights, each node the sum of its edges (by ``scales``, if any).

        The convolutions of all edges from one node are one convolution.
        """
        nodes: list[Tensor | None] = [x, None, None, None]
        for i in range(3):
            source = nodes[i]
            if source is None:
                continue
            outgoing = [edge for edge, (start, _) in enumerate(EDGES) if start == i]
            for edge, value in self._spread(source, outgoing, weights, choices):
                j, scaled = EDGES[edge][1], value if scales is None else scales[edge] * value
                so_far = nodes[j]
                nodes[j] = scaled if so_far is None else so_far + scaled
        return torch.zeros_like(x) if nodes[3] is None else nodes[3]

    def _spread(
        self, source: Tensor, edges: Sequence[int], weights: Mixture, choices: Sequence[Sequence[int]]
    ) -> Iterator[tuple[int, Tensor]]:
        """The mixed output of each edge that has any."""
        seen = source[:, : self.seen] if self.partial > 1 else source
        parts: dict[int, list[Tensor]] = {edge: [] for edge in edges}
        for op in KERNELS:
            some = [edge for edge in edges if op in choices[edge]]
            if some:
                blocks = [self.edges[edge][str(op)] for edge in some]  # type: ignore[index]
                for edge, value in zip(some, _together(blocks, functional.relu(seen), self.seen), strict=True):
                    parts[edge].append(weights[edge][op] * value)
        if any(POOL in choices[edge] for edge in edges):
            small = pooled(seen)
        for edge in edges:
            if POOL in choices[edge]:
                parts[edge].append(weights[edge][POOL] * small)
            if SKIP in choices[edge]:
                parts[edge].append(weights[edge][SKIP] * seen)
            if parts[edge]:
                total = parts[edge][0]
                for part in parts[edge][1:]:
                    total = total + part
                yield edge, self._beside(total, source)

    def _beside(self, seen: Tensor, x: Tensor) -> Tensor:
        """What was operated on, beside the channels that pass by."""
        return seen if self.partial == 1 else shuffled(torch.cat([seen, x[:, self.seen :]], dim=1), self.partial)


def _together(blocks: Sequence[nn.Module], activated: Tensor, seen: int) -> Sequence[Tensor]:
    """Outputs of several convolutions of equal shape with their batch norms, as one convolution and one norm, on the first
    ``seen`` of their channels."""
    convolutions, layers = [block[1] for block in blocks], [block[2] for block in blocks]  # type: ignore[index]
    if len(blocks) == 1 and convolutions[0].in_channels == seen:
        return [layers[0](convolutions[0](activated))]
    kernel = torch.cat([convolution.weight[:seen, :seen] for convolution in convolutions])
    out = functional.conv2d(activated, kernel, padding=convolutions[0].padding)
    affine = layers[0].weight is not None
    scale, shift = (
        (torch.cat([layer.weight for layer in layers]), torch.cat([layer.bias for layer in layers]))
        if affine
        else (None, None)
    )
    return normalise(out, scale, shift, layers[0].calibration).chunk(len(blocks), dim=1)


class Residual(nn.Module):
    """The reduction block between stages, as in the stand-alone network, by the statistics of the batch."""

    def __init__(self, c_in: int, c_out: int, affine: bool) -> None:
        super().__init__()
        self.conv_a = relu_conv_norm(c_in, c_out, 3, affine, stride=2)
        self.conv_b = relu_conv_norm(c_out, c_out, 3, affine)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True), nn.Conv2d(c_in, c_out, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.downsample(x) + self.conv_b(self.conv_a(x))
        return out


class Network(Supernet):
    """NAS-Bench-201's supernet: the stem, residual blocks and head of the stand-alone network around mixed cells.

    All cells share the architecture, none its weights. With the weights of one row, a path's logits are those of the
    stand-alone network of the row without its dead edges, in training mode.

    Args:
        space: NAS-Bench-201.
        channels, classes, width, depth, stages: as of the stand-alone network.
        affine, partial: as of :class:`MixedCell`; stem, residual blocks and head always learn scales and shifts.
    """

    edge_ends = tuple(end for _, end in EDGES)
    skips, nones = (SKIP,), (NONE,)

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
        self._check_groups(width, partial)
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), Norm(width))
        self.cells = nn.ModuleList()
        for stage in range(stages):
            if stage:
                self.cells.append(Residual(width, 2 * width, True))
                width *= 2
            self.cells.extend(MixedCell(width, affine, partial) for _ in range(depth))
        self.last = nn.Sequential(Norm(width), nn.ReLU())
        self.classifier = nn.Linear(width, classes)

    @staticmethod
    def _check_groups(width: int, partial: int) -> None:
        if width % partial:
            raise InvalidInputError(
                f"task.width is {width}: it must be a multiple of {partial}, the groups of channels."
            )

    def narrow(self, partial: int) -> None:
        """As in :class:`Supernet`."""
        for block in self.cells:
            if isinstance(block, MixedCell):
                self._check_groups(block.channels, partial)
                block.narrow(partial)

    @torch.no_grad()
    def widen(self, partial: int) -> None:
        """As in :class:`Supernet`: channel k of the new ones is a copy of channel k modulo the old ones, and what takes it in has
        its weight divided by the number of copies."""
        for block in self.cells:
            if not isinstance(block, MixedCell):
                continue
            before, after = block.seen, block.channels // partial
            source = torch.arange(after) % before
            copies = torch.bincount(source)[source]
            for kernel in block.edges.parameters():
                if kernel.ndim == 4:  # of a convolution
                    old = kernel[:before, :before].clone()
                    kernel[:after, :after] = old[source][:, source] / copies.to(kernel)[None, :, None, None]
        self.narrow(partial)

    def mixture(
        self,
        x: Tensor,
        weights: Mixture,
        active: NDArray[np.bool_] | None = None,
        scales: Tensor | None = None,
    ) -> Tensor:
        """As in :class:`Supernet`; ``scales`` ``(6,)`` weigh the edges."""
        choices = active_choices(weights) if active is None else [np.flatnonzero(part).tolist() for part in active]
        x = self.stem(x)
        for block in self.cells:
            x = block.mixture(x, weights, choices, scales) if isinstance(block, MixedCell) else block(x)
        return self._head(x)

    def paths(self, x: Tensor, rows: NDArray[np.int64]) -> Iterator[tuple[int, Tensor]]:
        """As in :class:`Supernet`. Rows are taken in lexicographic order: node 1 depends on the first decision, node 2 on the
        first three, so what leaves them is kept until these decisions change, by edge and operation."""
        first, *others = self.cells
        assert isinstance(first, MixedCell)
        nodes = {0: _Node((), self.stem(x))}
        for number in np.lexsort(rows.T[::-1]).tolist():
            row: list[int] = rows[number].tolist()
            live = live_edges(row)
            for j in (1, 2, 3):
                tag = tuple((edge, row[edge]) for edge in live if EDGES[edge][1] <= j)
                incoming = [edge for edge in live if EDGES[edge][1] == j]
                if incoming and (j not in nodes or nodes[j].tag != tag):
                    total = None
                    for edge in incoming:
                        value = nodes[EDGES[edge][0]].output(first, edge, row[edge])
                        total = value if total is None else total + value
                    assert total is not None
                    nodes[j] = _Node(tag, total)
            out = nodes[3].value if live else torch.zeros_like(nodes[0].value)
            for block in others:
                out = block.path(out, row, live) if isinstance(block, MixedCell) else block(out)
            yield number, self._head(out)

    def _head(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.last(x).mean(dim=(2, 3)))
        return out

    def inherited(self, row: NDArray[np.int64]) -> dict[str, Tensor]:
        """As in :class:`Supernet`; of a supernet whose operations see all channels and whose norms are affine."""
        row = np.asarray(row)
        live = {(str(edge), str(row[edge])) for edge in live_edges(row.tolist())}
        weights = {}
        for name, value in self.state_dict().items():
            parts = name.split(".")
            if parts[0] == "cells" and parts[2] == "edges":
                if (parts[3], parts[4]) not in live:
                    continue
                del parts[4]
            weights[".".join(parts)] = value
        return weights

    def takes(self, name: str, row: NDArray[np.int64]) -> bool:
        parts = name.split(".")
        if "edges" not in parts:
            return True
        edge, op = (int(part) for part in parts[3:5])
        return row[edge] == op and edge in live_edges(row.tolist())

    def has_path(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.array([bool(live_edges(row)) for row in rows.tolist()], dtype=bool)

    def mixes_something(self, active: NDArray[np.bool_]) -> bool:
        return bool(live_edges([int(part[1:].any()) for part in active]))


class _Node:
    """A node of the first cell, and what was made of it so far: by edge, as two edges hold different weights."""

    def __init__(self, tag: tuple[tuple[int, int], ...], value: Tensor) -> None:
        self.tag = tag
        self.value = value
        self.outputs: dict[tuple[int, int], Tensor] = {}

    def output(self, cell: MixedCell, edge: int, op: int) -> Tensor:
        if (edge, op) not in self.outputs:
            self.outputs[edge, op] = cell.operation(edge, op, self.value)
        return self.outputs[edge, op]
