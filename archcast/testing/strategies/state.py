"""Checks of chance and state: equal seeds, nothing global, files at any point."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidFileError, InvalidInputError
from archcast.search.base import Strategy, ZeroCost, load_strategy
from archcast.search.history import FULL
from archcast.testing._assertions import expect_error, require
from archcast.testing.strategies._material import Rows, fresh, run_for, scores_of


def check_same_seed_same_search(strategy: Strategy) -> None:
    first, second, other = (run_for(fresh(strategy, seed), 5) for seed in (0, 0, 1))
    require(np.array_equal(first.history.archs, second.history.archs), "the same seed gives another search")
    require(not np.array_equal(first.history.archs, other.history.archs), "another seed gives the same search")


def check_no_global_state_is_touched(strategy: Strategy) -> None:
    run_for(fresh(strategy), 4)
    before = repr(np.random.get_state()), random.getstate()  # noqa: NPY002
    run_for(fresh(strategy), 4)
    after = repr(np.random.get_state()), random.getstate()  # noqa: NPY002
    require(before == after, "a global random generator was used")


def check_save_and_load_at_any_point(strategy: Strategy) -> None:
    whole = run_for(fresh(strategy), 7)
    one = fresh(strategy)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "strategy.npz"
        for _ in range(7):
            one.save(path)
            one = load_strategy(path, zero_cost=strategy.zero_cost)
            archs = one.ask(5)
            one.save(path)
            one = type(strategy).load(path, zero_cost=strategy.zero_cost)
            require(np.array_equal(one.pending, archs), "pending rows differ after loading")
            epochs = one.epochs(archs)
            require(bool((epochs >= FULL).all()), f"epochs are {epochs}")
            one.tell(archs, scores_of(one, archs))
        names = [p.name for p in Path(folder).iterdir()]
    require(names == ["strategy.npz"], f"save left other files behind: {names}")
    require(np.array_equal(one.history.archs, whole.history.archs), "it goes on differently after loading")
    require(np.array_equal(one.history.epochs, whole.history.epochs), "epochs differ after loading")
    require(repr(one.get_params()) == repr(whole.get_params()), "parameters differ after loading")


def check_broken_files(strategy: Strategy) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "strategy.npz"
        with expect_error(InvalidFileError, "a missing file", "No file"):
            type(strategy).load(path)
        path.write_bytes(b"\x80\x04N.")
        with expect_error(InvalidFileError, "a pickle", "not a strategy"):
            type(strategy).load(path)


def check_zero_cost(strategy: Strategy) -> None:
    seen: list[int] = []

    def proxy(archs: Rows) -> NDArray[np.float64]:
        seen.append(len(archs))
        return scores_of(strategy, archs)

    plain = fresh(strategy, 4, zero_cost=None).ask(5)
    helped = fresh(strategy, 4, zero_cost=ZeroCost(proxy, warmup=200, moves=4))
    first = helped.ask(5)
    looked = max(seen, default=0)
    require(looked >= 100, f"the warm-up looks at {looked} architectures")
    require(
        scores_of(strategy, first).mean() > scores_of(strategy, plain).mean(),
        "the warm-up does not take the best by the proxy",
    )
    helped.tell(first, scores_of(helped, first))
    run_for(helped, 5)
    require(len(helped.history) == 30, "a zero-cost score ends the search")
    bad = fresh(strategy, zero_cost=ZeroCost(lambda archs: np.zeros(len(archs) + 1), warmup=20))
    with expect_error(InvalidInputError, "a zero-cost function with too many scores", "zero_cost"):
        bad.ask(3)
