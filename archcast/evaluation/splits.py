"""Train and test sets that share no architecture, nor two rows with the same canonical form.

A random test set asks whether a predictor tells bad from good. A search asks for more: it mutates its best architectures
and must tell the good from the better. :func:`around_the_best` tests on mutations of the best training architectures, and
:func:`neighbourhood` is the mutation setting of White et al. 2021 (https://arxiv.org/abs/2104.01177), where the training
architectures are mutations as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.evaluation.presets import REST, WHOLE
from archcast.spaces.base import SearchSpace

__all__ = ["MUTATIONS", "NEIGHBOURHOOD", "RANDOM", "TESTS", "around_the_best", "functions", "neighbourhood", "split"]

RANDOM, MUTATIONS, NEIGHBOURHOOD = "random", "mutations", "neighbourhood"
TESTS = {
    RANDOM: "random architectures",
    MUTATIONS: "mutations of the best training architectures",
    NEIGHBOURHOOD: "mutations of the best of ten random architectures, which training architectures are mutations of in turn",
}
"""Name -> meaning of the test sets."""
PARENTS, CHANGES, ROUNDS = 5, 3, 100
DRAWN = 200
"""Mutations that are made at a time."""
CANDIDATES = 10
"""Random architectures of which the best become the parents of a neighbourhood."""


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
        test_size: rows to test on; or ``"rest"``, all that is left; or ``"whole"``, all there are, training rows and twins too.
        rng: equal generators draw equal sets.

    Returns:
        Row numbers of train and test; fewer than asked for if the benchmark does not hold more.
    """
    order = rng.permutation(len(groups))
    train, rest = order[:train_size], order[train_size:]
    if test_size == WHOLE:
        return train, order
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
    table = _Table(space, archs, groups)
    parents = archs[train[np.argsort(-scores[train], kind="stable")[:PARENTS]]]
    return table.draw(parents, CHANGES, test_size, set(groups[train].tolist()), rng, test_size)


def neighbourhood(
    space: SearchSpace,
    archs: NDArray[np.int64],
    scores: NDArray[np.float64],
    groups: NDArray[np.int64],
    train_size: int,
    test_size: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The mutation setting of White et al. 2021. The test set is the best five of ten random architectures, and one to three random
    changes of one of these five; a training architecture is one random change of a random test architecture.

    Args:
        space: of the architectures.
        archs, scores, groups: ``(n, d)``, ``(n,)``, ``(n,)`` rows that may be drawn, their scores and functions.
        train_size, test_size: how many to draw. The training rows of a smaller size are the first of those of a larger size.
        rng: equal generators draw equal sets.

    Returns:
        Row numbers of train and test, no function twice in either nor in both; fewer if the benchmark does not hold more.
    """
    table = _Table(space, archs, groups)
    order = rng.permutation(len(groups))
    _, first = np.unique(groups[order], return_index=True)
    random = order[np.sort(first)][:CANDIDATES]
    best = random[np.argsort(-scores[random], kind="stable")[:PARENTS]][:test_size]
    seen = set(groups[random].tolist())
    test = np.concatenate([best, table.draw(archs[best], CHANGES, test_size - len(best), seen, rng)])
    return table.draw(archs[test], 1, train_size, seen | set(groups[test].tolist()), rng), test


class _Table:
    """Looks mutations up among the rows that were measured."""

    def __init__(self, space: SearchSpace, archs: NDArray[np.int64], groups: NDArray[np.int64]) -> None:
        self.space, self.groups = space, groups
        canonical = space.canonical(archs)
        self.row_of = {key.tobytes(): i for i, key in reversed(list(enumerate(canonical)))}

    def draw(
        self,
        parents: NDArray[np.int64],
        changes: int,
        many: int,
        seen: set[int],
        rng: np.random.Generator,
        at_a_time: int = DRAWN,
    ) -> NDArray[np.int64]:
        """Numbers of at most ``many`` rows that are one to ``changes`` random changes away from a random parent; functions that
        were ``seen`` are left out, and none comes twice."""
        seen = set(seen)
        found: list[int] = []
        for _ in range(ROUNDS if len(parents) else 0):
            if len(found) >= many:
                break
            children = parents[rng.integers(len(parents), size=at_a_time)]
            steps = rng.integers(1, changes + 1, size=at_a_time)
            for k in range(changes):
                children[steps > k] = self.space.mutate(children[steps > k], rng)
            for key in self.space.canonical(children):
                row = self.row_of.get(key.tobytes())
                if row is not None and self.groups[row] not in seen and len(found) < many:
                    seen.add(self.groups[row])
                    found.append(row)
        return np.array(found, dtype=np.int64)
