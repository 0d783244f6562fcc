"""Local search: neighbours of the best of the run, and a new run at a local optimum."""

from __future__ import annotations

import numpy as np

import archcast

SPACE = archcast.get_space("nasbench201")


def score(archs):
    """Two peaks: all 3 (the higher one) and all 2."""
    return np.maximum((archs == 3).sum(axis=-1) + 0.5, (archs == 2).sum(axis=-1)).astype(float)


def test_everything_after_the_first_is_a_neighbour_of_the_best() -> None:
    strategy = archcast.get_strategy("local-search", SPACE, n_init=3, random_state=0)
    archs = strategy.ask(3)
    strategy.tell(archs, score(archs))
    for _ in range(15):
        best = strategy.best.arch
        row = strategy.ask()
        assert (row[0] != best).sum() == 1
        strategy.tell(row, score(row))


def test_a_local_optimum_ends_the_run() -> None:
    strategy = archcast.get_strategy("local-search", SPACE, n_init=1, random_state=0)
    strategy.tell([[2] * 6], [6.0])
    asked = []
    for _ in range(60):
        row = strategy.ask()
        asked.append(row[0])
        strategy.tell(row, score(row))
        if (row[0] != 2).sum() > 1:
            break
    near = SPACE.neighbors([2] * 6)
    functions = {r.tobytes() for r in SPACE.canonical(near)} - {SPACE.canonical([2] * 6).tobytes()}
    assert len(asked) - 1 == len(functions), "all neighbours are tried before the restart, each function once"
    assert strategy._start == len(strategy.history) - 1


def test_a_batch_larger_than_the_neighbourhood() -> None:
    strategy = archcast.get_strategy("local-search", SPACE, n_init=2, random_state=0)
    archs = strategy.ask(2)
    strategy.tell(archs, score(archs))
    more = strategy.ask(40)
    near = SPACE.canonical(np.concatenate([SPACE.neighbors(row) for row in archs]))
    new = {row.tobytes() for row in near} - {row.tobytes() for row in SPACE.canonical(archs)}
    distance = (more[:, None] != archs[None]).sum(axis=2).min(axis=1)
    assert (distance[: len(new)] == 1).all()
    assert (distance[len(new) :] > 1).any(), "the rest is a new beginning"


def test_both_peaks_are_climbed() -> None:
    ends = set()
    for seed in range(6):
        strategy = archcast.get_strategy("local-search", SPACE, n_init=1, random_state=seed)
        for _ in range(150):
            row = strategy.ask()
            strategy.tell(row, score(row))
        ends.add(strategy.best.score)
    assert 6.5 in ends
