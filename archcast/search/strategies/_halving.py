"""Successive halving over epochs, whoever says which architectures begin and which are the best so far."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import whole
from archcast.errors import InvalidInputError
from archcast.search.base import Strategy
from archcast.search.history import FULL
from archcast.spaces.base import SearchSpace

__all__ = ["Halving"]

Row = tuple[int, ...]


class Halving(Strategy):
    """Base of strategies that train many architectures for a few epochs and go on with the best.

    The *rungs* are ``max_epochs / eta^k`` epochs, rounded; the last is a full training. An architecture of bracket s begins at
    rung s; of m that reached a rung, the best ``m // eta`` go on to the next, as soon as that can be said. The brackets take turns,
    with ``eta^(K-1-s) K / (K-s)`` architectures of bracket s in a round of K rungs.

    Args:
        space: search space.
        max_epochs: of a full training.
        min_epochs: fewest at the first rung.
        eta: one in ``eta`` goes on.
        brackets: how many; by default one for each rung.
        common: of the class behind this one.

    Attributes:
        rungs: epochs of each.
    """

    stops_early = True

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        max_epochs: int = 81,
        min_epochs: int = 1,
        eta: int = 3,
        brackets: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(space, **common)
        self.max_epochs = whole("max_epochs", max_epochs, 1)
        self.min_epochs = whole("min_epochs", min_epochs, 1)
        self.eta = whole("eta", eta, 2)
        if min_epochs > max_epochs:
            raise InvalidInputError(f"min_epochs is {min_epochs}, more than max_epochs, {max_epochs}.")
        steps = range(math.floor(math.log(max_epochs / min_epochs, eta) + 1e-9) + 1)
        self.rungs = [round(self.max_epochs / self.eta**k) for k in reversed(steps)]
        self.brackets = brackets
        used = len(self.rungs) if brackets is None else whole("brackets", brackets, 1)
        if used > len(self.rungs):
            raise InvalidInputError(f"brackets is {used}, but there are {len(self.rungs)} rungs: {self.rungs}.")
        k = len(self.rungs)
        self._sizes = [math.ceil(self.eta ** (k - 1 - s) * k / (k - s)) for s in range(used)]
        self._bracket: dict[Row, int] = {}

    def _judged(self, rung: int, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """How good the observations with these numbers are, which reached a rung: the score told there, or better."""
        return self.history.scores[numbers, 0]

    def _epochs(self, archs: NDArray[np.int64]) -> list[int]:
        out = []
        for row in map(tuple, archs.tolist()):
            place = len(self._bracket) % sum(self._sizes)
            bracket = int(np.searchsorted(np.cumsum(self._sizes), place, side="right"))
            self._bracket[row] = bracket
            out.append(self._length(bracket))
        return out

    def _length(self, rung: int) -> int:
        return FULL if rung == len(self.rungs) - 1 else self.rungs[rung]

    def _continue(self, n: int) -> list[tuple[Row, int]]:
        found: list[tuple[Row, int]] = []
        reached = self._reached()
        latest = dict(zip(map(tuple, self.history.archs.tolist()), self.history.epochs.tolist()))
        for rung in range(len(self.rungs) - 2, -1, -1):
            ranked: list[Row] | None = None
            for bracket in range(min(rung + 1, len(self._sizes))):
                here = [row for row, rungs in reached.items() if rung in rungs and self._bracket.get(row) == bracket]
                many = len(here) // self.eta
                if many == 0:
                    continue
                if ranked is None:
                    ranked = self._ranked(rung, reached)
                best = [row for row in ranked if self._bracket.get(row) == bracket][:many]
                found += [
                    (row, self._length(rung + 1))
                    for row in best
                    if row not in self._pending and latest[row] == self.rungs[rung]
                ]
        return found[:n]

    def _reached(self) -> dict[Row, dict[int, int]]:
        """Row -> rung -> number of the observation, of those that did not fail."""
        out: dict[Row, dict[int, int]] = {}
        history = self.history
        for i in np.flatnonzero(history.succeeded).tolist():
            epochs = int(history.epochs[i]) or self.max_epochs
            if epochs in self.rungs:
                out.setdefault(tuple(history.archs[i].tolist()), {})[self.rungs.index(epochs)] = i
        return out

    def _ranked(self, rung: int, reached: dict[Row, dict[int, int]]) -> list[Row]:
        """Rows that reached a rung, the most promising first."""
        rows = [row for row, rungs in reached.items() if rung in rungs]
        values = self._judged(rung, np.array([reached[row][rung] for row in rows]))
        return [rows[i] for i in np.argsort(-values, kind="stable")]

    def _state(self) -> dict[str, Any]:
        return {"brackets": [[list(row), bracket] for row, bracket in self._bracket.items()]}

    def _restore(self, state: dict[str, Any]) -> None:
        self._bracket = {tuple(row): bracket for row, bracket in state["brackets"]}
