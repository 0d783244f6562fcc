"""REINFORCE: a policy with one distribution for each decision, taught by policy gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError
from archcast.search.base import Strategy, register
from archcast.search.history import History
from archcast.spaces.base import SearchSpace

__all__ = ["Reinforce"]

DRAWS = 20
BETAS = (0.9, 0.999)


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
        if not 0 < learning_rate < 10:
            raise InvalidInputError(f"learning_rate must be between 0 and 10, got {learning_rate!r}.")
        if not 0 <= momentum < 1:
            raise InvalidInputError(f"momentum must be at least 0 and below 1, got {momentum!r}.")
        self.learning_rate, self.momentum = learning_rate, momentum
        sizes = np.asarray(self.space.cardinalities)
        self._possible = np.arange(sizes.max()) < sizes[:, None]
        self._logits = np.zeros(self._possible.shape)
        self._moments = np.zeros((2, *self._possible.shape))
        self._averages = np.zeros(3)  # score, squared deviation, number of updates
        self._scores: dict[bytes, float] = {}

    @property
    def policy(self) -> NDArray[np.float64]:
        """``(d, c)`` probabilities of the values of each decision, 0 for values that it does not have."""
        logits = np.where(self._possible, self._logits, -np.inf)
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def _propose(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        found = self.space.sample(0, rng)
        for _ in range(DRAWS * n):
            row = (self.policy.cumsum(axis=1) < rng.random((len(self._possible), 1))).sum(axis=1)[None]
            row = np.minimum(row, np.asarray(self.space.cardinalities) - 1)
            if not self.space.is_valid(row)[0]:
                continue
            new = self._unseen_besides(row, found)
            found = np.concatenate([found, new])
            if len(found) == n:
                break
            if len(new) == 0 and (score := self._scores.get(self._keys(row)[0])) is not None:
                self._update(row[0], score)
        return found

    def _learn(self, new: History) -> None:
        good = new[new.succeeded]
        for row, key, score in zip(good.archs, self._keys(good.archs), good.scores[:, 0].tolist()):
            self._scores[key] = score
            self._update(row, score)

    def _update(self, row: NDArray[np.int64], score: float) -> None:
        """One step of Adam."""
        mean, square, count = self._averages
        count += 1
        rate = max(1 - self.momentum, 1 / count)
        advantage = score - mean if count > 1 else 0.0
        mean += rate * (score - mean)
        square += rate * (advantage**2 - square)
        self._averages = np.array([mean, square, count])
        onehot = np.arange(self._possible.shape[1]) == row[:, None]
        gradient = advantage / np.sqrt(square + 1e-12) * (onehot - self.policy)
        for moment, beta, value in zip(self._moments, BETAS, (gradient, gradient**2)):
            moment += (1 - beta) * (value - moment)
        first, second = (m / (1 - beta**count) for m, beta in zip(self._moments, BETAS))
        self._logits += self.learning_rate * first / (np.sqrt(second) + 1e-8)

    def _state(self) -> dict[str, Any]:
        return {"logits": self._logits, "moments": self._moments, "averages": self._averages}

    def _restore(self, state: dict[str, Any]) -> None:
        self._logits, self._moments, self._averages = state["logits"], state["moments"], state["averages"]
        good = self.history[self.history.succeeded]
        self._scores = dict(zip(self._keys(good.archs), good.scores[:, 0].tolist()))
