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

__all__ = ["AS_IT_IS", "Beliefs", "Spread"]

DOUBT = 20.0
"""Number of observations that the prior factor, 1, is worth."""

TAIL_SD = 0.5
"""Prior standard deviation of ``log(1 + tail)``."""

TAILS = np.linspace(0, 4, 81)
"""Values of the tail that are tried."""

FAR = 1.25
"""Beyond the best tenth of the training rows the variance grows on up to so many times the tail."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Beliefs:
    """What is expected of errors before any row has been left out.

    Attributes:
        unseen: the variance grows by ``1 + unseen / n``: what few scores do not tell of scale and hyperparameters.
        tail, half_tail: the prior median of ``log(1 + tail)`` is ``log(1 + tail n / (n + half_tail))``.
        sure: a smaller standard deviation than this share of the typical one counts as this: a few trees may agree by chance.
    """

    unseen: float = 4.0
    tail: float = 1.3
    half_tail: float = 10.0
    sure: float = 0.2


USUAL = Beliefs()


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
    def of(cls, mean: Array, std: Array, targets: Array, beliefs: Beliefs = USUAL) -> Spread:
        """Learn from ``n`` rows.

        Args:
            mean, std: ``(n,)`` what is predicted of each without its target.
            targets: ``(n,)``.
            beliefs: what is expected before.

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
        least = beliefs.sure * np.sqrt(np.square(std).mean()) + 1e-9
        squares = np.square((targets - mean) / np.maximum(std, least)) / wider
        level = (squares.sum(axis=1) + DOUBT) / (n + DOUBT)
        prior = np.log((1 + TAILS) / (1 + beliefs.tail * n / (n + beliefs.half_tail))) / TAIL_SD
        loss = np.log(wider).sum(axis=1) + n * np.log(level) + squares.sum(axis=1) / level + np.square(prior)
        found = int(loss.argmin())
        return replace(start, tail=float(TAILS[found]), factor=float(np.sqrt(level[found] * (1 + beliefs.unseen / n))))

    def __call__(self, mean: Array, std: Array) -> Array:
        """``(n,)`` standard deviations of ``(n,)`` predictions."""
        return np.asarray(self.factor * std * np.sqrt(1 + self.tail * self._height(mean)))

    def _height(self, mean: Array) -> Array:
        """``(n,)`` 0 up to the middle, 1 at the best tenth."""
        return np.clip((mean - self.middle) / max(self.best - self.middle, 1e-9), 0.0, FAR)


AS_IT_IS = Spread()
"""Changes nothing."""
