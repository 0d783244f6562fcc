"""A policy over architectures: one softmax for each decision, changed by steps of Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Averages", "Policy"]

BETAS = (0.9, 0.999)

Floats = NDArray[np.float64]


class Policy:
    """Independent softmax distributions, one for each decision, all uniform at first.

    Args:
        cardinalities: number of values of each of the d decisions.
        learning_rate: of Adam (Kingma & Ba 2014, https://arxiv.org/abs/1412.6980).

    Attributes:
        logits: ``(d, c)``, with c the largest number of values; entries that no decision has stay 0 and count for nothing.

    Examples:
        >>> policy = Policy((2, 3), learning_rate=0.1)
        >>> policy.probabilities()[0].tolist()
        [0.5, 0.5, 0.0]
    """

    def __init__(self, cardinalities: Sequence[int], learning_rate: float) -> None:
        sizes = np.asarray(cardinalities)
        self._sizes, self._learning_rate = sizes, learning_rate
        self._possible = np.arange(sizes.max()) < sizes[:, None]
        self.logits = np.zeros(self._possible.shape)
        self._moments = np.zeros((2, *self._possible.shape))
        self._steps = 0

    def probabilities(self) -> Floats:
        """``(d, c)`` probabilities, 0 for values that a decision does not have."""
        logits = np.where(self._possible, self.logits, -np.inf)
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """``(1, d)`` one row."""
        row = (self.probabilities().cumsum(axis=1) < rng.random((len(self._sizes), 1))).sum(axis=1)[None]
        return np.minimum(row, self._sizes - 1)

    def log_likelihood(self, rows: NDArray[np.int64]) -> Floats:
        """``(n,)`` logarithm of the probability of each row."""
        chances = np.maximum(self.probabilities(), np.finfo(float).tiny)
        return np.asarray(np.log(chances[np.arange(rows.shape[1]), rows]).sum(axis=1))

    def score(self, rows: NDArray[np.int64]) -> Floats:
        """``(n, d, c)`` gradient of :meth:`log_likelihood` in the logits: the row as one-hot less the probabilities."""
        onehot = np.arange(self._possible.shape[1]) == rows[:, :, None]
        return onehot - self.probabilities()

    def entropy_gradient(self) -> Floats:
        """``(d, c)`` gradient of the summed entropies of all decisions in the logits."""
        chances = self.probabilities()
        logs = np.log(np.maximum(chances, np.finfo(float).tiny))
        entropy = -(chances * logs).sum(axis=1, keepdims=True)
        return np.asarray(-chances * (logs + entropy))

    def ascend(self, gradient: Floats) -> None:
        """One step of Adam up a ``(d, c)`` gradient."""
        self._steps += 1
        for moment, beta, value in zip(self._moments, BETAS, (gradient, gradient**2), strict=True):
            moment += (1 - beta) * (value - moment)
        first, second = (m / (1 - beta**self._steps) for m, beta in zip(self._moments, BETAS, strict=True))
        self.logits += self._learning_rate * first / (np.sqrt(second) + 1e-8)

    def state(self) -> dict[str, Any]:
        """All that changes, for a file."""
        return {"logits": self.logits, "moments": self._moments, "steps": self._steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state` gave."""
        self.logits, self._moments, self._steps = state["logits"], state["moments"], int(state["steps"])


class Averages:
    """Moving mean and deviation of scores, so that their scale does not matter.

    Args:
        momentum: share of the old average; the first scores count alike.
    """

    def __init__(self, momentum: float) -> None:
        self._momentum = momentum
        self.values = np.zeros(3)  # mean, squared deviation, number

    def advantage(self, score: float) -> float:
        """How far a score lies above the mean of those before, in moving standard deviations; then it counts, too."""
        mean, square, count = self.values
        count += 1
        rate = max(1 - self._momentum, 1 / count)
        distance = score - mean if count > 1 else 0.0
        mean += rate * (score - mean)
        square += rate * (distance**2 - square)
        self.values = np.array([mean, square, count])
        return float(distance / np.sqrt(square + 1e-12))
