"""TransNAS-Bench-101, macro space: 3,256 skeletons of four to six modules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import CONVOLUTION, Operation
from archcast.spaces.base import Task, register
from archcast.spaces.chains import ChainSpace
from archcast.spaces.transnasbench101.costs import macro_costs
from archcast.spaces.transnasbench101.layers import HALVES, SIZES, STEM_HALVES, TASKS, check_task

if TYPE_CHECKING:
    import torch

__all__ = ["TransNASBench101Macro"]


@register(
    "transnasbench101-macro",
    summary="4 to 6 modules that may halve the resolution or double the channels, 7 vision tasks; 3,256 rows",
    paper="Duan et al. 2021, https://arxiv.org/abs/2105.11871",
    size=3_256,
    buildable=True,
)
class TransNASBench101Macro(ChainSpace):
    """TransNAS-Bench-101's macro space (Duan et al. 2021, https://arxiv.org/abs/2105.11871).

    A row holds six modules of two residual blocks: 1 normal, 2 double the channels, 3 halve the resolution, 4 both; 0 stands for a
    module that is not there, in the last two places only. One to four modules halve the resolution and one to three double
    the channels. All rows are different functions. The notation is the benchmark's, ``64-1234-basic``: base channels,
    modules, kind of block.

    Examples:
        >>> space = TransNASBench101Macro()
        >>> space.parse("64-1234-basic")
        array([[1, 2, 3, 4, 0, 0]])
        >>> len(space.enumerate())
        3256
    """

    name = "transnasbench101-macro"
    operations: Mapping[str, Operation] = {
        "normal": Operation(CONVOLUTION, weight=1, reach=3),
        "double": Operation(CONVOLUTION, weight=2, reach=3, widens=2),
        "halve": Operation(CONVOLUTION, weight=1, reach=3, stride=2),
        "double-and-halve": Operation(CONVOLUTION, weight=2, reach=3, widens=2, stride=2),
    }
    cardinalities = (5,) * 6
    columns = tuple(f"module{k}" for k in range(1, 7))
    sizes = SIZES
    tasks = TASKS

    def is_valid(self, archs: NDArray[np.int64]) -> NDArray[np.bool_]:
        present = archs > 0
        halved, doubled = (archs >= 3).sum(axis=1), np.isin(archs, (2, 4)).sum(axis=1)
        ordered = present[:, :4].all(axis=1) & (present[:, 4] | ~present[:, 5])
        return ordered & (halved >= 1) & (halved <= 4) & (doubled >= 1) & (doubled <= 3)

    def layers(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        return archs - 1

    def _parse(self, text: str) -> list[int]:
        match = re.fullmatch(r"64-([1-4]{4,6})-basic", text)
        if match is None:
            raise InvalidInputError("expected 64-, four to six digits from 1 to 4, -basic")
        return [int(digit) for digit in match[1].ljust(6, "0")]

    def format(self, archs: ArrayLike) -> list[str]:
        return [f"64-{''.join(map(str, row)).rstrip('0')}-basic" for row in self.validate(archs).tolist()]

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        """As in every space; the published tables follow ``tensorwatch``, which counts one of the nine tiles of a jigsaw and no
        transposed convolution."""
        rows, task = self.validate(archs), self._checked(archs, task)
        return macro_costs(rows, task, convention, **self.size_of(task))

    def _checked(self, archs: ArrayLike, task: Task | str | None) -> Task:
        """The task, if networks of these rows can learn it."""
        task = self.task_of(task)
        check_task(task, self.name, tuple(STEM_HALVES + np.isin(self.validate(archs), HALVES).sum(axis=1)))
        return task

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of Duan et al. 2021: two convolutions of stride two to ``width`` (64) channels, the modules of ``depth`` (2)
        residual blocks, and a head.

        The head follows from the task: a vector from averaged features, a decoder of 3x3 convolutions for an image of
        classes or of numbers (:mod:`archcast.spaces.transnasbench101.layers`). ``tasks`` names the seven of the paper.
        No part is dead, so ``pruned`` changes nothing.
        """
        from archcast.spaces.transnasbench101.network import macro_network

        row, task = self.validate(arch, allow_empty=False)[0], self._checked(arch, task)
        return macro_network(row[row > 0].tolist(), task, **self.size_of(task))
