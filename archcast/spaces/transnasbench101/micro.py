"""TransNAS-Bench-101, micro space: 4,096 cells with one of four operations on each of six edges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import ABSENT, CONVOLUTION, IDENTITY, NOTHING, Operation
from archcast.spaces.base import Task, register
from archcast.spaces.edge_cells import EdgeCellSpace
from archcast.spaces.transnasbench101.costs import micro_costs
from archcast.spaces.transnasbench101.layers import HALVES, SIZES, SKELETON, STEM_HALVES, TASKS, check_task

if TYPE_CHECKING:
    import torch

__all__ = ["TransNASBench101Micro"]


@register(
    "transnasbench101-micro",
    summary="4-node cells, 4 operations on 6 edges, 7 vision tasks; 4,096 rows",
    paper="Duan et al. 2021, https://arxiv.org/abs/2105.11871",
    size=4_096,
    buildable=True,
)
class TransNASBench101Micro(EdgeCellSpace):
    """TransNAS-Bench-101's cell space (Duan et al. 2021, https://arxiv.org/abs/2105.11871).

    A row holds the operation of the edges 0->1, 0->2, 1->2, 0->3, 1->3, 2->3: 0 none, 1 skip_connect, 2 nor_conv_1x1,
    3 nor_conv_3x3; there is no pooling. The notation is the benchmark's, ``64-41414-a_bc_def``: base channels, skeleton
    and the row; the six digits alone are read too.

    Every other cell of the skeleton halves the resolution: its edges from the input have stride two, where a skip is a learned
    projection. Such a skip is therefore not followed by :meth:`canonical`; one from another node is.

    Examples:
        >>> space = TransNASBench101Micro()
        >>> space.parse(["64-41414-1_02_333", "102333"])
        array([[1, 0, 2, 3, 3, 3],
               [1, 0, 2, 3, 3, 3]])
        >>> space.format([[1, 0, 2, 3, 3, 3]])
        ['64-41414-1_02_333']
    """

    name = "transnasbench101-micro"
    operations: Mapping[str, Operation] = {
        "none": Operation(NOTHING),
        "skip_connect": Operation(IDENTITY),
        "nor_conv_1x1": Operation(CONVOLUTION, weight=1),
        "nor_conv_3x3": Operation(CONVOLUTION, weight=9, reach=3),
    }
    cardinalities = (4,) * 6
    strided = True
    sizes = SIZES
    tasks = TASKS

    def _parse(self, text: str) -> list[int]:
        if not re.fullmatch(r"64-41414-[0-3]_[0-3]{2}_[0-3]{3}|[0-3]{6}", text):
            raise InvalidInputError("expected 64-41414-a_bc_def or the six digits alone, each 0 to 3")
        return [int(digit) for digit in text.removeprefix("64-41414-").replace("_", "")]

    def format(self, archs: ArrayLike) -> list[str]:
        return ["64-41414-{}_{}{}_{}{}{}".format(*row) for row in self.validate(archs).tolist()]

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        """As in every space; the published tables follow ``tensorwatch``, which counts one of the nine tiles of a jigsaw and no
        transposed convolution."""
        rows, task = self.validate(archs), self._checked(archs, task)
        live = self.graphs(rows).pruned().operations[:, 1:-1] != ABSENT
        built = np.where(live, rows, 0) if pruned else rows
        return micro_costs(built, live, task, convention, **self.size_of(task))

    def _checked(self, archs: ArrayLike, task: Task | str | None) -> Task:
        """The task, if networks of these rows can learn it."""
        task = self.task_of(task)
        check_task(task, self.name, (STEM_HALVES + sum(module in HALVES for module in SKELETON),))
        return task

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of Duan et al. 2021: two convolutions of stride two to ``width`` (64) channels, five modules of ``depth``
        (2) cells, of which the first, third and fifth halve the resolution and double the channels, and a head.

        The head follows from the task: a vector from averaged features, a decoder of 3x3 convolutions for an image of
        classes or of numbers (:mod:`archcast.spaces.transnasbench101.layers`). ``tasks`` names the seven of the paper.
        Dead edges are in the network, as in the benchmark; ``pruned=True`` leaves them out.
        """
        from archcast.spaces.transnasbench101.network import micro_network

        row, task = self.validate(arch, allow_empty=False)[0].tolist(), self._checked(arch, task)
        return micro_network(row, task, pruned=pruned, **self.size_of(task))
