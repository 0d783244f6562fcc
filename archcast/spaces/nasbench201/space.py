"""NAS-Bench-201, also NATS-Bench's topology space: 15,625 cells with one of five operations on each of six edges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT, CONVOLUTION, IDENTITY, NOTHING, POOLING, Operation
from archcast.spaces.base import Task, register
from archcast.spaces.edge_cells import EDGES, EdgeCellSpace
from archcast.spaces.nasbench201.costs import costs

if TYPE_CHECKING:
    import torch

__all__ = ["NASBench201"]


@register(
    "nasbench201",
    summary="4-node cells, 5 operations on 6 edges; 15,625 rows",
    paper="Dong & Yang 2020, https://arxiv.org/abs/2001.00326",
    size=15_625,
    buildable=True,
)
class NASBench201(EdgeCellSpace):
    """NAS-Bench-201 (Dong & Yang 2020, https://arxiv.org/abs/2001.00326).

    A row holds the operation of the edges 0->1, 0->2, 1->2, 0->3, 1->3, 2->3: 0 none, 1 skip_connect, 2 nor_conv_1x1,
    3 nor_conv_3x3, 4 avg_pool_3x3.

    :meth:`canonical` is equal exactly for pruned cells that are the same function whatever the weights: dead edges are dropped,
    skips followed, sums unordered, and average pooling is linear. The 15,625 cells are 4,660 functions.

    Examples:
        >>> space = NASBench201()
        >>> space.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|")
        array([[3, 0, 1, 0, 0, 4]])
        >>> space.format([[3, 0, 1, 0, 0, 4]])[0]
        '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|'
    """

    name = "nasbench201"
    operations: Mapping[str, Operation] = {
        "none": Operation(NOTHING),
        "skip_connect": Operation(IDENTITY),
        "nor_conv_1x1": Operation(CONVOLUTION, weight=1),
        "nor_conv_3x3": Operation(CONVOLUTION, weight=9, reach=3),
        "avg_pool_3x3": Operation(POOLING, reach=3),
    }
    cardinalities = (5,) * 6
    sizes: Mapping[str, int] = {"width": 16, "depth": 5, "stages": 3}
    tasks: Mapping[str, Task] = {
        "cifar10": Task(),
        "cifar100": Task(classes=100),
        "imagenet16-120": Task((3, 16, 16), 120),
    }

    def _parse(self, text: str) -> list[int]:
        match = re.fullmatch(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|", text)
        if match is None:
            raise InvalidInputError("expected |op~0|+|op~0|op~1|+|op~0|op~1|op~2|")
        names = list(self.operations)
        unknown = set(match.groups()) - set(names)
        if unknown:
            raise InvalidInputError(f"{min(unknown)!r} is not one of {', '.join(names)}")
        return [names.index(name) for name in match.groups()]

    def format(self, archs: ArrayLike) -> list[str]:
        names = [[f"|{op}~{i}" for op in self.operations] for i, _ in EDGES]
        return [
            f"{names[0][a]}|+{names[1][b]}{names[2][c]}|+{names[3][d]}{names[4][e]}{names[5][f]}|"
            for a, b, c, d, e, f in self.validate(archs).tolist()
        ]

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        live = self.graphs(rows).pruned().operations[:, 1:-1] != ABSENT
        built = np.where(live, rows, 0) if pruned else rows
        return costs(built, live, task.pixels, convention, **self.image_sizes(task))

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of Dong & Yang 2020: stem, ``stages`` (3) of ``depth`` (5) cells of ``width`` (16) channels, doubling,
        residual blocks of stride 2 between them, global average pooling.

        As in the benchmark, edges that lead nowhere or start at a node that nothing reaches are in the network;
        ``pruned=True`` leaves them out.
        """
        from archcast.spaces.nasbench201.network import Network

        row = self.validate(arch, allow_empty=False)[0].tolist()
        return Network(row, pruned=pruned, **self.image_sizes(task))
