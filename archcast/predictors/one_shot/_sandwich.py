"""Regimes that train the largest network and others that learn from it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Regime, Settings
from archcast.supernets.sampling import extremes, live_rows, size_order

__all__ = ["Sandwich", "Shrinking", "distillation"]

TRIES = 2000
"""Draws after which any row of the space is taken."""


def distillation(logits: Tensor, teacher: Tensor) -> Tensor:
    """Mean cross-entropy in nats of predictions ``(b, c)`` with the teacher's, through which no gradient flows."""
    target = functional.softmax(teacher.detach().float(), dim=1)
    return functional.cross_entropy(logits.float(), target)


class Sandwich(Regime):
    """The largest, the smallest and some random rows a batch, all but the largest taught by it.

    Args:
        middle: random rows a batch.
    """

    def __init__(self, net: Supernet, settings: Settings, seed: int, middle: int) -> None:
        super().__init__(net, settings, seed)
        self.middle = middle

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """``(2, d)`` smallest and largest row."""
        return extremes(self.net, self.seed)

    def others(self, batch: Batch) -> NDArray[np.int64]:
        """``(m, d)`` rows besides the largest."""
        return np.concatenate([self.ends[:1], live_rows(self.net, self.middle, batch.rng)])

    def taught(self, batch: Batch, others: NDArray[np.int64]) -> Tensor:
        """One step along the mean gradient of the largest row on the labels and of the others on its predictions."""
        teacher = self.net(batch.x, self.ends[1])
        total = self.loss(teacher, batch.y)
        value = total.detach()
        for _, logits in self.net.paths(batch.x, others):
            total = total + self.lesson(logits, teacher)
        self.descend(batch, total / (1 + len(others)))
        return value

    def lesson(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """What a row has to learn from the largest."""
        return distillation(logits, teacher)

    def step(self, batch: Batch) -> Tensor:
        return self.taught(batch, self.others(batch))


class Shrinking(Sandwich):
    """First the largest row alone; then, one after the other, smaller choices of each group of columns join in.

    Args:
        middle: random rows a batch, once there are any.
        first: share of the training that the largest row has alone.
    """

    def __init__(self, net: Supernet, settings: Settings, seed: int, middle: int, first: float) -> None:
        super().__init__(net, settings, seed, middle)
        self.first = first

    @cached_property
    def orders(self) -> list[NDArray[np.int64]]:
        """Choices of each column from the smallest to the largest."""
        return size_order(self.net, self.seed)

    @cached_property
    def phases(self) -> list[NDArray[np.int64]]:
        """``(d,)`` for each phase, how many of the largest choices each column has."""
        most = np.array(self.net.cardinalities)
        now, found = np.ones_like(most), []
        for group in self.net.shrinking:
            columns = np.array(group)
            for _ in range(int(most[columns].max()) - 1):
                now = now.copy()
                now[columns] = np.minimum(now[columns] + 1, most[columns])
                found.append(now)
        return found

    def phase(self, progress: float) -> int:
        """Number of the phase, -1 while the largest row is alone; the later ones share what is left equally."""
        if progress < self.first or not self.phases:
            return -1
        done = (progress - self.first) / max(1 - self.first, 1e-12)
        return min(int(done * len(self.phases)), len(self.phases) - 1)

    def others(self, batch: Batch) -> NDArray[np.int64]:
        phase = self.phase(batch.progress)
        if phase < 0:
            return self.ends[:0]
        return np.stack([self.draw(self.phases[phase], batch.rng) for _ in range(self.middle)])

    def draw(self, open_: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """``(d,)`` a row whose columns have one of their ``open_`` largest choices, each alike."""
        settle = getattr(self.net.space, "settle", lambda rows: rows)
        for _ in range(TRIES):
            places = rng.integers(open_)
            row = settle(np.array([[order[-1 - place] for order, place in zip(self.orders, places, strict=True)]]))
            if self.net.space.is_valid(row)[0] and self.net.has_path(row)[0]:
                return np.asarray(row[0])
        return live_rows(self.net, 1, rng)[0]
