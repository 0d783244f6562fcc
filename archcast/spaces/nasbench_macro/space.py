"""NAS-Bench-Macro: 6,561 chains of eight layers, each the identity or one of two inverted residual blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import CONVOLUTION, IDENTITY, Operation
from archcast.spaces.base import Task, register
from archcast.spaces.chains import ChainSpace
from archcast.spaces.nasbench_macro.costs import costs
from archcast.spaces.nasbench_macro.layers import STAGES

if TYPE_CHECKING:
    import torch

__all__ = ["NASBenchMacro"]


@register(
    "nasbench-macro",
    summary="8 layers in 3 stages: identity or one of two MobileNetV2 blocks; 6,561 rows",
    paper="Su et al. 2021, https://arxiv.org/abs/2103.11922",
    size=6_561,
    buildable=True,
)
class NASBenchMacro(ChainSpace):
    """NAS-Bench-Macro (Su et al. 2021, https://arxiv.org/abs/2103.11922).

    A row holds the kind of the eight layers, in stages of 2, 3 and 3: 0 identity, 1 MB3_K3 (MobileNetV2 block, expansion 3, kernel
    3), 2 MB6_K5. The notation is the eight digits.

    The first layer of a stage halves the resolution and doubles the channels; an identity there is a 1x1 convolution of stride
    two. After it an identity does nothing, so in a stage of three "identity, block" and "block, identity" are the same
    function: 3,969 classes.

    Examples:
        >>> space = NASBenchMacro()
        >>> space.format(space.canonical(space.parse("12110100")))
        ['12101100']
    """

    name = "nasbench-macro"
    operations: Mapping[str, Operation] = {
        "identity": Operation(IDENTITY),
        "mb3_k3": Operation(CONVOLUTION, weight=3, reach=3),
        "mb6_k5": Operation(CONVOLUTION, weight=6, reach=5),
    }
    cardinalities = (3,) * 8
    sizes: Mapping[str, int] = {"width": 32, "depth": 1}
    tasks: Mapping[str, Task] = {"cifar10": Task()}
    columns = tuple(f"layer{k}" for k in range(1, 9))

    def function_keys(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        keys = archs.copy()
        for first in np.cumsum(STAGES)[:-1]:
            rest = keys[:, first + 1 : first + 3]
            rest[:] = np.take_along_axis(rest, np.argsort(rest != 0, axis=1, kind="stable"), axis=1)
        return keys

    def _parse(self, text: str) -> list[int]:
        if not re.fullmatch(r"[0-2]{8}", text):
            raise InvalidInputError("expected eight digits from 0 to 2")
        return [int(digit) for digit in text]

    def format(self, archs: ArrayLike) -> list[str]:
        return ["".join(map(str, row)) for row in self.validate(archs).tolist()]

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        return costs(rows, task.pixels, convention, **self.image_sizes(task))

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of Su et al. 2021: a 3x3 stem of ``width`` (32) channels, the eight layers, a 1x1 convolution to 1,280
        channels (forty times the width), global average pooling. ``depth`` (1) copies of a layer stand one after the other,
        of which the first alone changes resolution and channels. No part is dead, so ``pruned`` changes nothing."""
        from archcast.spaces.nasbench_macro.network import Network

        return Network(self.validate(arch, allow_empty=False)[0].tolist(), **self.image_sizes(task))
