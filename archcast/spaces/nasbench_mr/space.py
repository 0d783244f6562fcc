"""NAS-Bench-MR: networks of up to four branches of different resolution, with 27 decisions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.costs.tally import Count, Shape, Tally, halved
from archcast.errors import InvalidInputError
from archcast.spaces.base import Task, register
from archcast.spaces.conditional import ConditionalSpace

if TYPE_CHECKING:
    import torch

__all__ = ["NASBenchMR"]

STAGES, COUNTS, CHANNELS = 4, (1, 2, 3, 4), tuple(range(8, 129, 8))
COLUMNS = (
    "stem1",
    "stem2",
    *(
        name
        for stage in range(1, STAGES + 1)
        for name in (
            f"blocks{stage}",
            *(f"{kind}{stage}_{branch}" for kind in ("units", "channels") for branch in range(1, stage + 1)),
        )
    ),
    "last",
)
VALUES = tuple(COUNTS if name.startswith(("blocks", "units")) else CHANNELS for name in COLUMNS)


@register(
    "nasbench-mr",
    summary="multi-resolution networks: repetitions, units and channels of 4 stages of 1 to 4 branches; 1.2e24 rows",
    paper="Ding et al. 2021, https://arxiv.org/abs/2103.13253",
    size=len(COUNTS) ** 14 * len(CHANNELS) ** 13,
    buildable=True,
)
class NASBenchMR(ConditionalSpace):
    """NAS-Bench-MR (Ding et al. 2021, https://arxiv.org/abs/2103.13253): networks whose stages have one to four branches, each of
    half the resolution of the one before.

    A row holds the channels of the two convolutions of the stem; for each of four stages how often its module repeats, and of
    each of its branches the number of residual units and of channels; and the channels of the head. A value is a position in
    1 to 4, or in the multiples of 8 up to 128: the paper draws twelve of these, its tables hold others too. All rows are
    different functions.

    The notation is that of the authors' files, in which each stage begins with its repetitions and its number of branches,
    ``32_16-1_1_1_32-3_2_3_2_16_32-...-128``. A list of the 27 numbers, the ``embedding`` of the tables, is read too.

    Examples:
        The first network of the tables, of 28.290994 M parameters:

        >>> space = NASBenchMR()
        >>> text = "128_128-2_1_4_128-2_2_4_4_128_128-2_3_4_4_4_128_128_128-2_4_4_4_4_4_128_128_128_128-128"
        >>> space.costs(space.parse(text))["params"]
        array([28290994.])
    """

    name = "nasbench-mr"
    columns = COLUMNS
    cardinalities = tuple(map(len, VALUES))
    numbers = VALUES
    sizes: Mapping[str, int] = {"width": CHANNELS[-1], "depth": COUNTS[-1]}
    tasks: Mapping[str, Task] = {
        "cls-50-1000": Task((3, 128, 128), 50),
        "cls-50-100": Task((3, 128, 128), 50),
        "cls-10-1000": Task((3, 128, 128), 10),
    }

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        expected = (
            "expected 2 numbers, four stages and a number, 32_16-1_1_1_32-3_2_3_2_16_32-...-...-128, or 27 numbers"
        )
        if text.startswith("["):
            try:
                numbers = json.loads(text)
            except (ValueError, RecursionError):
                raise InvalidInputError(expected) from None
        else:
            if not re.fullmatch(r"[\d_-]{53,200}", text) or not re.fullmatch(r"\d{1,3}([_-]\d{1,3})+", text):
                raise InvalidInputError(expected)
            parts = [[int(number) for number in part.split("_")] for part in text.split("-")]
            if [len(part) for part in parts] != [2, *(2 + 2 * stage for stage in range(1, STAGES + 1)), 1]:
                raise InvalidInputError(expected)
            for stage, part in enumerate(parts[1:-1], 1):
                if part.pop(1) != stage:
                    raise InvalidInputError(f"stage {stage} must have {stage} branches")
            numbers = [number for part in parts for number in part]
        if len(numbers) != len(COLUMNS):
            raise InvalidInputError(f"{expected}; got {len(numbers)}")
        for column, allowed, value in zip(COLUMNS, VALUES, numbers, strict=True):
            if type(value) is not int or value not in allowed:
                raise InvalidInputError(f"{column} is {str(value)[:20]}, not one of {allowed}")
        return [allowed.index(value) for allowed, value in zip(VALUES, numbers, strict=True)]

    def format(self, archs: ArrayLike) -> list[str]:
        texts = []
        for row in self._numbers(self.validate(archs)).tolist():
            parts, start = ["_".join(map(str, row[:2]))], 2
            for stage in range(1, STAGES + 1):
                stop = start + 1 + 2 * stage
                parts.append("_".join(map(str, (row[start], stage, *row[start + 1 : stop]))))
                start = stop
            texts.append("-".join((*parts, str(row[-1]))))
        return texts

    @staticmethod
    def _numbers(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """What the values stand for."""
        return np.stack([np.array(allowed)[rows[:, j]] for j, allowed in enumerate(VALUES)], axis=1)

    # -- network ------------------------------------------------------------------------------------------------------

    def _network(
        self, rows: NDArray[np.int64], width: int, depth: int
    ) -> tuple[
        NDArray[np.int64], list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]], NDArray[np.int64]
    ]:
        """Channels of the stem ``(2, n)``; repetitions ``(n,)``, units and channels ``(branches, n)`` of each stage; channels of
        the head ``(n,)``."""
        numbers = self._numbers(rows).T
        wide = np.maximum((numbers * width + CHANNELS[-1] // 2) // CHANNELS[-1], 1)
        stages, start = [], 2
        for stage in range(1, STAGES + 1):
            middle, stop = start + 1 + stage, start + 1 + 2 * stage
            stages.append((-(-numbers[start] * depth // COUNTS[-1]), numbers[start + 1 : middle], wide[middle:stop]))
            start = stop
        return wide[:2], stages, wide[-1]

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows, task = self.validate(archs), self.task_of(task)
        sizes = self.image_sizes(task)
        stem, stages, last = self._network(rows, sizes["width"], sizes["depth"])
        tally = Tally(len(rows), convention)
        shapes = [halved(halved(task.pixels))]
        _unit(tally, sizes["channels"], stem[0], 3, halved(task.pixels))
        _unit(tally, stem[0], stem[1], 3, shapes[0])
        given: list[Count] = [stem[1]]
        layers: list[Count] = [np.full(len(rows), 2)]
        for stage, (repeats, units, channels) in enumerate(stages, 1):
            shapes += [halved(shapes[-1])] * (stage > 1)
            for k in range(int(repeats.max(initial=1))):
                there = k < repeats
                after = _exchange(tally, given, channels, shapes, there, layers)
                for i in range(stage):
                    _blocks(tally, channels[i], shapes[i], there * units[i])
                    after[i] = after[i] + 2 * units[i]
                layers = (
                    after if k == 0 else [np.where(there, new, old) for new, old in zip(after, layers, strict=True)]
                )
                given = list(channels)
        _unit(tally, sum(given), last, 1, shapes[-1])
        tally.global_pool(last, shapes[-1])
        tally.linear(last, sizes["classes"])
        return tally.costs(np.maximum.reduce(layers) + 2, task.pixels[0])

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The classifier of Ding et al. 2021: a stem that quarters the resolution, four stages of modules of parallel branches, all
        branches resized to the lowest resolution, a 1x1 convolution, average pooling.

        ``width`` (128) is the largest number of channels and ``depth`` (4) the largest number of repetitions; smaller ones are in
        proportion. No part is dead: ``pruned`` changes nothing.
        """
        from archcast.spaces.nasbench_mr.network import Network

        row = self.validate(arch, allow_empty=False)[:1]
        sizes = self.image_sizes(task)
        stem, stages, last = self._network(row, sizes.pop("width"), sizes.pop("depth"))
        modules = [
            (units[:, 0].tolist(), channels[:, 0].tolist())
            for repeats, units, channels in stages
            for _ in range(repeats[0])
        ]
        return Network(stem[:, 0].tolist(), modules, int(last[0]), **sizes)


def _unit(tally: Tally, c_in: Count, c_out: Count, kernel: int, shape: Shape, times: Count = 1) -> None:
    """Convolution, batch norm, ReLU."""
    tally.conv(c_in, c_out, kernel, shape, times=times)
    tally.norm(c_out, shape, times=times)
    tally.relu(c_out, shape, times=times)


def _exchange(
    tally: Tally,
    given: list[Count],
    channels: NDArray[np.int64],
    shapes: list[Shape],
    times: Count,
    layers: list[Count],
) -> list[Count]:
    """Count what branches take in from each other; layers on the longest path to each branch after that."""
    after = []
    for i in range(len(given)):
        near = range(max(i - 1, 0), min(i + 2, len(given)))
        for j in near:
            _unit(tally, given[j], channels[i], 1 if j > i else 3, shapes[max(i, j)], times)
        tally.relu(channels[i], shapes[i], times=times)
        after.append(np.maximum.reduce([layers[j] for j in near]) + 1)
    for i in range(len(given), len(channels)):
        _unit(tally, channels[i - 1], channels[i], 3, shapes[i], times)
        after.append(after[-1] + 1)
    return after


def _blocks(tally: Tally, c: Count, shape: Shape, times: Count) -> None:
    """Residual blocks of two 3x3 convolutions."""
    for _ in range(2):
        _unit(tally, c, c, 3, shape, times)
