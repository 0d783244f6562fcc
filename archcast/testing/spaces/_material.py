"""What the checks of spaces are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.spaces.base import SearchSpace


def rows_of(space: SearchSpace, n: int = 50, seed: int = 0) -> NDArray[np.int64]:
    """Sampled rows that cannot be written to: a method that changes its argument fails."""
    rows = space.sample(n, seed)
    rows.flags.writeable = False
    return rows
