"""How wide a standard deviation must be, learned from rows that were predicted without their scores.

Any model that can say what it would have predicted for its training rows without them (leave-one-out in closed form, trees that
did not see a row) can mend its own standard deviation. What is predicted to be among the best was often lucky, and good scores
differ little, so that errors are larger there than in the middle.

Rows that compute the same function as another, its twins, are told from it, and better than all others. What is asked about has
often no twin among the training rows, so how wide its interval must be is learned from training rows that have none either
(:class:`Twins`): these are exchangeable with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.persistence import saved

__all__ = [
    "ALONE",
    "AS_IT_IS",
    "EACH",
    "UNBIASED",
    "Beliefs",
    "Bias",
    "Canonical",
    "Spread",
    "Twins",
    "expected",
    "groups_of",
    "learned",
    "twins_among",
]

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
EACH = Beliefs(unseen=1.0, sure=0.4)
"""Where each row is predicted from nearly all others, as in closed form or by the trees that have not seen it."""


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


WIDTH = 0.5
"""Standard deviation of the kernel over predictions, which have a variance of about 1."""

BIASED = 10.0
"""Number of rows nearby without a bias that are believed beforehand."""

KNOTS = 41
"""Predictions at which the bias is kept; it is linear between them."""

MOST_BIAS = 0.75
"""At most this share of the variance is taken for bias."""


@saved("bias")
@dataclass(frozen=True, eq=False)
class Bias:
    """How far targets lie from what is predicted, where alike is predicted: with predictions f_i of rows left out and targets t_i

        b(m) = sum_i k_i (t_i - f_i) / (sum_i k_i + 10),    k_i = exp(-(m - f_i)^2 / (2 .5^2))

    What was predicted stays, since it ranks; but on a scale of scores that is finer on one side than on the other, an interval must
    know on which side of the prediction the score is to be expected.

    Attributes:
        knots: ``(k,)`` predictions, increasing.
        values: ``(k,)`` there; the first and last hold beyond.
    """

    knots: Array
    values: Array

    @classmethod
    def of(cls, mean: Array, targets: Array) -> Bias:
        """Learn from ``(n,)`` predictions of rows left out and their targets.

        Examples:
            >>> mean = np.linspace(-2, 2, 500)
            >>> Bias.of(mean, np.minimum(mean, 1.0))(np.array([1.5]), np.ones(1))[0].round(1).tolist()
            [-0.4]
        """
        if len(mean) == 0:
            return UNBIASED
        knots = np.linspace(mean.min(), mean.max(), KNOTS)
        near = np.exp(-0.5 * np.square((knots[:, None] - mean) / WIDTH))
        return cls(knots, near @ (targets - mean) / (near.sum(axis=1) + BIASED))

    def __call__(self, mean: Array, std: Array) -> tuple[Array, Array]:
        """Where targets are expected, as a distance from ``(n,)`` predictions, and their ``(n,)`` standard deviations about that
        place, if ``(n,)`` are those about the predictions."""
        shift = np.interp(mean, self.knots, self.values)
        variance = np.square(std)
        return shift, np.sqrt(variance - np.minimum(np.square(shift), MOST_BIAS * variance))


UNBIASED = Bias(np.zeros(1), np.zeros(1))
"""Changes nothing."""


FEWEST_ALONE = 8
"""With fewer rows that have no twin, all rows are learned from."""


class Canonical(Protocol):
    """What is asked of a space here."""

    def canonical(self, archs: NDArray[np.int64], /) -> NDArray[np.int64]:
        """Equal rows for equal functions."""


def twins_among(groups: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``(n,)``: whether the group of a row is that of a row that is seen.

    Examples:
        >>> twins_among(np.array([0, 0, 1, 2]), np.array([False, True, False, True]))
        array([ True,  True, False,  True])
    """
    return np.isin(groups, groups[seen])


def groups_of(canonical: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(n,)`` number of each ``(n, d)`` row, the same for equal rows."""
    return np.unique(canonical, axis=0, return_inverse=True)[1].ravel()


@saved("twins")
@dataclass(frozen=True, eq=False)
class Twins:
    """How much better than others an architecture is told that computes what a training row computes.

    Attributes:
        known: ``(k, d)`` canonical forms of the training rows, if that makes a difference.
        factor: of the standard deviations of their twins, at most 1.
    """

    known: NDArray[np.int64]
    factor: float = 1.0

    @classmethod
    def of(cls, canonical: NDArray[np.int64], mean: Array, std: Array, targets: Array) -> Twins:
        """Learn from rows that were left out and had a twin that was not.

        The factor is the root of the mean square error in units of the standard deviation that fits rows without a twin, shrunk
        towards 1 by as much as 20 rows.

        Args:
            canonical: ``(n, d)`` of the training rows.
            mean, std, targets: ``(m,)`` of the rows that were left out and had a twin.
        """
        squares = np.square((targets - mean) / np.maximum(std, 1e-9)).sum()
        factor = float(np.sqrt((squares + DOUBT) / (len(targets) + DOUBT)))
        return ALONE if factor >= 1 else cls(np.unique(canonical, axis=0), factor)

    def __call__(self, space: Canonical, archs: NDArray[np.int64], std: Array) -> Array:
        """``(n,)`` standard deviations of ``(n, d)`` rows."""
        if len(self.known) == 0:
            return std
        both = np.concatenate([self.known, space.canonical(archs)])
        twin = twins_among(groups_of(both), np.arange(len(both)) < len(self.known))[len(self.known) :]
        return np.where(twin, self.factor * std, std)


ALONE = Twins(np.zeros((0, 0), dtype=np.int64))
"""Makes no difference."""


def expected(
    bias: Bias, twins: Twins, space: Canonical, archs: NDArray[np.int64], mean: Array, std: Array
) -> tuple[Array, Array]:
    """Standard deviations ``(n,)`` of the targets of ``(n, d)`` rows about the place where they are expected, and how far from
    ``(n,)`` predictions that is; both are less for twins of training rows."""
    shift, alone = bias(mean, std)
    told = twins(space, archs, alone)
    return told, shift * np.divide(told, alone, out=np.ones(len(alone)), where=alone > 0)


def learned(
    canonical: NDArray[np.int64],
    fold: NDArray[np.int64],
    mean: Array,
    std: Array,
    targets: Array,
    beliefs: Beliefs = USUAL,
) -> tuple[Spread, Twins]:
    """How wide standard deviations must be, and how much less so for twins of the training rows.

    Args:
        canonical: ``(n, d)`` of the training rows.
        fold: ``(n,)``: each row was predicted by what had seen the rows of all other folds.
        mean, std: ``(n,)`` of these predictions; NaN of rows that were not left out.
        targets: ``(n,)``.
        beliefs: what is expected before.
    """
    groups, told = groups_of(canonical), np.isfinite(mean) & np.isfinite(std)
    twin = np.zeros(len(fold), dtype=bool)
    for k in range(int(fold.max()) + 1):
        twin |= (fold == k) & twins_among(groups, fold != k)
    alone, with_twin = told & ~twin, told & twin
    if alone.sum() < FEWEST_ALONE:
        return Spread.of(mean[told], std[told], targets[told], beliefs), ALONE
    spread = Spread.of(mean[alone], std[alone], targets[alone], beliefs)
    wide = spread(mean[with_twin], std[with_twin])
    return spread, Twins.of(canonical, mean[with_twin], wide, targets[with_twin])
