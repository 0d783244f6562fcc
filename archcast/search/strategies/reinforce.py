"""REINFORCE: a policy with one distribution for each decision, taught by policy gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.search.base import Strategy, register
from archcast.search.checks import number
from archcast.search.history import History
from archcast.search.policy import Averages, Policy
from archcast.spaces.base import SearchSpace

__all__ = ["Reinforce"]

DRAWS = 20


@register(
    "reinforce",
    summary="policy gradient, one softmax for each decision",
    paper="Williams 1992, https://doi.org/10.1007/BF00992696; Dong & Yang 2020, https://arxiv.org/abs/2001.00326",
)
class Reinforce(Strategy):
    """The policy-gradient baseline of NAS-Bench-201 (Williams 1992; Dong & Yang 2020, https://arxiv.org/abs/2001.00326).

    The policy draws each decision j from a softmax of its logits. For a score y with moving average b of the scores so far,

        logits_j += Adam((y - b) / s * (one-hot(decision) - softmax(logits_j)))

    with s the moving standard deviation of the scores, so that their scale does not matter. An architecture that is drawn again
    teaches again, at no cost, with the score that it had; it is not trained again.

    Args:
        space: search space.
        learning_rate: of Adam.
        momentum: of the moving averages.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("reinforce", "nasbench201", random_state=0)
        >>> archs = strategy.ask(20)
        >>> strategy.tell(archs, (archs == 3).sum(axis=1))
        >>> strategy.policy.shape
        (6, 5)
    """

    def __init__(
        self, space: str | SearchSpace, *, learning_rate: float = 0.05, momentum: float = 0.9, **common: Any
    ) -> None:
        super().__init__(space, **common)
        self.learning_rate = number("learning_rate", learning_rate, 0, 10, above=True, below=True)
        self.momentum = number("momentum", momentum, 0, 1, below=True)
        self._policy = Policy(self.space.cardinalities, learning_rate)
        self._averages = Averages(momentum)
        self._scores: dict[bytes, float] = {}

    @property
    def policy(self) -> NDArray[np.float64]:
        """``(d, c)`` probabilities of the values of each decision, 0 for values that it does not have."""
        return self._policy.probabilities()

    def _propose(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        found = self.space.sample(0, rng)
        for _ in range(DRAWS * n):
            row = self._policy.draw(rng)
            if not self.space.is_valid(row)[0]:
                continue
            new = self._unseen_besides(row, found)
            found = np.concatenate([found, new])
            if len(found) == n:
                break
            if len(new) == 0 and (score := self._scores.get(self._keys(row)[0])) is not None:
                self._update(row, score)
        return found

    def _learn(self, new: History) -> None:
        good = new[new.succeeded]
        for i, key in enumerate(self._keys(good.archs)):
            self._scores[key] = float(good.scores[i, 0])
            self._update(good.archs[[i]], self._scores[key])

    def _update(self, row: NDArray[np.int64], score: float) -> None:
        """One step with one row."""
        self._policy.ascend(self._averages.advantage(score) * self._policy.score(row)[0])

    def _state(self) -> dict[str, Any]:
        return {**self._policy.state(), "averages": self._averages.values}

    def _restore(self, state: dict[str, Any]) -> None:
        self._averages.values = state["averages"]
        self._policy.restore({"steps": state["averages"][2], **state})
        good = self.history[self.history.succeeded]
        self._scores = dict(zip(self._keys(good.archs), good.scores[:, 0].tolist()))
