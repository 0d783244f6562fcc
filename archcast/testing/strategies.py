"""Common checks of the strategy contract, for archcast's own strategies and for yours.

``check_strategy(MyStrategy("nasbench201"))`` runs them all; :func:`strategy_checks` lists them, so that a test suite can be
parametrised over them. Each check takes a strategy that it never uses itself: it makes new ones of the same class and
parameters. Strategies with a costly predictor are checked with a cheap one.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidFileError, InvalidInputError
from archcast.evidence import Evidence
from archcast.search.base import Strategy, ZeroCost, load_strategy
from archcast.search.history import FULL
from archcast.testing._assertions import expect_error, require

__all__ = ["check_strategy", "strategy_checks"]

Check = Callable[[Strategy], None]
Rows = NDArray[np.int64]
_CHECKS: list[Check] = []


def strategy_checks() -> list[Check]:
    """The checks, each a function of a strategy."""
    return list(_CHECKS)


def check_strategy(strategy: Strategy) -> None:
    """Run every check on ``strategy``.

    Examples:
        >>> import archcast
        >>> check_strategy(archcast.get_strategy("regularized-evolution", "nasbench201"))

    Raises:
        AssertionError: names the first check that failed and says why.
    """
    for check in _CHECKS:
        try:
            check(strategy)
        except Exception as error:
            raise AssertionError(f"{type(strategy).__name__} fails {check.__name__}: {error}") from error


# -- what the checks are made of ---------------------------------------------------------------------------------------


def _check(function: Check) -> Check:
    _CHECKS.append(function)
    return function


def _fresh(strategy: Strategy, seed: int = 0, **changes: object) -> Strategy:
    params = {**strategy.get_params(), **changes}
    return type(strategy)(strategy.space, random_state=seed, **params)


def _score(strategy: Strategy, archs: Rows) -> NDArray[np.float64]:
    """A smooth function of the rows with one maximum, the largest value of each decision; of functions, not of notations."""
    rows = strategy.space.canonical(archs)
    return np.asarray((rows / np.maximum(np.asarray(strategy.space.cardinalities) - 1, 1)).mean(axis=1))


def _step(strategy: Strategy, n: int = 5) -> Rows:
    """Ask and tell once."""
    archs = strategy.ask(n)
    strategy.tell(archs, _score(strategy, archs))
    return archs


def _run(strategy: Strategy, rounds: int = 6, n: int = 5) -> Strategy:
    for _ in range(rounds):
        _step(strategy, n)
    return strategy


def _keys(strategy: Strategy, archs: Rows, epochs: NDArray[np.int64]) -> list[tuple[bytes, int]]:
    """Equal for evaluations that would be the same."""
    return [(row.tobytes(), int(e)) for row, e in zip(strategy.space.canonical(archs), epochs)]


# -- asking ------------------------------------------------------------------------------------------------------------


@_check
def check_ask_gives_rows_of_the_space(strategy: Strategy) -> None:
    one = _fresh(strategy)
    for n in (1, 7, 3, 10):
        archs = one.ask(n)
        require(archs.shape == (n, len(one.space.cardinalities)), f"ask({n}) gives shape {archs.shape}")
        require(archs.dtype == np.int64, f"rows are {archs.dtype}")
        one.space.validate(archs)
        one.tell(archs, _score(one, archs))


@_check
def check_nothing_is_asked_twice(strategy: Strategy) -> None:
    one = _fresh(strategy)
    found: list[tuple[bytes, int]] = []
    for k in range(10):
        archs = one.ask(6)
        found += _keys(one, archs, one.epochs(archs))
        if k % 3:  # every third batch stays pending
            one.tell(archs, _score(one, archs))
    require(len(set(found)) == len(found) == 60, f"{len(found) - len(set(found))} of 60 were asked for twice")


@_check
def check_what_was_told_is_not_asked(strategy: Strategy) -> None:
    one = _fresh(strategy)
    known = one.space.sample(40, 3)
    one.tell(known, _score(one, known))
    told = {key for key, _ in _keys(one, known, np.zeros(len(known), dtype=np.int64))}
    for _ in range(5):
        archs = one.ask(5)
        again = told & {key for key, _ in _keys(one, archs, one.epochs(archs))}
        require(not again, "it asks for what it was told without having asked")
        one.tell(archs, _score(one, archs))


@_check
def check_pool(strategy: Strategy) -> None:
    pool = strategy.space.sample(60, 5)
    functions = len(np.unique(strategy.space.canonical(pool), axis=0))
    allowed = {row.tobytes() for row in pool}
    one = _fresh(strategy, pool=pool)
    seen: set[bytes] = set()
    for _ in range(200):
        archs = one.ask(7)
        if len(archs) == 0:
            break
        seen |= {row.tobytes() for row in archs}
        one.tell(archs, _score(one, archs))
    require(seen <= allowed, "it asks for rows outside its pool")
    require(
        len(seen) == functions, f"{len(seen)} of {functions} functions of the pool were asked for before it gave up"
    )
    require(len(one.ask(1)) == 0, "it asks for something when nothing is left")


@_check
def check_wrong_ask(strategy: Strategy) -> None:
    for n in (0, -1, 1.5, True):
        with expect_error(InvalidInputError, f"ask({n})", "n must be"):
            _fresh(strategy).ask(n)  # type: ignore[arg-type]


# -- telling -----------------------------------------------------------------------------------------------------------


@_check
def check_history_and_best(strategy: Strategy) -> None:
    one = _fresh(strategy)
    require(one.best is None and len(one.history) == 0 and len(one.pending) == 0, "a new strategy knows something")
    rows, scores = [], []
    for _ in range(3):
        archs = one.ask(4)
        require(np.array_equal(one.pending, archs), "what was asked for is not pending")
        value = _score(one, archs)
        one.tell(archs, value)
        rows.append(archs)
        scores.append(value)
    require(len(one.pending) == 0, "what was told is pending")
    require(np.array_equal(one.history.archs, np.concatenate(rows)), "history is not in the order told")
    require(np.array_equal(one.history.scores[:, 0], np.concatenate(scores)), "history has other scores")
    if not one.stops_early:
        best = one.best
        require(best is not None and best.score == np.concatenate(scores).max(), "best is not the best told")


@_check
def check_told_in_any_order_and_portion(strategy: Strategy) -> None:
    one = _fresh(strategy)
    archs = one.ask(6)
    more = one.ask(2)
    one.tell(more[[1]], _score(one, more[[1]]))
    one.tell(archs[::-1], _score(one, archs[::-1]))
    require(np.array_equal(one.pending, more[:1]), "the row that was not told is not pending")
    _run(one, 3)
    require(np.array_equal(one.pending, more[:1]), "a pending row got lost")
    one.tell(more[:1], _score(one, more[:1]))
    require(len(one.history) == 23, f"23 were told, {len(one.history)} are in the history")


@_check
def check_failures(strategy: Strategy) -> None:
    one = _fresh(strategy)
    for k in range(8):
        archs = one.ask(4)
        scores = _score(one, archs)
        scores[::2] = np.nan
        if k == 0:
            scores[:] = np.nan
        one.tell(archs, scores, failures=["out of memory" if bad else None for bad in np.isnan(scores)])
    history = one.history
    require(int((~history.succeeded).sum()) == 18, "failures were not kept")
    for ok, reason in zip(history.succeeded, history.failures):
        require(reason == ("" if ok else "out of memory"), f"reason {reason!r} for a score that is {bool(ok)}")
    require(one.best is not None, "there is no best although some succeeded")


@_check
def check_nothing_but_failures(strategy: Strategy) -> None:
    one = _fresh(strategy)
    for _ in range(5):
        archs = one.ask(5)
        require(len(archs) == 5, "it stops asking after failures")
        one.tell(archs, np.full(5, np.nan))
    require(one.best is None, "a failure is the best")
    require(one.history.failures[0] != "", "a failure without a reason has none")


@_check
def check_wrong_tell(strategy: Strategy) -> None:
    one = _fresh(strategy)
    archs = one.ask(4)
    scores = _score(one, archs)
    for what, wrong in (
        ("too few", scores[1:]),
        ("infinite", scores * np.inf),
        ("text", ["good"] * 4),
        ("three-dimensional", scores[:, None, None]),
    ):
        with expect_error(InvalidInputError, f"scores that are {what}", "scores"):
            one.tell(archs, wrong)
    with expect_error(InvalidInputError, "rows of another width", "archs"):
        one.tell(archs[:, :-1], scores)
    with expect_error(InvalidInputError, "evidence of other rows", "evidence"):
        one.tell(archs, scores, Evidence(proxies={"snip": scores[1:]}))
    with expect_error(InvalidInputError, "failures of other rows", "failures"):
        one.tell(archs, scores, failures=["no"])
    require(len(one.history) == 0 and len(one.pending) == 4, "a wrong tell changed something")
    one.tell(archs, scores)


@_check
def check_evidence(strategy: Strategy) -> None:
    one = _fresh(strategy)
    for k in range(5):
        archs = one.ask(5)
        scores = _score(one, archs)
        curves = {"val_accuracy": np.linspace(0.1, scores, k + 1).T}
        one.tell(archs, scores, Evidence(curves=curves) if k else None)
    require("val_accuracy" in one.history.evidence.curves, "evidence is not in the history")
    curve = one.history.evidence.curves["val_accuracy"]
    require(curve.shape == (25, 5), f"curves told in portions have shape {curve.shape}")
    require(np.isnan(curve[:5]).all() and np.isfinite(curve[20:]).all(), "curves are not those told")


@_check
def check_constant_scores(strategy: Strategy) -> None:
    one = _fresh(strategy)
    for _ in range(6):
        archs = one.ask(5)
        one.tell(archs, np.full(len(archs), 93.25))
    require(len(one.history) == 30, "scores that are all the same end the search")


@_check
def check_objectives(strategy: Strategy) -> None:
    one = _fresh(strategy)
    for _ in range(4):
        archs = one.ask(5)
        value = _score(one, archs)
        scores = np.stack([value, -(value**2)], axis=1)
        if not one.multi_objective:
            with expect_error(InvalidInputError, "two objectives", "one objective"):
                one.tell(archs, scores)
            return
        one.tell(archs, scores)
    best = one.best
    require(best is not None and isinstance(best.score, tuple) and len(best.score) == 2, f"best is {best}")
    with expect_error(InvalidInputError, "another number of objectives", "objectives"):
        one.tell(one.ask(2), np.zeros((2, 3)))


@_check
def check_learns(strategy: Strategy) -> None:
    if not strategy.learns:
        return
    gains = []
    for seed in range(3):
        one = _run(_fresh(strategy, seed, n_init=10), 14)
        scores = one.history.scores[:, 0]
        gains.append(scores[-20:].mean() - scores[:10].mean())
    require(np.mean(gains) > 0.08, f"the last are better than the random ones by only {np.mean(gains):.3f}")


# -- chance and state --------------------------------------------------------------------------------------------------


@_check
def check_same_seed_same_search(strategy: Strategy) -> None:
    first, second, other = (_run(_fresh(strategy, seed), 5) for seed in (0, 0, 1))
    require(np.array_equal(first.history.archs, second.history.archs), "the same seed gives another search")
    require(not np.array_equal(first.history.archs, other.history.archs), "another seed gives the same search")


@_check
def check_no_global_state_is_touched(strategy: Strategy) -> None:
    _run(_fresh(strategy), 4)
    before = repr(np.random.get_state()), random.getstate()  # noqa: NPY002
    _run(_fresh(strategy), 4)
    after = repr(np.random.get_state()), random.getstate()  # noqa: NPY002
    require(before == after, "a global random generator was used")


@_check
def check_save_and_load_at_any_point(strategy: Strategy) -> None:
    whole = _run(_fresh(strategy), 7)
    one = _fresh(strategy)
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
            one.tell(archs, _score(one, archs))
        names = [p.name for p in Path(folder).iterdir()]
    require(names == ["strategy.npz"], f"save left other files behind: {names}")
    require(np.array_equal(one.history.archs, whole.history.archs), "it goes on differently after loading")
    require(np.array_equal(one.history.epochs, whole.history.epochs), "epochs differ after loading")
    require(repr(one.get_params()) == repr(whole.get_params()), "parameters differ after loading")


@_check
def check_broken_files(strategy: Strategy) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "strategy.npz"
        with expect_error(InvalidFileError, "a missing file", "No file"):
            type(strategy).load(path)
        path.write_bytes(b"\x80\x04N.")
        with expect_error(InvalidFileError, "a pickle", "not a strategy"):
            type(strategy).load(path)


@_check
def check_zero_cost(strategy: Strategy) -> None:
    seen: list[int] = []

    def proxy(archs: Rows) -> NDArray[np.float64]:
        seen.append(len(archs))
        return _score(strategy, archs)

    plain = _fresh(strategy, 4, zero_cost=None).ask(5)
    helped = _fresh(strategy, 4, zero_cost=ZeroCost(proxy, warmup=200, moves=4))
    first = helped.ask(5)
    looked = max(seen, default=0)
    require(looked >= 100, f"the warm-up looks at {looked} architectures")
    require(
        _score(strategy, first).mean() > _score(strategy, plain).mean(),
        "the warm-up does not take the best by the proxy",
    )
    helped.tell(first, _score(helped, first))
    _run(helped, 5)
    require(len(helped.history) == 30, "a zero-cost score ends the search")
    bad = _fresh(strategy, zero_cost=ZeroCost(lambda archs: np.zeros(len(archs) + 1), warmup=20))
    with expect_error(InvalidInputError, "a zero-cost function with too many scores", "zero_cost"):
        bad.ask(3)
