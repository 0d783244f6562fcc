"""The checks accept a sound strategy, and each of them catches a broken one."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest

from archcast.errors import InvalidInputError
from archcast.search.base import STRATEGIES, Strategy
from archcast.search.history import History
from archcast.testing.strategies import check_strategy, strategy_checks

SPACE = "nasbench201"


class Climber(Strategy):
    """A sound strategy: mutates the best three."""

    multi_objective = True

    def _propose(self, n, rng):
        known = self.history[self.history.succeeded]
        best = known.archs[np.argsort(-known.scores[:, 0], kind="stable")[:3]]
        return self.space.mutate(best[rng.integers(len(best), size=3 * n)], rng)


class _Mutant(Climber):
    """Base of the broken ones: their names say what is wrong."""


class AsksForTooFew(_Mutant):
    def ask(self, n=1):
        return super().ask(n)[: max(1, n - 1)]


class AsksForFloats(_Mutant):
    def ask(self, n=1):
        return super().ask(n).astype(float)


class Repeats(_Mutant):
    def _unseen(self, archs):
        return archs

    def _propose(self, n, rng):
        return np.repeat(self.history.archs[:1], n, axis=0)


class ForgetsWhatItWasTold(_Mutant):
    def tell(self, archs, scores, evidence=None, *, failures=None):
        seen = set(self._seen)
        super().tell(archs, scores, evidence, failures=failures)
        self._seen = seen

    def _propose(self, n, rng):
        return np.concatenate([self.history.archs, super()._propose(n, rng)])


class IgnoresItsPool(_Mutant):
    def __init__(self, space, **common):
        super().__init__(space, **common)
        self.given, self.pool = self.pool, None


class GivesUp(_Mutant):
    def _all_unseen(self):
        return self.space.sample(0, 0)

    def _fresh(self, n, rng):
        return self._unseen(self._sample(n, rng))


class AsksForNothing(_Mutant):
    def ask(self, n=1):
        return super().ask(max(1, int(n)))


class HistoryBackwards(_Mutant):
    @property
    def history(self):
        return self._history[::-1]


class WorstIsBest(_Mutant):
    @property
    def best(self):
        known = self._history[self._history.succeeded]
        return History(known.archs, -known.scores, known.epochs, known.failures).best()


class LosesPending(_Mutant):
    def tell(self, archs, scores, evidence=None, *, failures=None):
        super().tell(archs, scores, evidence, failures=failures)
        self._pending.clear()


class DropsFailures(_Mutant):
    def tell(self, archs, scores, evidence=None, *, failures=None):
        scores = np.asarray(scores)
        if scores.dtype == float and scores.ndim == 1 and len(scores) == len(archs) and not np.isinf(scores).any():
            good = ~np.isnan(scores)
            super().tell(archs[good], scores[good], evidence[good] if evidence else evidence)
        else:
            super().tell(archs, scores, evidence, failures=failures)


class StopsAfterFailures(_Mutant):
    def ask(self, n=1):
        found = super().ask(n)
        return found if not len(self.history) or self.best is not None else found[:0]


class AcceptsInfinity(_Mutant):
    def tell(self, archs, scores, evidence=None, *, failures=None):
        with contextlib.suppress(TypeError):
            scores = np.nan_to_num(scores, nan=np.nan, posinf=1.0, neginf=0.0)
        super().tell(archs, scores, evidence, failures=failures)


class IgnoresEvidence(_Mutant):
    def tell(self, archs, scores, evidence=None, *, failures=None):
        if evidence and len(evidence) != len(archs):
            raise InvalidInputError("evidence has other rows.")
        super().tell(archs, scores, failures=failures)


class FailsOnConstants(_Mutant):
    def _propose(self, n, rng):
        scores = self.history.scores[self.history.succeeded, 0]
        if len(scores) > 4 and np.ptp(scores) == 0:
            raise ZeroDivisionError
        return super()._propose(n, rng)


class TakesTwoObjectivesSecretly(_Mutant):
    multi_objective = False

    def tell(self, archs, scores, evidence=None, *, failures=None):
        scores = np.asarray(scores)
        if scores.ndim == 2:
            scores = scores[:, 0]
        super().tell(archs, scores, evidence, failures=failures)


class Wanders(_Mutant):
    def _propose(self, n, rng):
        return self._sample(2 * n, rng)


class Unseeded(_Mutant):
    def _propose(self, n, rng):
        return super()._propose(n, np.random.default_rng())


class UsesGlobalChance(_Mutant):
    def _propose(self, n, rng):
        random.random()
        return super()._propose(n, rng)


class KeepsAMemory(_Mutant):
    def __init__(self, space, **common):
        super().__init__(space, **common)
        self._calls = 0

    def _propose(self, n, rng):
        self._calls += 1
        return super()._propose(n, np.random.default_rng([self._calls, int(rng.integers(100))]))


class IgnoresZeroCost(_Mutant):
    def __init__(self, space, **common):
        super().__init__(space, **common)
        self.given, self.zero_cost = self.zero_cost, None


@pytest.fixture
def registered(monkeypatch):
    """The registry, to be restored after a test that adds to it."""
    monkeypatch.setattr(STRATEGIES, "_entries", dict(STRATEGIES._entries))
    return STRATEGIES.register


CHECKS = {check.__name__: check for check in strategy_checks()}
CATCHES = {
    AsksForTooFew: "check_ask_gives_rows_of_the_space",
    AsksForFloats: "check_ask_gives_rows_of_the_space",
    Repeats: "check_nothing_is_asked_twice",
    ForgetsWhatItWasTold: "check_what_was_told_is_not_asked",
    IgnoresItsPool: "check_pool",
    GivesUp: "check_pool",
    AsksForNothing: "check_wrong_ask",
    HistoryBackwards: "check_history_and_best",
    WorstIsBest: "check_history_and_best",
    LosesPending: "check_told_in_any_order_and_portion",
    DropsFailures: "check_failures",
    StopsAfterFailures: "check_nothing_but_failures",
    AcceptsInfinity: "check_wrong_tell",
    IgnoresEvidence: "check_evidence",
    FailsOnConstants: "check_constant_scores",
    TakesTwoObjectivesSecretly: "check_objectives",
    Wanders: "check_learns",
    Unseeded: "check_same_seed_same_search",
    UsesGlobalChance: "check_no_global_state_is_touched",
    KeepsAMemory: "check_save_and_load_at_any_point",
    IgnoresZeroCost: "check_zero_cost",
}


def test_a_sound_strategy_passes(registered) -> None:
    registered("climber", summary="", paper="")(Climber)
    check_strategy(Climber(SPACE))


@pytest.mark.parametrize("broken", CATCHES, ids=lambda cls: cls.__name__)
def test_a_broken_strategy_is_caught(broken, registered) -> None:
    registered("broken", summary="", paper="")(broken)
    check = CHECKS[CATCHES[broken]]
    with pytest.raises((AssertionError, ZeroDivisionError)):
        check(broken(SPACE))


def test_every_check_catches_something() -> None:
    by_loading = {"check_broken_files"}
    assert set(CHECKS) == set(CATCHES.values()) | by_loading


def test_the_name_of_the_check_is_told(registered) -> None:
    registered("broken", summary="", paper="")(Wanders)
    with pytest.raises(AssertionError, match="Wanders fails check_learns: the last are better"):
        check_strategy(Wanders(SPACE))
