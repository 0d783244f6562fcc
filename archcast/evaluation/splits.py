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

    The training rows are drawn as a user would draw them: uniformly, twins included. The test rows are drawn from what is left,
    and only from functions that training has not seen. (The other way round, testing first, would strip the training set of
    every common function: 1,000 random test cells of NAS-Bench-201 hold most of them.) Within a trial a small training set is
    a part of a larger one, and the test rows are the same but for those that the larger one excludes.

    Args:
        groups: ``(n,)`` from :func:`functions`.
        train_size: rows to train on.
        test_size: rows to test on, or ``"rest"``, all that is left.
        rng: equal generators draw equal sets.

    Returns:
        Row numbers of train and test; fewer than asked for if the benchmark does not hold more.
    """
    order = rng.permutation(len(groups))
    train, rest = order[:train_size], order[train_size:]
    test = rest[~np.isin(groups[rest], groups[train])][::-1]
    return train, test if test_size == REST else test[: int(test_size)]
