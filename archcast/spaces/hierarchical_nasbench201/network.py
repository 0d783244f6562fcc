"""The networks of Schrodi et al.'s grammar (2023, https://arxiv.org/abs/2211.01842, appendix)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from archcast.costs.tally import halved
from archcast.spaces.grammar import Derivation
from archcast.spaces.hierarchical_nasbench201.topologies import EDGES, FLEXIBLE, HALVINGS, OPERATIONS, Convolution
from archcast.spaces.nasbench201.network import POOL, SKIP, Cell, Residual, operation

__all__ = ["Network", "fixed_cells", "flexible_cells"]

Shape = tuple[int, int]
MakeCell = Callable[[Derivation, int, Shape], nn.Module]
"""A cell of a derivation, for so many channels and maps of that height and width."""
LAYERS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "hardswish": nn.Hardswish, "mish": nn.Mish}


class Parts(nn.Module):
    """Parts on the edges of a small graph whose nodes are sums. ``(b, c, h, w)`` -> ``(b, c', h', w')``."""

    def __init__(self, derivation: Derivation, channels: int, shape: Shape, cell: MakeCell) -> None:
        super().__init__()
        self.edges = EDGES[str(derivation.parts[0])]
        given = {0: (channels, shape)}
        parts = []
        for (i, j), part in zip(self.edges, derivation.parts[1:], strict=True):
            parts.append(_part(part, *given[i], cell))
            wide, size = given[i]
            for _ in range(HALVINGS[part.symbol if isinstance(part, Derivation) else part]):
                wide, size = 2 * wide, halved(size)
            given[j] = wide, size
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        nodes = {0: x}
        for (i, j), part in zip(self.edges, self.parts, strict=True):
            value = part(nodes[i])
            nodes[j] = nodes[j] + value if j in nodes else value
        return nodes[max(nodes)]


def _part(part: Derivation | str, channels: int, shape: Shape, cell: MakeCell) -> nn.Module:
    if not isinstance(part, Derivation):
        return Residual(channels, 2 * channels)
    return cell(part, channels, shape) if part.symbol == "CELL" else Parts(part, channels, shape, cell)


def fixed_cells(pruned: bool) -> MakeCell:
    """Cells with NAS-Bench-201's operations."""
    return lambda part, channels, _: Cell(
        [OPERATIONS[str(edge.parts[0])] for edge in part.children], channels, channels, pruned
    )


def flexible_cells(pruned: bool, codes: Callable[[Derivation], list[int]]) -> MakeCell:
    """Cells with the operations of ``FLEXIBLE``, of which ``codes`` tells the numbers."""
    return lambda part, channels, shape: Cell(
        codes(part), channels, channels, pruned, partial(flexible_operation, shape=shape)
    )


def flexible_operation(op: int, c_in: int, c_out: int, shape: Shape) -> nn.Module:
    """The operation of ``FLEXIBLE`` with that number, for maps of that height and width."""
    kind = FLEXIBLE[op]
    if not isinstance(kind, Convolution):
        return operation(SKIP if kind is None else POOL, c_in, c_out)
    norms: dict[str, Callable[[], nn.Module]] = {
        "batch": lambda: nn.BatchNorm2d(c_out),
        "instance": lambda: nn.InstanceNorm2d(c_out, affine=True),
        "layer": lambda: nn.LayerNorm((c_out, *shape)),
    }
    groups = c_in if kind.depthwise else 1
    conv = nn.Conv2d(c_in, c_out, kind.kernel, padding=kind.kernel // 2, groups=groups, bias=False)
    return nn.Sequential(LAYERS[kind.activation](), conv, norms[kind.norm]())


class Network(nn.Module):
    """Stem, what the grammar derived, head. ``(b, channels, h, w)`` -> ``(b, classes)`` logits."""

    def __init__(
        self, derivation: Derivation, cell: MakeCell, shape: Shape, *, channels: int, classes: int, width: int
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.parts = Parts(derivation, width, shape, cell)
        last = width * 2 ** HALVINGS[derivation.symbol]
        self.last = nn.Sequential(nn.BatchNorm2d(last), nn.ReLU())
        self.classifier = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.last(self.parts(self.stem(x)))
        out: Tensor = self.classifier(torch.mean(features, dim=(2, 3)))
        return out
