"""Petridish's choice of parents: the most cost-efficient architectures found so far."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.search.base import Strategy, register
from archcast.search.checks import number
from archcast.search.hull import epsilon_hull, errors_of
from archcast.spaces.base import SearchSpace

__all__ = ["Petridish"]

PASSES = 100
"""Most times that all parents are gone through for one batch; after that parents are drawn."""


@register(
    "petridish",
    summary="mutates what is near the convex hull of error and cost",
    paper="Hu et al. 2019, https://arxiv.org/abs/1905.13360",
)
class Petridish(Strategy):
    """Search from the cost-efficient hull (Petridish, Hu et al. 2019, https://arxiv.org/abs/1905.13360).

    Parents are the architectures on or near the lower convex hull of error against cost
    (:func:`~archcast.search.hull.epsilon_hull`). They are gone through from the lowest error to the highest; each is taken with
    probability ``1 / (1 + times it was taken before)``, so that the best come first and every one has its turn. A parent gives one
    child.

    What differs from the paper: its children grow, by layers that gradient boosting chooses while the parent is trained on; in a
    space of rows a child is the parent with one decision changed.

    The first objective is the quality, the others are costs with their sign changed, as ``run_search`` tells them. With several
    costs a parent is near the hull of one of them at least; without costs the parents are those with errors within ``epsilon`` of
    the lowest.

    Args:
        space: search space.
        epsilon: share of the hull by which a parent may miss it.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("petridish", "nasbench201", random_state=0)
        >>> archs = strategy.ask(10)
        >>> cost = (archs == 3).sum(axis=1)
        >>> strategy.tell(archs, np.stack([60 + 5 * cost, -cost], axis=1))
        >>> strategy.ask(3).shape
        (3, 6)
    """

    multi_objective = True

    def __init__(self, space: str | SearchSpace, *, epsilon: float = 0.025, **common: Any) -> None:
        super().__init__(space, **common)
        self.epsilon = number("epsilon", epsilon, 0)
        self._taken: dict[tuple[int, ...], int] = {}

    def _propose(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        parents = self._parents()
        chosen: list[tuple[int, ...]] = []
        for _ in range(PASSES):
            for row in parents:
                if rng.random() < 1 / (1 + self._taken.get(row, 0)):
                    self._taken[row] = self._taken.get(row, 0) + 1
                    chosen.append(row)
            if len(chosen) >= 4 * n:
                break
        chosen += [parents[i] for i in rng.integers(len(parents), size=max(0, 4 * n - len(chosen)))]
        return self.space.mutate(np.array(chosen), rng)

    def _parents(self) -> list[tuple[int, ...]]:
        """Rows near the hull, the lowest error first."""
        known = self.history[self.history.succeeded]
        errors = errors_of(known.scores[:, 0])
        costs = [-column - min(0.0, float(-column.max())) for column in known.scores[:, 1:].T] or [
            np.zeros(len(errors))
        ]
        near = np.any([epsilon_hull(cost, errors, self.epsilon) for cost in costs], axis=0)
        order = np.argsort(errors, kind="stable")
        return [tuple(row) for row in known.archs[order[near[order]]].tolist()]

    def _state(self) -> dict[str, Any]:
        return {"taken": [[list(row), times] for row, times in self._taken.items()]}

    def _restore(self, state: dict[str, Any]) -> None:
        self._taken = {tuple(row): times for row, times in state["taken"]}
