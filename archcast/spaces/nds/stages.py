"""NDS' ResNet and ResNeXt design spaces: three stages of residual blocks, each with a depth and a width of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.errors import InvalidInputError
from archcast.spaces.base import Task, register
from archcast.spaces.conditional import ConditionalSpace

if TYPE_CHECKING:
    import torch

__all__ = ["NDSStages"]

STAGES, STEM, STRIDES = 3, 16, (1, 2, 2)
KEYS = {"depth": "ds", "width": "ws", "ratio": "bot_muls", "groups": "num_gs"}
"""Decision of a stage -> its name in NDS' files, where each list begins with the stem."""
STEM_HAS = {"ds": 1, "ws": STEM, "bot_muls": 0.0, "num_gs": 1, "ss": 1}
PAPER = "Radosavovic et al. 2019, https://arxiv.org/abs/1905.13214; He et al. 2016, https://arxiv.org/abs/1512.03385"


class NDSStages(ConditionalSpace):
    """A space of residual networks (Radosavovic et al. 2019, https://arxiv.org/abs/1905.13214).

    A row holds for each of three stages its depth in blocks, its width in channels and, with bottlenecks, by which ratio they
    are narrower and how many groups their 3x3 convolution has; a value is a position in the list of ``values``. The
    second and third stage halve the resolution. All rows are different functions.

    The notation is that of NDS' files, ``{"ds": [1, 12, 12, 12], "ws": [16, 24, 24, 40], "ss": [1, 1, 2, 2]}``, where each list
    begins with the stem; bottlenecks add ``bot_muls``, one over the ratio, and ``num_gs``.

    Examples:
        The example of NNI, of 0.594138 M parameters in the published table:

        >>> space = NDSResNet()
        >>> row = space.parse('{"ds": [1, 12, 12, 12], "ws": [16, 24, 24, 40], "ss": [1, 1, 2, 2]}')
        >>> space.costs(row)["params"]
        array([594138.])
    """

    values: ClassVar[Mapping[str, tuple[int, ...]]]
    sizes: Mapping[str, int]
    tasks: Mapping[str, Task] = {"cifar10": Task()}

    def __init_subclass__(cls) -> None:
        each = [(f"stage{k}.{name}", values) for k in range(1, STAGES + 1) for name, values in cls.values.items()]
        cls.columns = tuple(name for name, _ in each)
        cls.cardinalities = tuple(len(values) for _, values in each)
        cls.numbers = tuple(tuple(map(math.log, values)) for _, values in each)
        cls.sizes = {"width": STEM, "depth": max(cls.values["depth"])}

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise InvalidInputError(f"expected a dictionary of lists, {self._described([0] * len(self.columns))}")
        stages = []
        for name, values in self.values.items():
            key = KEYS[name]
            allowed = [_written(name, value) for value in values]
            given = found.get(key)
            if not isinstance(given, list) or len(given) != STAGES + 1 or given[0] != STEM_HAS[key]:
                raise InvalidInputError(
                    f"{key} must hold {STEM_HAS[key]} for the stem and a number for each of 3 stages"
                )
            for value in given[1:]:
                if isinstance(value, bool) or value not in allowed:
                    raise InvalidInputError(f"{key} holds {str(value)[:20]}, not one of {allowed}")
            stages.append([allowed.index(value) for value in given[1:]])
        strides = [STEM_HAS["ss"], *STRIDES]
        if found.get("ss", strides) != strides:
            raise InvalidInputError(f"ss must be {strides}")
        return [value for stage in zip(*stages, strict=True) for value in stage]

    def format(self, archs: ArrayLike) -> list[str]:
        return [self._described(row) for row in self.validate(archs).tolist()]

    def _described(self, row: list[int]) -> str:
        found: dict[str, list[float]] = {}
        for k, (name, values) in enumerate(self.values.items()):
            stages = [_written(name, values[value]) for value in row[k :: len(self.values)]]
            found[KEYS[name]] = [STEM_HAS[KEYS[name]], *stages]
        return json.dumps({**found, "ss": [STEM_HAS["ss"], *STRIDES]})

    # -- network ------------------------------------------------------------------------------------------------------

    def _stages(self, rows: NDArray[np.int64], width: int, depth: int) -> dict[str, NDArray[np.int64]]:
        """Blocks, channels, channels of the bottlenecks and their groups, ``(3, n)`` each; 0 channels without bottlenecks."""
        found = {
            name: np.array(values)[rows[:, k :: len(self.values)]].T
            for k, (name, values) in enumerate(self.values.items())
        }
        wide = np.maximum((found["width"] * width + STEM // 2) // STEM, 1)
        groups = found.get("groups", np.ones_like(wide))
        narrow = np.zeros_like(wide)
        if "ratio" in found:
            narrow = np.maximum(wide // (found["ratio"] * groups), 1) * groups
        blocks = -(-found["depth"] * depth // max(self.values["depth"]))
        return {"blocks": blocks, "width": wide, "narrow": narrow, "groups": groups}

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        sizes = self.image_sizes(task)
        stages = self._stages(rows, sizes["width"], sizes["depth"])
        tally, shape = Tally(len(rows), convention), task.pixels
        c: Count = sizes["width"]
        tally.conv(sizes["channels"], c, 3, shape)
        tally.norm(c, shape)
        tally.relu(c, shape)
        for stride, blocks, wide, narrow, groups in zip(STRIDES, *stages.values(), strict=True):
            out = halved(shape) if stride == 2 else shape
            projects = (c != wide) | (stride == 2)
            tally.conv(c, wide, 1, out, times=projects)
            tally.norm(wide, out, times=projects)
            self._block(tally, c, wide, narrow, groups, shape, out, 1)
            self._block(tally, wide, wide, narrow, groups, out, out, blocks - 1)
            c, shape = wide, out
        tally.global_pool(c, shape)
        tally.linear(c, sizes["classes"])
        layers = 3 if "ratio" in self.values else 2
        return tally.costs(2 + layers * stages["blocks"].sum(axis=0), task.pixels[0])

    def _block(
        self, tally: Tally, c: Count, wide: Count, narrow: Count, groups: Count, given: Shape, out: Shape, times: Count
    ) -> None:
        """The branch with weights of a block, and the rectifier after the sum."""
        convs: tuple[tuple[Count, Count, int, Count, Shape], ...]
        if "ratio" in self.values:
            convs = ((c, narrow, 1, 1, given), (narrow, narrow, 3, groups, out), (narrow, wide, 1, 1, out))
        else:
            convs = ((c, wide, 3, 1, out), (wide, wide, 3, 1, out))
        for c_in, c_out, kernel, split, shape in convs:
            tally.conv(c_in, c_out, kernel, shape, groups=split, times=times)
            tally.norm(c_out, shape, times=times)
            tally.relu(c_out, shape, times=times)

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The residual network for small images of He et al. 2016: a 3x3 stem of ``width`` (16) channels, three stages of blocks,
        average pooling.

        Channels of the stages are in proportion to those of the stem, and blocks to ``depth``, the largest number of them
        in a stage. No part is dead: ``pruned`` changes nothing.
        """
        from archcast.spaces.nds.residual import Network

        row = self.validate(arch, allow_empty=False)[:1]
        sizes = self.image_sizes(task)
        stages = self._stages(row, sizes["width"], sizes.pop("depth"))
        return Network(*zip(*(values[:, 0].tolist() for values in stages.values()), strict=True), **sizes)


def _written(name: str, value: int) -> float:
    """A value as NDS' files have it: ratios are multipliers there."""
    return 1 / value if name == "ratio" else value


@register(
    "nds-resnet",
    summary="ResNet's basic blocks in 3 stages, each with a depth and a width; 1,259,712 rows",
    paper=PAPER,
    size=(9 * 12) ** 3,
    buildable=True,
)
class NDSResNet(NDSStages):
    """Basic blocks of two 3x3 convolutions in :class:`NDSStages`: 9 depths up to 24, 12 widths from 16 to 256."""

    name = "nds-resnet"
    values: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "depth": (1, 2, 3, 4, 6, 8, 12, 16, 24),
        "width": (16, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256),
    }


@register(
    "nds-resnext-a",
    summary="ResNeXt's bottlenecks in 3 stages: depth, width 16 to 256, ratio, 1 to 4 groups; 11,390,625 rows",
    paper=PAPER.replace("He", "Xie").replace("2016", "2017").replace("1512.03385", "1611.05431"),
    size=(5 * 5 * 3 * 3) ** 3,
    buildable=True,
)
class NDSResNeXtA(NDSStages):
    """Bottlenecks with groups in :class:`NDSStages`: 5 depths up to 16, 5 widths from 16 to 256, 1, 2 or 4 groups."""

    name = "nds-resnext-a"
    values: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "depth": (1, 2, 4, 8, 16),
        "width": (16, 32, 64, 128, 256),
        "ratio": (1, 2, 4),
        "groups": (1, 2, 4),
    }


@register(
    "nds-resnext-b",
    summary="ResNeXt's bottlenecks in 3 stages: depth, width 64 to 1,024, ratio, 1 to 16 groups; 52,734,375 rows",
    paper=PAPER.replace("He", "Xie").replace("2016", "2017").replace("1512.03385", "1611.05431"),
    size=(5 * 5 * 3 * 5) ** 3,
    buildable=True,
)
class NDSResNeXtB(NDSStages):
    """Bottlenecks with groups in :class:`NDSStages`: 5 depths up to 16, 5 widths from 64 to 1,024, 1 to 16 groups."""

    name = "nds-resnext-b"
    values: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "depth": (1, 2, 4, 8, 16),
        "width": (64, 128, 256, 512, 1024),
        "ratio": (1, 2, 4),
        "groups": (1, 2, 4, 8, 16),
    }
