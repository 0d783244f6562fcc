"""PPO: a policy with one distribution for each decision, taught by several small steps with each batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import whole
from archcast.search.base import Strategy, register
from archcast.search.checks import number
from archcast.search.history import History
from archcast.search.policy import Averages, Policy
from archcast.spaces.base import SearchSpace

__all__ = ["PPO"]

DRAWS = 20
"""Most draws for each row that is asked for."""


@register(
    "ppo",
    summary="proximal policy optimisation, one softmax for each decision",
    paper="Schulman et al. 2017, https://arxiv.org/abs/1707.06347",
)
class PPO(Strategy):
    """Proximal policy optimisation (Schulman et al. 2017, https://arxiv.org/abs/1707.06347; for architectures Zoph et al. 2018,
    https://arxiv.org/abs/1707.07012).

    The policy draws each decision from a softmax of its logits. A batch of scores y, with moving mean b and moving standard
    deviation s, changes it ``steps`` times: Adam climbs

        mean_i min(r_i A_i, clip(r_i, 1 - clip, 1 + clip) A_i) + entropy * H,    A_i = (y_i - b) / s,

    where ``r_i`` is the probability of row i over what it was before the batch, and H the summed entropy of the decisions. A row
    that is drawn again joins the next batch with the score that it had, at no cost; it is not trained again.

    What differs from NASNet's controller: no recurrent network ties the decisions together, and b takes the place of a learned
    value function.

    Args:
        space: search space.
        learning_rate: of Adam.
        steps: of Adam with each batch.
        clip: how far the ratio may leave 1 before a row has no say any more.
        entropy: weight of the entropy.
        momentum: of the moving averages.
        common: see :class:`~archcast.search.Strategy`.

    Examples:
        >>> import archcast
        >>> strategy = archcast.get_strategy("ppo", "nasbench201", random_state=0)
        >>> archs = strategy.ask(20)
        >>> strategy.tell(archs, (archs == 3).sum(axis=1))
        >>> strategy.policy.shape
        (6, 5)
    """

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        learning_rate: float = 0.1,
        steps: int = 5,
        clip: float = 0.2,
        entropy: float = 0.01,
        momentum: float = 0.9,
        **common: Any,
    ) -> None:
        super().__init__(space, **common)
        self.learning_rate = number("learning_rate", learning_rate, 0, 10, above=True, below=True)
        self.steps = whole("steps", steps, 1)
        self.clip = number("clip", clip, 0, 1, above=True)
        self.entropy = number("entropy", entropy, 0)
        self.momentum = number("momentum", momentum, 0, 1, below=True)
        self._policy = Policy(self.space.cardinalities, learning_rate)
        self._averages = Averages(momentum)
        self._scores: dict[bytes, float] = {}
        self._again: list[tuple[int, ...]] = []

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
            if len(new) == 0 and self._keys(row)[0] in self._scores:
                self._again.append(tuple(row[0].tolist()))
        return found

    def _learn(self, new: History) -> None:
        good = new[new.succeeded]
        if len(good) == 0:
            return
        self._scores |= zip(self._keys(good.archs), good.scores[:, 0].tolist(), strict=True)
        again = np.array(self._again, dtype=np.int64).reshape(-1, len(self.space.cardinalities))
        self._again = []
        rows = np.concatenate([good.archs, again])
        advantages = [self._averages.advantage(self._scores[key]) for key in self._keys(rows)]
        self._improve(rows, np.array(advantages))

    def _improve(self, rows: NDArray[np.int64], advantages: NDArray[np.float64]) -> None:
        """The steps with one batch of ``(n, d)`` rows and ``(n,)`` advantages."""
        before = self._policy.log_likelihood(rows)
        for _ in range(self.steps):
            self._policy.ascend(self._gradient(rows, advantages, before))

    def _gradient(
        self, rows: NDArray[np.int64], advantages: NDArray[np.float64], before: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """``(d, c)`` gradient of the objective in the logits; ``before`` are the log-likelihoods before the batch."""
        ratio = np.exp(self._policy.log_likelihood(rows) - before)
        heard = np.where(advantages > 0, ratio < 1 + self.clip, ratio > 1 - self.clip)
        weights = np.where(heard, ratio * advantages, 0.0)
        gradient = (weights[:, None, None] * self._policy.score(rows)).mean(axis=0)
        return np.asarray(gradient + self.entropy * self._policy.entropy_gradient())

    def _state(self) -> dict[str, Any]:
        return {
            **self._policy.state(),
            "averages": self._averages.values,
            "again": [list(row) for row in self._again],
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._policy.restore(state)
        self._averages.values = state["averages"]
        self._again = [tuple(row) for row in state["again"]]
        good = self.history[self.history.succeeded]
        self._scores = dict(zip(self._keys(good.archs), good.scores[:, 0].tolist(), strict=True))
