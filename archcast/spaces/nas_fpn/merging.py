"""Merging cells of NAS-FPN, and the features that they take in."""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CELLS", "COMBINE", "FIRST", "LEVELS", "ORDERS", "OUTPUTS", "Merging", "joined"]

FIRST, LEVELS = 3, 5
"""Number of the first level, an eighth of the resolution of the image, and how many levels there are."""
CELLS, OUTPUTS = 7, 5
COMBINE = ("sum", "attention")
ORDERS = np.array([*permutations(range(LEVELS))])
"""``(120, 5)``: in which order the levels are put out."""


class Merging(NamedTuple):
    """The cells of ``n`` rows. Features 0 to 4 are what the pyramid takes in, 5 to 11 what its cells give.

    Attributes:
        inputs: ``(n, 7, 2)``.
        combine: ``(n, 7)`` number of the operation.
        levels: ``(n, 7)``, 0 to 4, of the output; the last five cells have all.
    """

    inputs: NDArray[np.int64]
    combine: NDArray[np.int64]
    levels: NDArray[np.int64]


def joined(cells: Merging) -> NDArray[np.bool_]:
    """``(n, 7, 7)``: the output of the second axis adds the feature of the third, which has its level and is used nowhere.

    Examples:
        The first cell gives a feature of level 3 that no other takes in, so that the output of level 3 adds it:

        >>> inputs = np.array([[[0, 1], [0, 1], [0, 1], [1, 2], [2, 3], [3, 4], [4, 6]]])
        >>> cells = Merging(inputs, np.zeros((1, 7), int), np.array([[0, 1, 0, 1, 2, 3, 4]]))
        >>> np.argwhere(joined(cells)).tolist()
        [[0, 2, 5]]
    """
    features = np.arange(LEVELS + CELLS - OUTPUTS)
    unused = (cells.inputs.reshape(-1, 2 * CELLS, 1) != features).all(axis=1)
    given = np.broadcast_to(np.arange(LEVELS), (len(unused), LEVELS))
    levels = np.concatenate([given, cells.levels[:, : CELLS - OUTPUTS]], axis=1)
    out = (cells.levels[:, :, None] == levels[:, None]) & unused[:, None]
    out[:, : CELLS - OUTPUTS] = False
    return np.asarray(out)
