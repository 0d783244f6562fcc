"""The contract of a search strategy: *ask* for architectures to train, *tell* how good they are.

    strategy = archcast.get_strategy("bayesian", "nasbench201", predictor="gp", random_state=0)
    while budget:
        archs = strategy.ask(10)
        strategy.tell(archs, [train(arch) for arch in archs])

Whoever holds the strategy decides when and where the training happens: one after the other, on many machines, in any order.
Rows that were asked for and not told yet are *pending*; a strategy may be asked again while there are some.

To add a strategy, subclass :class:`Strategy`, write ``_propose``, and decorate the class with ``@register("my-strategy")``;
``archcast.testing.check_strategy`` tells whether it keeps the contract. Whatever a strategy remembers besides its history it
returns from ``_state`` and takes back in ``_restore``.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import Self

from archcast.checks import listed, seed_of, whole
from archcast.errors import InvalidFileError, InvalidInputError, short
from archcast.evidence import Evidence
from archcast.names import STRATEGIES, get_strategy
from archcast.predictors.persistence import read_state, write_state
from archcast.search.history import FULL, History, Observation, as_scores
from archcast.spaces.base import ENUMERATION_LIMIT, SearchSpace, get_space

__all__ = ["STRATEGIES", "Strategy", "ZeroCost", "get_strategy", "load_strategy", "register"]

register = STRATEGIES.register

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class ZeroCost:
    """Help from a score that needs no training (Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134).

    Attributes:
        function: ``(m, d)`` rows -> ``(m,)`` scores, higher is better; NaN, where there is none, counts as lowest.
        warmup: the first architectures are the best of this many random ones; 0 for random ones.
        moves: each later architecture is the best of this many that the strategy would take; 1 leaves it alone.
    """

    function: Callable[[Rows], ArrayLike]
    warmup: int = 0
    moves: int = 1

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise InvalidInputError(f"zero_cost.function must be callable, got {type(self.function).__name__}.")
        whole("zero_cost.warmup", self.warmup, 0)
        whole("zero_cost.moves", self.moves, 1)

    def best(self, archs: Rows, n: int) -> Rows:
        """The ``n`` rows with the highest scores, best first."""
        if len(archs) <= 1:
            return archs[:n]
        scores = np.asarray(self.function(archs), dtype=np.float64)
        if scores.shape != (len(archs),):
            raise InvalidInputError(
                f"zero_cost.function must return shape ({len(archs)},), one score a row, got {scores.shape}."
            )
        return archs[np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")[:n]]


class Strategy(ABC):
    """Base class of all strategies.

    Args:
        space: name of a search space, or a :class:`~archcast.spaces.SearchSpace`.
        n_init: random architectures to begin with.
        pool: ``(m, d)`` the only rows that may be asked for, or twins of which may; by default all of the space.
        zero_cost: help from a score without training.
        random_state: seed, generator or ``None``. What is asked depends on it and on what was told, on nothing else.

    Attributes:
        multi_objective: whether it takes several objectives.
        stops_early: whether it asks for trainings of fewer epochs than all.
        learns: whether the architectures it begins to train depend on the scores.
        begins_at_random: whether the first architectures are random.
        trains_weights: whether it trains a network of its own, on images, before it asks.
    """

    multi_objective: ClassVar[bool] = False
    stops_early: ClassVar[bool] = False
    learns: ClassVar[bool] = True
    begins_at_random: bool = True
    trains_weights: ClassVar[bool] = False

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        n_init: int = 10,
        pool: ArrayLike | None = None,
        zero_cost: ZeroCost | None = None,
        random_state: Any = None,
    ) -> None:
        self.space = get_space(space)
        self.n_init = whole("n_init", n_init, 1)
        if zero_cost is not None and not isinstance(zero_cost, ZeroCost):
            raise InvalidInputError(f"zero_cost must be an archcast.search.ZeroCost, got {type(zero_cost).__name__}.")
        self.zero_cost = zero_cost
        self.pool = None if pool is None else self.space.validate(pool, allow_empty=False, name="pool")
        self._in_pool: dict[bytes, int] = {}
        if self.pool is not None:
            self._in_pool = {key: i for i, key in reversed(list(enumerate(self._keys(self.pool))))}
        self._seed = _entropy(random_state)
        self._asked = 0
        self._history = History.empty(len(self.space.cardinalities))
        self._pending: dict[tuple[int, ...], int] = {}
        self._seen: set[bytes] = set()

    # -- what a subclass writes ---------------------------------------------------------------------------------------

    @abstractmethod
    def _propose(self, n: int, rng: np.random.Generator) -> Rows:
        """Rows worth training next, best first; about ``n``, more or fewer. Those seen already are sorted out."""

    def _continue(self, n: int) -> list[tuple[tuple[int, ...], int]]:
        """At most ``n`` rows trained already that should be trained for more epochs, and how many in all."""
        return []

    def _epochs(self, archs: Rows) -> list[int]:
        """Epochs that each of these new rows, now asked for, should be trained for."""
        return [FULL] * len(archs)

    def _learn(self, new: History) -> None:  # noqa: B027
        """Take notice of what was just told."""

    def _state(self) -> dict[str, Any]:
        """What is remembered besides the history: numbers, texts, lists, dicts with text keys, arrays."""
        return {}

    def _restore(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Take back what ``_state`` returned."""

    # -- the two verbs ------------------------------------------------------------------------------------------------

    def ask(self, n: int = 1) -> Rows:
        """``(n, d)`` architectures to train next; fewer if the space has no more.

        No two of all rows ever asked for or told compute the same function, except that a strategy which stops trainings
        early asks again for those that should go on.
        """
        whole("n", n, 1)
        rng = np.random.default_rng([self._seed, self._asked])
        going_on = self._continue(n)
        rows = self._new_rows(n - len(going_on), rng) if len(going_on) < n else self.space.sample(0, rng)
        asked = [*going_on, *zip(map(tuple, rows.tolist()), self._epochs(rows), strict=True)]
        self._pending.update(asked)
        self._seen.update(self._keys(rows))
        self._asked += len(asked)
        return np.array([row for row, _ in asked], dtype=np.int64).reshape(-1, len(self.space.cardinalities))

    def tell(
        self,
        archs: ArrayLike,
        scores: ArrayLike,
        evidence: Evidence | None = None,
        *,
        failures: Sequence[str | None] | None = None,
    ) -> None:
        """Report results: of rows asked for, in any order and portion, or of others that are known.

        Args:
            archs: ``(n, d)`` rows.
            scores: ``(n,)``, or ``(n, k)`` for k objectives, higher is better; NaN for an evaluation that failed.
            evidence: what else is known of them, such as their learning curves.
            failures: why evaluations failed, ``None`` or empty for the others.

        Raises:
            InvalidInputError: wrong shapes or values; nothing is taken then.
        """
        rows = self.space.validate(archs)
        values = as_scores(scores, len(rows))
        evidence = Evidence() if evidence is None else evidence
        if not isinstance(evidence, Evidence):
            raise InvalidInputError(f"evidence must be an archcast.Evidence, got {short(evidence)}.")
        failures = None if failures is None else listed("failures", failures, "reasons")
        if any(reason is not None and not isinstance(reason, str) for reason in failures or ()):
            raise InvalidInputError(f"failures must be a list of texts and None, got {short(failures)}.")
        if evidence and len(evidence) != len(rows):
            raise InvalidInputError(f"evidence has {len(evidence)} rows, archs has {len(rows)}: they must be aligned.")
        if failures is not None and len(failures) != len(rows):
            raise InvalidInputError(f"failures has {len(failures)} entries, archs has {len(rows)} rows.")
        if values.shape[1] > 1 and not self.multi_objective:
            raise InvalidInputError(
                f"{type(self).__name__} takes one objective, scores has {values.shape[1]}. "
                f"Strategies for several: {', '.join(s for s in STRATEGIES if STRATEGIES[s].multi_objective)}."
            )
        failed = np.asarray(np.isnan(values).any(axis=1))
        given = failures or [None] * len(rows)
        reasons = [(reason or "no score") if bad else "" for reason, bad in zip(given, failed.tolist(), strict=True)]
        keys = [tuple(row) for row in rows.tolist()]
        epochs = np.array([self._pending.get(key, FULL) for key in keys], dtype=np.int64)
        history = self._history.add(rows, np.where(failed[:, None], np.nan, values), epochs, reasons, evidence)
        new = history[len(self._history) :]
        self._history = history
        for key in keys:
            self._pending.pop(key, None)
        self._seen.update(self._keys(rows))
        self._learn(new)

    def expect(self, archs: ArrayLike) -> None:
        """Count rows as asked for that somebody else trains, on another machine say: they are pending, and neither they nor their
        twins are asked for.

        Raises:
            InvalidInputError: wrong shape or values.
        """
        rows = self.space.validate(archs)
        self._pending.update(dict.fromkeys(map(tuple, rows.tolist()), FULL))
        self._seen.update(self._keys(rows))

    @property
    def history(self) -> History:
        """What was told, in that order."""
        return self._history

    @property
    def pending(self) -> Rows:
        """``(m, d)`` rows asked for and not told yet, in the order in which they were asked for."""
        return np.array(list(self._pending), dtype=np.int64).reshape(-1, len(self.space.cardinalities))

    def epochs(self, archs: ArrayLike) -> NDArray[np.int64]:
        """``(n,)`` epochs in all that pending rows should be trained for; 0 is a full training."""
        return np.array(
            [self._pending.get(tuple(r), FULL) for r in self.space.validate(archs).tolist()], dtype=np.int64
        )

    @property
    def best(self) -> Observation | None:
        """The best architecture told, by the first objective; ``None`` before the first that did not fail."""
        return self._history.best()

    # -- files --------------------------------------------------------------------------------------------------------

    @classmethod
    def param_names(cls) -> list[str]:
        """Names of the parameters besides ``space``."""
        found: dict[str, None] = {}
        for base in cls.__mro__:
            if "__init__" in vars(base) and issubclass(base, Strategy):
                parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
                found.update(dict.fromkeys(p.name for p in parameters if p.kind is p.KEYWORD_ONLY))
        return list(found)

    def get_params(self) -> dict[str, Any]:
        """Parameters besides ``space`` and ``random_state``."""
        return {name: getattr(self, name) for name in self.param_names() if name != "random_state"}

    def save(self, path: str | Path) -> None:
        """Write parameters, history, pending rows and the rest of the state: arrays and JSON, never a pickle; whole or not at
        all. A zero-cost function is not written: give it to :func:`load_strategy` again.

        Raises:
            InvalidInputError: the class is not registered, or a parameter cannot be written.
        """
        name = STRATEGIES.name_of(type(self))
        if name is None:
            raise InvalidInputError(f"{type(self).__name__} is not registered. Decorate it with @register(name).")
        params = {key: value for key, value in self.get_params().items() if key != "zero_cost"}
        state = {
            "strategy": name,
            "space": self.space,
            "params": params,
            "zero_cost": self.zero_cost is not None,
            "seed": str(self._seed),
            "asked": self._asked,
            "pending": [[list(row), epochs] for row, epochs in self._pending.items()],
            "history": self._history.to_dict(),
            "state": self._state(),
        }
        write_state(path, "strategy", state)

    @classmethod
    def load(cls, path: str | Path, *, zero_cost: ZeroCost | None = None) -> Self:
        """Read a strategy that :meth:`save` wrote; it goes on as if it had never stopped.

        Raises:
            InvalidFileError: not such a file.
            InvalidInputError: it is of another class, or it had a zero-cost function and none is given.
        """
        strategy = load_strategy(path, zero_cost=zero_cost)
        if not isinstance(strategy, cls):
            raise InvalidInputError(f"{str(path)!r} holds a {type(strategy).__name__}, not a {cls.__name__}.")
        return strategy

    # -- helpers for subclasses ---------------------------------------------------------------------------------------

    def _sample(self, n: int, rng: np.random.Generator) -> Rows:
        """Random rows of the pool, or of the space; seen or not."""
        if self.pool is not None:
            return self.pool[rng.integers(len(self.pool), size=n)]
        return self.space.sample(n, rng)

    def _unseen(self, archs: Rows) -> Rows:
        """The rows that are new: no function twice, none asked or told, each in the pool; order kept."""
        archs = np.asarray(archs, dtype=np.int64).reshape(-1, len(self.space.cardinalities))
        keys = self._keys(archs)
        first: dict[bytes, int] = {}
        for i, key in enumerate(keys):
            if key not in self._seen and (self.pool is None or key in self._in_pool):
                first.setdefault(key, i)
        if self.pool is not None:
            return self.pool[[self._in_pool[key] for key in first]]
        return archs[list(first.values())]

    def _all_unseen(self) -> Rows:
        """Every new row, where the space can be enumerated or there is a pool."""
        return self._unseen(self.space.enumerate() if self.pool is None else self.pool)

    def _fresh(self, n: int, rng: np.random.Generator) -> Rows:
        """``n`` new random rows; with a warm-up, the best of that many by the zero-cost score."""
        warmup = 0 if self.zero_cost is None else self.zero_cost.warmup
        many = max(n, warmup)
        found = self._unseen(self._sample(2 * many, rng))
        for _ in range(20):
            if len(found) >= many:
                break
            found = self._unseen(np.concatenate([found, self._sample(4 * many, rng)]))
        if len(found) < n and (
            self.pool is not None or math.prod(map(int, self.space.cardinalities)) <= ENUMERATION_LIMIT
        ):
            found = rng.permutation(self._all_unseen())
        return found[:n] if self.zero_cost is None or not warmup else self.zero_cost.best(found[:many], n)

    def _new_rows(self, n: int, rng: np.random.Generator) -> Rows:
        known = self._history[self._history.succeeded]
        first = n if len(known) == 0 else max(0, min(n, self.n_init - len(self._seen)))
        if not self.begins_at_random and (self.zero_cost is None or not self.zero_cost.warmup):
            first = 0
        rows = self._fresh(first, rng) if first else self.space.sample(0, rng)
        moves = 1 if self.zero_cost is None else self.zero_cost.moves
        while first < n and (missing := n - len(rows)) > 0:
            found = self._unseen_besides(self._propose(missing * moves, rng), rows)
            if len(found) == 0:
                break
            if self.zero_cost is not None and moves > 1:
                found = self.zero_cost.best(found, missing)
            rows = np.concatenate([rows, found[:missing]])
        if (missing := n - len(rows)) > 0:
            more = self._unseen_besides(self._fresh(n, rng), rows)
            rows = np.concatenate([rows, more[:missing]])
        return rows

    def _unseen_besides(self, archs: Rows, taken: Rows) -> Rows:
        """New rows of ``archs`` that are the same function as none of ``taken``, which are new themselves."""
        return self._unseen(np.concatenate([taken, archs]))[len(taken) :]

    def _keys(self, archs: Rows) -> list[bytes]:
        """Equal exactly for rows that compute the same function."""
        return [row.tobytes() for row in self.space.canonical(archs)] if len(archs) else []

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.space.name!r}, {len(self._history)} told, {len(self._pending)} pending)"


def load_strategy(path: str | Path, *, zero_cost: ZeroCost | None = None) -> Strategy:
    """Read a strategy that :meth:`Strategy.save` wrote; see :meth:`Strategy.load`."""
    state = read_state(path, "strategy")
    if isinstance(state, dict) and state.get("zero_cost") and zero_cost is None:
        raise InvalidInputError(
            f"{str(path)!r} had a zero-cost function, which is not in the file: load it with zero_cost=..."
        )
    try:
        component = STRATEGIES[state["strategy"]]
        strategy = component(state["space"], **state["params"], zero_cost=zero_cost, random_state=int(state["seed"]))
        strategy._asked = state["asked"]
        strategy._pending = {tuple(row): epochs for row, epochs in state["pending"]}
        strategy._history = History.from_dict(state["history"])
        strategy._seen = set(strategy._keys(np.concatenate([strategy._history.archs, strategy.pending])))
        strategy._restore(state["state"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidFileError(f"{str(path)!r} is not a strategy that archcast saved: {error}") from error
    return strategy


def _entropy(random_state: Any) -> int:
    """A seed from a seed, a generator or nothing."""
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if random_state is None:
        return int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
    return seed_of("random_state", random_state)
