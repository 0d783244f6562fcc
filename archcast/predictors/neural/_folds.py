"""Ensembles whose members each leave out a fold: what they get wrong there is the noise that their spread does not show.

Members that have seen the same rows agree more than they should, so the spread of an ensemble is too narrow as a standard
deviation. With a member for each of five folds, every row has a member that has not seen it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["FOLDS", "left_out", "noise"]

FOLDS = 5
SHARE = 0.7
"""Square error of the mean of all members, as a share of that of one member (on NAS-Bench-201, 100 architectures)."""

FEWEST = 3
"""With fewer rows none is left out."""


def left_out(members: int, rows: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """``(m, n)``: whether the member does not see the row; a single member sees all.

    Examples:
        >>> left_out(5, 10, np.random.default_rng(0)).sum(axis=0)
        array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    """
    if members == 1 or rows < FEWEST:
        return np.zeros((members, rows), dtype=bool)
    folds = min(FOLDS, rows)
    fold = rng.permutation(rows) % folds
    return np.asarray(np.arange(members)[:, None] % folds == fold)


def noise(outputs: NDArray[np.float64], targets: NDArray[np.float64], out: NDArray[np.bool_]) -> float:
    """Variance of the noise: ``SHARE`` of the mean square error of members on rows that they have not seen, with one more row of
    error 1.

    Args:
        outputs: ``(m, n)`` of the members.
        targets: ``(n,)`` of variance about 1.
        out: ``(m, n)``, see :func:`left_out`; if no row is left out, nothing is known and the noise is 0.
    """
    if not out.any():
        return 0.0
    errors = np.square(outputs - targets)[out]
    return SHARE * float((errors.sum() + 1) / (len(errors) + 1))
