"""Checks of ask: rows of the space, none twice, from the pool."""

from __future__ import annotations

import numpy as np

from archcast.errors import InvalidInputError
from archcast.search.base import Strategy
from archcast.testing._assertions import expect_error, require
from archcast.testing.strategies._material import fresh, keys_of, scores_of


def check_ask_gives_rows_of_the_space(strategy: Strategy) -> None:
    one = fresh(strategy)
    for n in (1, 7, 3, 10):
        archs = one.ask(n)
        require(archs.shape == (n, len(one.space.cardinalities)), f"ask({n}) gives shape {archs.shape}")
        require(archs.dtype == np.int64, f"rows are {archs.dtype}")
        one.space.validate(archs)
        one.tell(archs, scores_of(one, archs))


def check_nothing_is_asked_twice(strategy: Strategy) -> None:
    one = fresh(strategy)
    found: list[tuple[bytes, int]] = []
    for k in range(10):
        archs = one.ask(6)
        found += keys_of(one, archs, one.epochs(archs))
        if k % 3:  # every third batch stays pending
            one.tell(archs, scores_of(one, archs))
    require(len(set(found)) == len(found) == 60, f"{len(found) - len(set(found))} of 60 were asked for twice")


def check_what_was_told_is_not_asked(strategy: Strategy) -> None:
    one = fresh(strategy)
    known = one.space.sample(40, 3)
    one.tell(known, scores_of(one, known))
    told = {key for key, _ in keys_of(one, known, np.zeros(len(known), dtype=np.int64))}
    for _ in range(5):
        archs = one.ask(5)
        again = told & {key for key, _ in keys_of(one, archs, one.epochs(archs))}
        require(not again, "it asks for what it was told without having asked")
        one.tell(archs, scores_of(one, archs))


def check_pool(strategy: Strategy) -> None:
    pool = strategy.space.sample(60, 5)
    functions = len(np.unique(strategy.space.canonical(pool), axis=0))
    allowed = {row.tobytes() for row in pool}
    one = fresh(strategy, pool=pool)
    seen: set[bytes] = set()
    for _ in range(200):
        archs = one.ask(7)
        if len(archs) == 0:
            break
        seen |= {row.tobytes() for row in archs}
        one.tell(archs, scores_of(one, archs))
    require(seen <= allowed, "it asks for rows outside its pool")
    require(
        len(seen) == functions, f"{len(seen)} of {functions} functions of the pool were asked for before it gave up"
    )
    require(len(one.ask(1)) == 0, "it asks for something when nothing is left")


def check_wrong_ask(strategy: Strategy) -> None:
    for n in (0, -1, 1.5, True):
        with expect_error(InvalidInputError, f"ask({n})", "n must be"):
            fresh(strategy).ask(n)  # type: ignore[arg-type]
