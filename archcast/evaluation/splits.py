"""Train and test sets that share no architecture, nor two rows with the same canonical form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.evaluation.presets import REST
from archcast.spaces.base import SearchSpace

__all__ = ["functions", "split"]


def functions(space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(n,)`` number of the function that each row computes: equal exactly for equal canonical forms."""
    _, group = np.unique(space.canonical(archs), axis=0, return_inverse=True)
    return group.ravel()


def split(
    groups: NDArray[np.int64], train_size: int, test_size: int | str, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw train and test rows at random.

    With a number for ``test_size`` the test rows are drawn first, so that they are the same for every train size of a trial, and
    a small training set is a part of a larger one. With ``"rest"`` the test set is all that is left.

    Args:
        groups: ``(n,)`` from :func:`functions`.
        train_size: rows to train on.
        test_size: rows to test on, or ``"rest"``.
        rng: equal generators draw equal sets.

    Returns:
        Row numbers of train and test; train has fewer than ``train_size`` rows if the benchmark does not hold more.
    """
    order = rng.permutation(len(groups))
    if test_size == REST:
        train = order[:train_size]
        rest = order[train_size:]
        return train, rest[~np.isin(groups[rest], groups[train])]
    test, rest = order[: int(test_size)], order[int(test_size) :]
    return rest[~np.isin(groups[rest], groups[test])][:train_size], test
