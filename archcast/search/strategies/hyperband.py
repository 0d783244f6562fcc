"""Hyperband: train many architectures for a few epochs and go on with those that promise most."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import whole
from archcast.errors import InvalidInputError
from archcast.evidence import Evidence
from archcast.predictors.base import Predictor, get_predictor
from archcast.search.base import Strategy, register
from archcast.search.history import FULL, History
from archcast.spaces.base import SearchSpace

__all__ = ["Hyperband"]

Row = tuple[int, ...]


@register(
    "hyperband",
    summary="successive halving over epochs; a curve predictor may judge who goes on",
    paper="Li et al. 2016, https://arxiv.org/abs/1603.06560; Li et al. 2018 (ASHA), https://arxiv.org/abs/1810.05934",
    uses_predictor=True,
)
class Hyperband(Strategy):
    """Hyperband (Li et al. 2016, https://arxiv.org/abs/1603.06560), run asynchronously (ASHA, Li et al. 2018,
    https://arxiv.org/abs/1810.05934).

    The *rungs* are ``max_epochs / eta^k`` epochs, rounded; the last is a full training. An architecture of bracket s begins at
    rung s; of m that reached a rung, the best ``m // eta`` go on to the next, as soon as that can be said. The brackets take turns,
    with ``eta^(K-1-s) K / (K-s)`` architectures of bracket s in a round of K rungs. ``brackets=1`` is successive halving.

    With a predictor the best are those with the best predicted final score, from the curves told up to that rung. A predictor that
    learns from scores does so from the architectures that were trained to the end; until there are enough of them, and where a
    curve is too short for it, the score reached counts.

    ``strategy.epochs(archs)`` says how long to train what was asked for; tell the score reached then, and the curve as
    ``evidence``.

    Args:
        space: search space.
        max_epochs: of a full training.
        min_epochs: fewest at the first rung.
        eta: one in ``eta`` goes on.
        brackets: how many; by default one for each rung.
        predictor: name of a registered predictor, or a :class:`~archcast.Predictor`, or ``None``.
        common: see :class:`~archcast.search.Strategy`; ``n_init`` has no meaning here.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("hyperband", "nasbench201", max_epochs=9, eta=3, brackets=1, random_state=0)
        >>> archs = strategy.ask(3)
        >>> strategy.epochs(archs).tolist()
        [1, 1, 1]
        >>> strategy.tell(archs, [0.3, 0.5, 0.4])
        >>> again = strategy.ask(1)
        >>> bool((again[0] == archs[1]).all()), strategy.epochs(again).tolist()
        (True, [3])
    """

    stops_early = True
    learns = False

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        max_epochs: int = 81,
        min_epochs: int = 1,
        eta: int = 3,
        brackets: int | None = None,
        predictor: str | Predictor | None = None,
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
        self.predictor = predictor
        self._model = get_predictor(predictor, self.space) if isinstance(predictor, str) else predictor
        if self._model is not None and self._model.requires.proxies:
            raise InvalidInputError(f"predictor {predictor!r} needs proxies; the search has only curves to give.")
        self._bracket: dict[Row, int] = {}

    def _propose(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        return self._sample(2 * n, rng)

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
        numbers = np.array([reached[row][rung] for row in rows])
        values = self._predicted(rung, numbers)
        if values is None:
            values = self.history.scores[numbers, 0]
        return [rows[i] for i in np.argsort(-values, kind="stable")]

    def _predicted(self, rung: int, numbers: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """Predicted final scores of some observations, from what was known at a rung; ``None`` if that cannot be said."""
        if self._model is None:
            return None
        history, needs = self.history, self._model.requires
        full = history[history.succeeded & (history.epochs == FULL)]
        if needs.labels and len(full) < max(needs.min_archs, 3):
            return None
        asked = _known_at(history[numbers], self.rungs[rung])
        if needs.curve is not None and (
            needs.curve not in asked.curves or asked.curves[needs.curve].shape[1] < needs.epochs
        ):
            return None
        from sklearn.base import clone

        model: Predictor = clone(self._model).set_params(random_state=self._asked)
        if needs.labels:
            model.init(full.archs, full.scores[:, 0], _known_at(full, self.rungs[rung]))
        else:
            model.init()
        return model.query(history.archs[numbers], asked).mean

    def _state(self) -> dict[str, Any]:
        return {"brackets": [[list(row), bracket] for row, bracket in self._bracket.items()]}

    def _restore(self, state: dict[str, Any]) -> None:
        self._bracket = {tuple(row): bracket for row, bracket in state["brackets"]}


def _known_at(history: History, epochs: int) -> Evidence:
    """The curves up to some epochs."""
    return Evidence(curves={name: curve[:, :epochs] for name, curve in history.evidence.curves.items()})
