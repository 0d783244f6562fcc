"""Evolution on a function: what it keeps, and what it finds."""

from __future__ import annotations

import numpy as np
import pytest

import archcast
from archcast.search.evolution import evolve

SETTINGS = {"population": 20, "parents": 5, "mutants": 10, "generations": 15, "chance": 0.1}


@pytest.mark.parametrize("name", ["nasbench201", "ofa-mobilenetv3", "nasbench101"])
def test_rows_are_allowed_distinct_and_sorted(name, rng) -> None:
    space = archcast.get_space(name)
    goal = space.sample(1, 5)[0]
    start = space.sample(20, 0)
    start = start[start[:, -1] > 0]

    def score(rows):
        return (rows == goal).mean(axis=1)

    rows = evolve(space, start, score, lambda rows: rows[:, -1] > 0, rng, **SETTINGS)
    space.validate(rows)
    assert (rows[:, -1] > 0).all()
    assert len(np.unique(rows, axis=0)) == len(rows) > 100
    assert (np.diff(score(rows)) <= 0).all()
    assert score(rows)[0] > score(start).max(), "nothing better was found"
    assert {row.tobytes() for row in start} <= {row.tobytes() for row in rows}


def test_no_generation_only_sorts(rng) -> None:
    space = archcast.get_space("nasbench201")
    start = space.sample(30, 1)
    everything = lambda rows: np.ones(len(rows), dtype=bool)  # noqa: E731
    rows = evolve(space, start, lambda rows: rows.sum(axis=1), everything, rng, **{**SETTINGS, "generations": 0})
    assert {row.tobytes() for row in rows} == {row.tobytes() for row in start}


def test_what_is_never_allowed_ends(rng) -> None:
    space = archcast.get_space("nasbench201")
    start = space.sample(5, 1)
    rows = evolve(space, start, lambda rows: rows.sum(axis=1), lambda rows: np.zeros(len(rows), bool), rng, **SETTINGS)
    assert len(rows) == 5
