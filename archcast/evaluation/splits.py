"""Train and test sets that share no architecture, nor two rows with the same canonical form.

A random test set asks whether a predictor tells bad from good. A search asks for more: it mutates its best architectures
and must tell the good from the better. :func:`around_the_best` makes the test set of White et al. 2021
(https://arxiv.org/abs/2104.01177) for that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.evaluation.presets import REST
from archcast.spaces.base import SearchSpace

__all__ = ["MUTATIONS", "RANDOM", "TESTS", "around_the_best", "functions", "split"]

RANDOM, MUTATIONS = "random", "mutations"
TESTS = {RANDOM: "random architectures", MUTATIONS: "mutations of the best training architectures"}
"""Name -> meaning of the test sets."""
PARENTS, CHANGES, ROUNDS = 5, 3, 100


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


def around_the_best(
    space: SearchSpace,
    archs: NDArray[np.int64],
    scores: NDArray[np.float64],
    groups: NDArray[np.int64],
    train: NDArray[np.int64],
    test_size: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw test rows by mutation: one to three random changes of one of the five best training architectures.

    Args:
        space: of the architectures.
        archs, scores, groups: ``(n, d)``, ``(n,)``, ``(n,)`` rows that may be tested on, their scores and functions.
        train: numbers of the training rows.
        test_size: rows to test on.
        rng: equal generators draw equal sets.

    Returns:
        Row numbers, no function twice and none that training has seen; fewer than asked for if the benchmark does not hold more
        of the mutations.
    """
    canonical = space.canonical(archs)
    row_of = {key.tobytes(): i for i, key in reversed(list(enumerate(canonical)))}
    parents = archs[train[np.argsort(-scores[train], kind="stable")[:PARENTS]]]
    seen: set[int] = set(groups[train].tolist())
    found: list[int] = []
    for _ in range(ROUNDS):
        children = parents[rng.integers(len(parents), size=test_size)]
        changes = rng.integers(1, CHANGES + 1, size=test_size)
        for k in range(CHANGES):
            children[changes > k] = space.mutate(children[changes > k], rng)
        for key in space.canonical(children):
            row = row_of.get(key.tobytes())
            if row is not None and groups[row] not in seen and len(found) < test_size:
                seen.add(groups[row])
                found.append(row)
        if len(found) == test_size:
            break
    return np.array(found, dtype=np.int64)
