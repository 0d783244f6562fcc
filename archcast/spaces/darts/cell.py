"""What cells of NASNet's family are made of: nodes that add up two operations each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from archcast.graphs import CONVOLUTION, IDENTITY, NOTHING, POOLING, Operation

__all__ = [
    "CELLS",
    "DARTS_CELLS",
    "DECLARED",
    "INPUTS",
    "NODES",
    "NOISY_CELLS",
    "OPERATIONS",
    "CellKind",
    "Unit",
    "living_cells",
    "loose_ends",
    "strides",
    "units",
]

INPUTS, NODES = 2, 4
CELLS = ("normal", "reduce")
DECLARED = {  # depthwise convolutions have few weights, and separable ones are applied twice
    "max_pool_3x3": Operation(POOLING, reach=3),
    "avg_pool_3x3": Operation(POOLING, reach=3),
    "skip_connect": Operation(IDENTITY),
    "sep_conv_3x3": Operation(CONVOLUTION, weight=2.5, reach=5),
    "sep_conv_5x5": Operation(CONVOLUTION, weight=3.5, reach=9),
    "dil_conv_3x3": Operation(CONVOLUTION, weight=1.2, reach=5),
    "dil_conv_5x5": Operation(CONVOLUTION, weight=1.6, reach=9),
}
OPERATIONS = tuple(DECLARED)


@dataclass(frozen=True)
class Unit:
    """ReLU, convolutions, batch norm.

    Attributes:
        windows: height and width of each convolution.
        depthwise: whether the only window is that of a convolution of each channel by itself, before one of 1x1.
        dilation: of the windows.
    """

    windows: tuple[tuple[int, int], ...]
    depthwise: bool = False
    dilation: int = 1

    @property
    def layers(self) -> int:
        """Convolutions, one after the other."""
        return len(self.windows) + self.depthwise


def strides(window: tuple[int, int], stride: int) -> tuple[int, int]:
    """Strides of a window along height and width: an oblong one has the stride along its long side.

    Examples:
        >>> strides((1, 7), 2), strides((3, 3), 2)
        ((1, 2), (2, 2))
    """
    height, width = (stride if side == max(window) else 1 for side in window)
    return height, width


@lru_cache(maxsize=64)
def units(operation: str) -> tuple[Unit, ...]:
    """The units of an operation with weights, the first of which has its stride; none of a pooling or a skip.

    Examples:
        >>> units("conv_7x1_1x7")
        (Unit(windows=((1, 7), (7, 1)), depthwise=False, dilation=1),)
        >>> [unit.layers for unit in units("sep_conv_3x3")]
        [2, 2]
    """
    if match := re.fullmatch(r"(sep|dil|dil_sep)_conv_(\d)x\2", operation):
        window, kind = int(match[2]), match[1]
        unit = Unit(((window, window),), True, 2 if "dil" in kind else 1)
        return (unit, unit) if "sep" in kind else (unit,)
    if match := re.fullmatch(r"conv_(\d)x\1", operation):
        return (Unit(((int(match[1]), int(match[1])),)),)
    if match := re.fullmatch(r"conv_(\d)x1_1x\1", operation):
        return (Unit(((1, int(match[1])), (int(match[1]), 1))),)
    return ()


@dataclass(frozen=True)
class CellKind:
    """The cells of a space.

    Attributes:
        nodes: how many a cell has.
        declared: operations, in the order of their numbers.
        repeats: whether both inputs of a node may be the same one.
        loose: whether the output concatenates the nodes that no other node takes in; else all.
        noise: operation whose output does not depend on its input, where there is one.
    """

    nodes: int
    declared: Mapping[str, Operation]
    repeats: bool = False
    loose: bool = False
    noise: str | None = None

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.declared)

    @property
    def columns(self) -> int:
        """Decisions of a cell: source, operation, source, operation of each node."""
        return 4 * self.nodes

    def outputs(self, cells: NDArray[np.int64]) -> NDArray[np.bool_]:
        """``(n, nodes)``: the node is part of the output of each cell ``(n, columns)``."""
        return loose_ends(cells) if self.loose else np.ones((len(cells), self.nodes), dtype=bool)

    def is_noise(self, operations: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each operation gives what does not depend on its input."""
        return np.asarray(operations == (-1 if self.noise is None else self.operations.index(self.noise)))

    def used_inputs(self, cells: NDArray[np.int64]) -> NDArray[np.bool_]:
        """``(n, 2)``: some node of the cell ``(n, columns)`` depends on the input.

        Examples:
            >>> cell = np.array([[0, 0, 1, 1, *[1, 1, 2, 0] * 3]])
            >>> DARTS_CELLS.used_inputs(cell).tolist(), NOISY_CELLS.used_inputs(cell).tolist()
            ([[True, True]], [[False, True]])
        """
        sources = np.where(self.is_noise(cells[:, 1::2]), INPUTS, cells[:, 0::2])
        return np.asarray((sources[:, :, None] == np.arange(INPUTS)).any(axis=1))


def loose_ends(cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """``(n, nodes)``: no node of the cell ``(n, 4 nodes)`` takes this one in.

    Examples:
        >>> loose_ends(np.array([[0, 0, 1, 0, 2, 0, 1, 0]])).tolist()
        [[False, True]]
    """
    nodes = np.arange(cells.shape[1] // 4) + INPUTS
    return np.asarray((cells[:, 0::2, None] != nodes).all(axis=1))


def living_cells(used: Sequence[NDArray[np.bool_]]) -> list[NDArray[np.bool_]]:
    """For each cell of a network ``(n,)``: the output depends on it, because a later cell that lives takes it in.

    Args:
        used: for each cell ``(n, 2)``, its used inputs: the cell before the last one, and the last one.

    Examples:
        >>> [bool(alive[0]) for alive in living_cells([np.array([[True, False]])] * 4)]
        [False, True, False, True]
    """
    nothing = np.zeros(len(used[0]), dtype=bool)
    alive = [~nothing]
    for k in reversed(range(len(used) - 1)):
        beyond = alive[1] & used[k + 2][:, 0] if k + 2 < len(used) else nothing
        alive.insert(0, (alive[0] & used[k + 1][:, 1]) | beyond)
    return alive


DARTS_CELLS = CellKind(NODES, DECLARED)
NOISY_CELLS = CellKind(NODES, {"noise": Operation(NOTHING), "sep_conv_3x3": DECLARED["sep_conv_3x3"]}, noise="noise")
"""Of the reduced space S4 (Zela et al. 2020)."""
