"""Predictive distributions of many values at once: what ``forecast`` of a curve predictor answers.

Curves end in surprises, so a mean and a standard deviation say too little: a search asks how likely a network is to become
better than the best so far (:meth:`Distribution.above`), and an interval must hold although the errors are skewed and heavy-tailed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, stdtr, stdtrit

from archcast.errors import InvalidInputError

__all__ = ["Bars", "Distribution", "Mixture", "StudentT", "Truncated"]

Floats = NDArray[np.float64]
NORMAL_95 = 1.6448536269514722
"""Quantile .95 of the standard normal distribution."""


class Distribution:
    """``n`` independent continuous distributions.

    Every ``x`` is a number, ``(n,)``, or ``(n, k)`` for ``k`` values of each; results have the shape ``(n,)`` or ``(n, k)``.
    """

    @property
    def mean(self) -> Floats:
        """``(n,)`` means."""
        return self.moment(-np.inf, np.inf)

    @property
    def std(self) -> Floats:
        """``(n,)`` standard deviations of the normal distributions whose 90 % intervals are as wide.

        The second moment says less: with heavy tails it is two or three times as large, by values of which none may ever be seen.
        """
        low, high = self.interval(0.9)
        return (high - low) / (2 * NORMAL_95)

    def moment(self, low: ArrayLike, high: ArrayLike) -> Floats:
        """``(n,)`` expectation of the value, counted as zero where it is not between ``low`` and ``high``, numbers or ``(n,)``."""
        raise NotImplementedError

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most ``x``."""
        raise NotImplementedError

    def density(self, x: ArrayLike) -> Floats:
        """Probability density at ``x``."""
        raise NotImplementedError

    def support(self) -> tuple[Floats, Floats]:
        """``(n,)`` bounds between which all but a billionth of the probability lies."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.support()[0])

    def log_density(self, x: ArrayLike) -> Floats:
        """Natural logarithm of the density; minus infinity where it is zero."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.density(x)))

    def above(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``."""
        return 1 - self.cdf(x)

    def quantile(self, level: float | Sequence[float]) -> Floats:
        """``(n,)`` values below which lies the share ``level`` of the probability; ``(n, k)`` for ``k`` levels.

        Raises:
            InvalidInputError: for a level that is not between 0 and 1.
        """
        levels = np.atleast_1d(np.asarray(level, dtype=np.float64))
        if not ((levels > 0) & (levels < 1)).all():
            raise InvalidInputError(f"level is {level!r}: it must be between 0 and 1, e.g. 0.05.")
        out = self._inverse(np.broadcast_to(levels, (len(self), len(levels))))
        return out[:, 0] if np.ndim(level) == 0 else out

    def _inverse(self, levels: Floats) -> Floats:
        """Quantiles of ``(n, k)`` levels, by bisection."""
        low, high = (np.broadcast_to(end[:, None], levels.shape) for end in self.support())
        for _ in range(60):
            middle = (low + high) / 2
            below = self.cdf(middle) < levels
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return (low + high) / 2

    def interval(self, level: float = 0.9) -> tuple[Floats, Floats]:
        """``(n,)`` lower and upper ends of the central interval that holds the share ``level``."""
        ends = self.quantile([(1 - level) / 2, (1 + level) / 2])
        return ends[:, 0], ends[:, 1]


@dataclass(frozen=True)
class Bars(Distribution):
    """Histograms: density ``probabilities / widths`` between edges.

    Attributes:
        edges: ``(n, k + 1)``, increasing.
        probabilities: ``(n, k)``, rows sum to one.

    Examples:
        >>> uniform = Bars(np.array([[0.0, 0.5, 1.0]]), np.array([[0.5, 0.5]]))
        >>> uniform.mean.tolist(), uniform.above(0.25).tolist(), uniform.quantile(0.9).round(6).tolist()
        ([0.5], [0.75], [0.9])
    """

    edges: Floats
    probabilities: Floats

    def moment(self, low: ArrayLike, high: ArrayLike) -> Floats:
        inside = np.clip(self.edges, np.reshape(low, (-1, 1)), np.reshape(high, (-1, 1)))
        left, right = inside[:, :-1], inside[:, 1:]
        share = (right - left) / np.diff(self.edges, axis=1)
        return np.asarray((self.probabilities * share * (left + right)).sum(axis=1) / 2)

    def support(self) -> tuple[Floats, Floats]:
        return self.edges[:, 0], self.edges[:, -1]

    def _inverse(self, levels: Floats) -> Floats:
        after = np.cumsum(self.probabilities, axis=1)
        bar = np.minimum((after[:, None] < levels[:, :, None]).sum(axis=2), after.shape[1] - 1)
        held, left, right = _take(self.probabilities, bar), _take(self.edges, bar), _take(self.edges, bar + 1)
        part = (levels - _take(after, bar) + held) / np.maximum(held, 1e-300)
        return np.asarray(left + np.clip(part, 0, 1) * (right - left))

    def cdf(self, x: ArrayLike) -> Floats:
        x, flat = _columns(x, len(self.edges))
        bar = self._bar(x)
        before = np.c_[np.zeros(len(self.edges)), np.cumsum(self.probabilities, axis=1)]
        left, right = _take(self.edges, bar), _take(self.edges, bar + 1)
        part = np.clip((x - left) / (right - left), 0, 1)
        out = np.minimum(_take(before, bar) + part * _take(self.probabilities, bar), 1)
        return out[:, 0] if flat else out

    def density(self, x: ArrayLike) -> Floats:
        x, flat = _columns(x, len(self.edges))
        inside = (x >= self.edges[:, :1]) & (x <= self.edges[:, -1:])
        out = np.where(inside, _take(self.probabilities / np.diff(self.edges, axis=1), self._bar(x)), 0)
        return out[:, 0] if flat else out

    def _bar(self, x: Floats) -> NDArray[np.int64]:
        """``(n, k)`` index of the bar that holds each value, the nearest where none does."""
        return np.asarray((x[:, :, None] >= self.edges[:, None, 1:-1]).sum(axis=2))


@dataclass(frozen=True)
class StudentT(Distribution):
    """Student's t distributions with location and scale.

    Attributes:
        location, scale, df: ``(n,)``; more than 1 degree of freedom.
    """

    location: Floats
    scale: Floats
    df: Floats

    def moment(self, low: ArrayLike, high: ArrayLike) -> Floats:
        # an integral of t f(t), f the density, is -(df + t^2) f(t) / (df - 1)
        at_low, at_high = (self._edge(np.broadcast_to(x, self.location.shape)) for x in (low, high))
        return self.location * (at_high[0] - at_low[0]) + self.scale * (at_low[1] - at_high[1])

    def _edge(self, x: Floats) -> tuple[Floats, Floats]:
        """Probability up to ``x`` ``(n,)``, and ``(df + t^2) f(t) / (df - 1)`` there, which is 0 at infinity."""
        finite = np.isfinite(x)
        t = np.where(finite, (np.where(finite, x, 0) - self.location) / self.scale, np.sign(x))
        density = self.density(np.where(finite, x, 0)) * self.scale
        below = np.where(finite, stdtr(self.df, t), x > 0)
        return below, np.where(finite, (self.df + t * t) * density / (self.df - 1), 0)

    def support(self) -> tuple[Floats, Floats]:
        reach = self.scale * stdtrit(self.df, 1 - 5e-10)
        return self.location - reach, self.location + reach

    def cdf(self, x: ArrayLike) -> Floats:
        x, flat = _columns(x, len(self.location))
        out = stdtr(self.df[:, None], (x - self.location[:, None]) / self.scale[:, None])
        return np.asarray(out[:, 0] if flat else out)

    def density(self, x: ArrayLike) -> Floats:
        x, flat = _columns(x, len(self.location))
        z, df = (x - self.location[:, None]) / self.scale[:, None], self.df[:, None]
        log = gammaln((df + 1) / 2) - gammaln(df / 2) - np.log(np.pi * df) / 2 - (df + 1) / 2 * np.log1p(z * z / df)
        out = np.exp(log) / self.scale[:, None]
        return np.asarray(out[:, 0] if flat else out)


@dataclass(frozen=True)
class Mixture(Distribution):
    """Weighted mean of distributions of the same ``n`` values.

    Attributes:
        parts: the distributions.
        weights: one for each, sum one.
    """

    parts: Sequence[Distribution]
    weights: Sequence[float]

    def moment(self, low: ArrayLike, high: ArrayLike) -> Floats:
        return self._sum([part.moment(low, high) for part in self.parts])

    def support(self) -> tuple[Floats, Floats]:
        ends = [part.support() for part in self.parts]
        return np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)

    def cdf(self, x: ArrayLike) -> Floats:
        return self._sum([part.cdf(x) for part in self.parts])

    def density(self, x: ArrayLike) -> Floats:
        return self._sum([part.density(x) for part in self.parts])

    def _sum(self, values: list[Floats]) -> Floats:
        return np.asarray(sum(weight * value for weight, value in zip(self.weights, values)), dtype=np.float64)


@dataclass(frozen=True)
class Truncated(Distribution):
    """Distributions given that the value lies within bounds, such as those of an accuracy.

    Attributes:
        part: the distributions without bounds; some of their probability lies within.
        low, high: ``(n,)`` bounds; infinite where there is none.

    Examples:
        >>> half = Truncated(Bars(np.array([[0.0, 1.0]]), np.array([[1.0]])), np.array([0.5]), np.array([np.inf]))
        >>> half.mean.tolist(), half.cdf(0.75).tolist(), half.quantile(0.5).tolist()
        ([0.75], [0.5], [0.75])
    """

    part: Distribution
    low: Floats
    high: Floats

    def support(self) -> tuple[Floats, Floats]:
        low, high = self.part.support()
        return np.clip(low, self.low, self.high), np.clip(high, self.low, self.high)

    def moment(self, low: ArrayLike, high: ArrayLike) -> Floats:
        low, high = np.clip(low, self.low, self.high), np.clip(high, self.low, self.high)
        return self.part.moment(low, high) / self._inside[1]

    def cdf(self, x: ArrayLike) -> Floats:
        x, flat = _columns(x, len(self.low))
        before, inside = self._inside
        out = np.clip((self.part.cdf(x) - before[:, None]) / inside[:, None], 0, 1)
        out = np.where(x >= self.high[:, None], 1.0, np.where(x <= self.low[:, None], 0.0, out))
        return np.asarray(out[:, 0] if flat else out)

    def density(self, x: ArrayLike) -> Floats:
        x, flat = _columns(x, len(self.low))
        inside = (x >= self.low[:, None]) & (x <= self.high[:, None])
        out = np.where(inside, self.part.density(x) / self._inside[1][:, None], 0)
        return np.asarray(out[:, 0] if flat else out)

    def _inverse(self, levels: Floats) -> Floats:
        before, inside = self._inside
        found = self.part._inverse(before[:, None] + levels * inside[:, None])
        return np.clip(found, self.low[:, None], self.high[:, None])

    @property
    def _inside(self) -> tuple[Floats, Floats]:
        """``(n,)`` probabilities of ``part`` below the bounds and within."""
        below = np.where(np.isfinite(self.low), self.part.cdf(np.where(np.isfinite(self.low), self.low, 0)), 0.0)
        up_to = np.where(np.isfinite(self.high), self.part.cdf(np.where(np.isfinite(self.high), self.high, 0)), 1.0)
        return below, np.maximum(up_to - below, 1e-300)


def _columns(x: ArrayLike, n: int) -> tuple[Floats, bool]:
    """``(n, k)`` values, and whether there was one for each row."""
    array = np.asarray(x, dtype=np.float64)
    if array.ndim > 2 or (array.ndim and len(array) != n):
        raise InvalidInputError(f"x must be a number or have shape ({n},) or ({n}, k), got {array.shape}.")
    if array.ndim == 2:
        return array, False
    return np.broadcast_to(array, (n,))[:, None], True


def _take(array: Floats, index: NDArray[np.int64]) -> Floats:
    return np.take_along_axis(array, index, axis=1)
