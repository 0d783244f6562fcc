"""Bayesian optimisation in Hyperband: a predictor chooses what begins, successive halving what goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import whole
from archcast.search.base import register
from archcast.search.checks import number
from archcast.search.strategies._halving import Halving
from archcast.search.strategies.bayesian import Bayesian
from archcast.spaces.base import SearchSpace

__all__ = ["BOHB"]


@register(
    "bohb",
    summary="Hyperband whose architectures a predictor proposes",
    paper="Falkner et al. 2018, https://arxiv.org/abs/1807.01774",
    uses_predictor=True,
)
class BOHB(Halving, Bayesian):
    """Bayesian optimisation and Hyperband together (BOHB, Falkner et al. 2018, https://arxiv.org/abs/1807.01774).

    Epochs and brackets are those of ``hyperband``. New architectures come from ``bayesian``: the predictor learns the scores of
    the highest rung that at least ``least`` architectures reached, and the candidates with the highest acquisition begin, except a
    share of ``random_share``, which is drawn at random.

    What differs from the paper: any predictor takes the place of the tree-structured Parzen estimator, and halving is
    asynchronous.

    Args:
        space: search space.
        least: architectures that must have reached a rung before a predictor learns from it; by default the number of decisions
            and one.
        random_share: probability that a new architecture is random.
        max_epochs, min_epochs, eta, brackets: see ``hyperband``.
        predictor, acquisition, candidates, n_candidates, n_parents, batch, kappa, continues, targets: see ``bayesian``.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("bohb", "nasbench201", max_epochs=9, random_state=0)
        >>> archs = strategy.ask(10)
        >>> strategy.epochs(archs).tolist()
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 3]
        >>> strategy.tell(archs, (archs == 3).sum(axis=1))
        >>> len(strategy.ask(3))
        3
    """

    learns = False

    def __init__(
        self, space: str | SearchSpace, *, least: int | None = None, random_share: float = 1 / 3, **common: Any
    ) -> None:
        super().__init__(space, **common)
        self.least = None if least is None else whole("least", least, 1)
        self.random_share = number("random_share", random_share, 0, 1)

    def _propose(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        rows, scores = self._highest()
        guided = 0 if len(rows) == 0 else n - int(rng.binomial(n, self.random_share))
        chosen = self._choose(guided, rows, self._targets(scores), rng) if guided else self.space.sample(0, rng)
        return rng.permutation(np.concatenate([chosen, self._sample(2 * (n - guided), rng)]))

    def _highest(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows and scores at the highest rung that enough rows reached; none if no rung has enough."""
        reached = self._reached()
        least = len(self.space.cardinalities) + 1 if self.least is None else self.least
        for rung in range(len(self.rungs) - 1, -1, -1):
            numbers = np.array([rungs[rung] for rungs in reached.values() if rung in rungs], dtype=np.int64)
            if len(numbers) >= least:
                return self.history.archs[numbers], self.history.scores[numbers, 0]
        return self.space.sample(0, np.random.default_rng(0)), np.zeros(0)
