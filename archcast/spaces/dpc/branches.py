"""The operations of a branch of a dense prediction cell."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from archcast.graphs import CONVOLUTION, Operation

__all__ = ["BRANCHES", "DECLARED", "OPERATIONS", "Branch"]

BRANCHES = 5
RATES = (1, 3, 6, 9, 12, 15, 18, 21)
GRIDS = (1, 2, 4, 8)
WHOLE_IMAGE = 65
"""Reach of a pooling over a part of the whole image, in pixels of the features."""


@dataclass(frozen=True)
class Branch:
    """A 1x1 convolution, with ``rate`` a separable 3x3 convolution so dilated, with ``grid`` a pooling to so many pixels before it.

    Attributes:
        rate: down and across.
        grid: height and width.
    """

    rate: tuple[int, int] | None = None
    grid: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """Such as ``atrous_3x3_rate_1x6``."""
        if self.rate is not None:
            return f"atrous_3x3_rate_{self.rate[0]}x{self.rate[1]}"
        return "conv_1x1" if self.grid is None else f"pyramid_{self.grid[0]}x{self.grid[1]}"

    @property
    def operation(self) -> Operation:
        """What it does."""
        if self.rate is not None:
            return Operation(CONVOLUTION, weight=1.2, reach=2 * max(self.rate) + 1)
        return Operation(CONVOLUTION, weight=1, reach=1 if self.grid is None else WHOLE_IMAGE)


OPERATIONS = (
    Branch(),
    *(Branch(rate=(down, across)) for down, across in product(RATES, repeat=2)),
    *(Branch(grid=(height, width)) for height, width in product(GRIDS, repeat=2)),
)
"""1 + 64 + 16 of them, in the order of their numbers."""
DECLARED = {branch.name: branch.operation for branch in OPERATIONS}
