"""Local search: train all neighbours of the best architecture, go to the best of them, start again where none is better."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.search.base import Strategy, register
from archcast.spaces.base import SearchSpace

__all__ = ["LocalSearch"]


@register(
    "local-search",
    summary="hill climbing over neighbours, with restarts",
    paper="White et al. 2020, https://arxiv.org/abs/2005.02960",
    default=True,
)
class LocalSearch(Strategy):
    """Local search (White et al. 2020, https://arxiv.org/abs/2005.02960).

    A run begins with ``n_init`` random architectures. The unseen neighbours of its best architecture come next, in random
    order, and as soon as one is better, that one's neighbours. When the best has none left it is a local optimum, and another run
    begins. If a batch is larger than what is left of a neighbourhood, the next best architecture of the run gives the rest.

    Args:
        space: search space.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("local-search", "nasbench201", random_state=0, n_init=1)
        >>> first = strategy.ask()
        >>> strategy.tell(first, [0.5])
        >>> int((strategy.ask() != first).sum())
        1
    """

    def __init__(self, space: str | SearchSpace, **common: Any) -> None:
        super().__init__(space, **common)
        self._start = 0
        self._seen_before = 0

    def _propose(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        begun = len(self._seen) - self._seen_before
        if begun < self.n_init:
            return self._fresh(n, rng)
        run = self.history[self._start :]
        run = run[run.succeeded]
        found = self.space.sample(0, rng)
        for k, i in enumerate(np.argsort(-run.scores[:, 0], kind="stable")):
            near = self._unseen_besides(rng.permutation(self.space.neighbors(run.archs[i])), found)
            if k == 0 and len(near) == 0 and len(self.pending) == 0:
                break
            found = np.concatenate([found, near])
            if len(found) >= n:
                return found
        if len(found) == 0 and len(self.pending) == 0:
            self._start, self._seen_before = len(self.history), len(self._seen)
        return np.concatenate([found, self._fresh(n - len(found), rng)])

    def _state(self) -> dict[str, Any]:
        return {"start": self._start, "seen_before": self._seen_before}

    def _restore(self, state: dict[str, Any]) -> None:
        self._start, self._seen_before = state["start"], state["seen_before"]
