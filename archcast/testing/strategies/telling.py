"""Checks of tell: any order and portion, failures, evidence, objectives; and that the strategy learns."""

from __future__ import annotations

import numpy as np

from archcast.errors import InvalidInputError
from archcast.evidence import Evidence
from archcast.search.base import Strategy
from archcast.testing._assertions import expect_error, require
from archcast.testing.strategies._material import fresh, run_for, scores_of


def check_history_and_best(strategy: Strategy) -> None:
    one = fresh(strategy)
    require(one.best is None and len(one.history) == 0 and len(one.pending) == 0, "a new strategy knows something")
    rows, scores = [], []
    for _ in range(3):
        archs = one.ask(4)
        require(np.array_equal(one.pending, archs), "what was asked for is not pending")
        value = scores_of(one, archs)
        one.tell(archs, value)
        rows.append(archs)
        scores.append(value)
    require(len(one.pending) == 0, "what was told is pending")
    require(np.array_equal(one.history.archs, np.concatenate(rows)), "history is not in the order told")
    require(np.array_equal(one.history.scores[:, 0], np.concatenate(scores)), "history has other scores")
    if not one.stops_early:
        best = one.best
        require(best is not None and best.score == np.concatenate(scores).max(), "best is not the best told")


def check_told_in_any_order_and_portion(strategy: Strategy) -> None:
    one = fresh(strategy)
    archs = one.ask(6)
    more = one.ask(2)
    one.tell(more[[1]], scores_of(one, more[[1]]))
    one.tell(archs[::-1], scores_of(one, archs[::-1]))
    require(np.array_equal(one.pending, more[:1]), "the row that was not told is not pending")
    run_for(one, 3)
    require(np.array_equal(one.pending, more[:1]), "a pending row got lost")
    one.tell(more[:1], scores_of(one, more[:1]))
    require(len(one.history) == 23, f"23 were told, {len(one.history)} are in the history")


def check_failures(strategy: Strategy) -> None:
    one = fresh(strategy)
    for k in range(8):
        archs = one.ask(4)
        scores = scores_of(one, archs)
        scores[::2] = np.nan
        if k == 0:
            scores[:] = np.nan
        one.tell(archs, scores, failures=["out of memory" if bad else None for bad in np.isnan(scores)])
    history = one.history
    require(int((~history.succeeded).sum()) == 18, "failures were not kept")
    for ok, reason in zip(history.succeeded, history.failures):
        require(reason == ("" if ok else "out of memory"), f"reason {reason!r} for a score that is {bool(ok)}")
    require(one.best is not None, "there is no best although some succeeded")


def check_nothing_but_failures(strategy: Strategy) -> None:
    one = fresh(strategy)
    for _ in range(5):
        archs = one.ask(5)
        require(len(archs) == 5, "it stops asking after failures")
        one.tell(archs, np.full(5, np.nan))
    require(one.best is None, "a failure is the best")
    require(one.history.failures[0] != "", "a failure without a reason has none")


def check_wrong_tell(strategy: Strategy) -> None:
    one = fresh(strategy)
    archs = one.ask(4)
    scores = scores_of(one, archs)
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


def check_evidence(strategy: Strategy) -> None:
    one = fresh(strategy)
    for k in range(5):
        archs = one.ask(5)
        scores = scores_of(one, archs)
        curves = {"val_accuracy": np.linspace(0.1, scores, k + 1).T}
        one.tell(archs, scores, Evidence(curves=curves) if k else None)
    require("val_accuracy" in one.history.evidence.curves, "evidence is not in the history")
    curve = one.history.evidence.curves["val_accuracy"]
    require(curve.shape == (25, 5), f"curves told in portions have shape {curve.shape}")
    require(np.isnan(curve[:5]).all() and np.isfinite(curve[20:]).all(), "curves are not those told")


def check_constant_scores(strategy: Strategy) -> None:
    one = fresh(strategy)
    for _ in range(6):
        archs = one.ask(5)
        one.tell(archs, np.full(len(archs), 93.25))
    require(len(one.history) == 30, "scores that are all the same end the search")


def check_objectives(strategy: Strategy) -> None:
    one = fresh(strategy)
    for _ in range(4):
        archs = one.ask(5)
        value = scores_of(one, archs)
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


def check_learns(strategy: Strategy) -> None:
    if not strategy.learns:
        return
    gains = []
    for seed in range(3):
        one = run_for(fresh(strategy, seed, n_init=10), 14)
        scores = one.history.scores[:, 0]
        gains.append(scores[-20:].mean() - scores[:10].mean())
    require(np.mean(gains) > 0.08, f"the last are better than the random ones by only {np.mean(gains):.3f}")
