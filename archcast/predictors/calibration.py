"""How wide a standard deviation must be, learned from rows that were predicted without their scores.

Any model that can say what it would have predicted for its training rows without them (leave-one-out in closed form, trees that
did not see a row) can mend its own standard deviation. What is predicted to be among the best was often lucky, and good scores
differ little, so that errors are larger there than in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.persistence import saved

__all__ = ["Spread"]

DOUBT = 20.0
"""Number of observations that the prior factor, 1, is worth."""

UNSEEN = 4.0
"""The variance grows by ``1 + UNSEEN / n``: what few scores do not tell of scale and hyperparameters."""

SURE = 0.2
"""A smaller standard deviation than this share of the typical one counts as this: a few trees may agree by chance."""

TAIL, HALF_TAIL, TAIL_SD = 1.3, 10.0, 0.5
"""``log(1 + tail)`` has the prior median ``log(1 + TAIL n / (n + HALF_TAIL))`` and the prior standard deviation ``TAIL_SD``."""

TAILS = np.linspace(0, 4, 81)
"""Values of the tail that are tried."""

FAR = 1.25
"""Beyond the best tenth of the training rows the variance grows on up to so many times the tail."""

Array = NDArray[np.float64]


@saved("spread")
@dataclass(frozen=True)
class Spread:
    """A factor for standard deviations, larger for high predictions:

        std'(x) = factor std(x) sqrt(1 + tail h(x)),    h = 0 up to the middle, 1 at the best tenth

    The tail is the one that is most likely for the errors of rows left out, and the factor the root of their mean square in these
    units, shrunk towards 1.

    Attributes:
        factor: at and below the middle.
        tail: how much larger the variance is among the best, as a share of it.
        middle, best: where the tail begins and where it is whole: median and highest tenth of the predictions of the training rows.
    """

    factor: float = 1.0
    tail: float = 0.0
    middle: float = 0.0
    best: float = 1.0

    @classmethod
    def of(cls, mean: Array, std: Array, targets: Array) -> Spread:
        """Learn from ``n`` rows.

        Args:
            mean, std: ``(n,)`` what is predicted of each without its target.
            targets: ``(n,)``.

        Examples:
            >>> rng = np.random.default_rng(0)
            >>> mean = rng.normal(size=2000)
            >>> narrow = Spread.of(mean, np.full(2000, 0.5), mean + rng.normal(size=2000))
            >>> round(float(narrow(np.array([-1.0]), np.array([0.5]))[0]), 1)
            1.0
        """
        n = len(targets)
        if n == 0:
            return cls()
        start = cls(middle=float(np.median(mean)), best=float(np.quantile(mean, 0.9)))
        wider = 1 + TAILS[:, None] * start._height(mean)
        least = SURE * np.sqrt(np.square(std).mean()) + 1e-9
        squares = np.square((targets - mean) / np.maximum(std, least)) / wider
        level = (squares.sum(axis=1) + DOUBT) / (n + DOUBT)
        prior = np.log((1 + TAILS) / (1 + TAIL * n / (n + HALF_TAIL))) / TAIL_SD
        loss = np.log(wider).sum(axis=1) + n * np.log(level) + squares.sum(axis=1) / level + np.square(prior)
        found = int(loss.argmin())
        return replace(start, tail=float(TAILS[found]), factor=float(np.sqrt(level[found] * (1 + UNSEEN / n))))

    def __call__(self, mean: Array, std: Array) -> Array:
        """``(n,)`` standard deviations of ``(n,)`` predictions."""
        return np.asarray(self.factor * std * np.sqrt(1 + self.tail * self._height(mean)))

    def _height(self, mean: Array) -> Array:
        """``(n,)`` 0 up to the middle, 1 at the best tenth."""
        return np.clip((mean - self.middle) / max(self.best - self.middle, 1e-9), 0.0, FAR)
