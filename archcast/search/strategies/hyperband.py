"""Hyperband: train many architectures for a few epochs and go on with those that promise most."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError, short
from archcast.evidence import Evidence
from archcast.predictors.base import Predictor, get_predictor
from archcast.search.base import register
from archcast.search.history import FULL, History
from archcast.search.strategies._halving import Halving
from archcast.spaces.base import SearchSpace

__all__ = ["Hyperband"]


@register(
    "hyperband",
    summary="successive halving over epochs; a curve predictor may judge who goes on",
    paper="Li et al. 2016, https://arxiv.org/abs/1603.06560; Li et al. 2018 (ASHA), https://arxiv.org/abs/1810.05934",
    uses_predictor=True,
)
class Hyperband(Halving):
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

    learns = False

    def __init__(self, space: str | SearchSpace, *, predictor: str | Predictor | None = None, **common: Any) -> None:
        super().__init__(space, **common)
        if predictor is not None and not isinstance(predictor, (str, Predictor)):
            raise InvalidInputError(f"predictor must be a name or an archcast.Predictor, got {short(predictor)}.")
        self.predictor = predictor
        self._model = get_predictor(predictor, self.space) if isinstance(predictor, str) else predictor
        if self._model is not None and self._model.requires.proxies:
            raise InvalidInputError(f"predictor {short(predictor)} needs proxies; the search has only curves to give.")

    def _propose(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        return self._sample(2 * n, rng)

    def _judged(self, rung: int, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        predicted = self._predicted(rung, numbers)
        return super()._judged(rung, numbers) if predicted is None else predicted

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


def _known_at(history: History, epochs: int) -> Evidence:
    """The curves up to some epochs."""
    return Evidence(curves={name: curve[:, :epochs] for name, curve in history.evidence.curves.items()})
