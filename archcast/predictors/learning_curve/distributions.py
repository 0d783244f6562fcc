"""Predictive distributions of many values at once: what ``forecast`` of a curve predictor answers.

Curves end in surprises, so a mean and a standard deviation say too little: a search asks how likely a network is to become
better than the best so far (:meth:`Distribution.above`), and an interval must hold although the errors are skewed and heavy-tailed.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, stdtr, stdtrit

from archcast.errors import InvalidInputError

__all__ = ["Bars", "Distribution", "StudentT", "columns"]

Floats = NDArray[np.float64]
NORMAL_95 = 1.6448536269514722
"""Quantile .95 of the standard normal distribution."""
PRECISION, MOST_STEPS = 1e-12, 80
"""Quantiles are as exact as that part of the support; steps that they take at most."""


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
        """Quantiles of ``(n, k)`` levels: Chandrupatla's bracketing, inverse quadratic steps where they are safe, else halving."""
        a, b = (np.broadcast_to(end[:, None], levels.shape).astype(np.float64) for end in self.support())
        at_a, at_b = self.cdf(a) - levels, self.cdf(b) - levels
        before, at_before = a, at_a
        reach, part = np.maximum(b - a, 1e-300), np.full(levels.shape, 0.5)
        for _ in range(MOST_STEPS):
            x = a + part * (b - a)
            at_x = self.cdf(x) - levels
            same = (at_x > 0) == (at_a > 0)
            before, at_before = np.where(same, a, b), np.where(same, at_a, at_b)
            b, at_b = np.where(same, b, a), np.where(same, at_b, at_a)
            a, at_a = x, at_x
            near = np.abs(b - a)
            if (near <= PRECISION * reach).all():
                break
            with np.errstate(divide="ignore", invalid="ignore"):
                xi, phi = (a - b) / (before - b), (at_a - at_b) / (at_before - at_b)
                found = at_a / (at_b - at_a) * at_before / (at_b - at_before)
                found += (before - a) / (b - a) * at_a / (at_before - at_a) * at_b / (at_before - at_b)
            safe = np.isfinite(found) & (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
            least = np.minimum(PRECISION * reach / (2 * np.maximum(near, 1e-300)), 0.5)
            part = np.clip(np.where(safe, found, 0.5), least, 1 - least)
        return (a + b) / 2

    def interval(self, level: float = 0.9) -> tuple[Floats, Floats]:
        """``(n,)`` lower and upper ends of the central interval that holds the share ``level``."""
        ends = self.quantile([(1 - level) / 2, (1 + level) / 2])
        return ends[:, 0], ends[:, 1]


@dataclass(frozen=True)
class Bars(Distribution):
    """Histograms: density ``probabilities / widths`` between edges.

    Attributes:
        edges: ``(n, k + 1)``, increasing; or ``(k + 1,)``, the same for all before they are stretched and moved.
        probabilities: ``(n, k)``, rows sum to one.
        location, scale: ``(n,)``: the edges of a row are ``location + scale * edges``.

    Examples:
        >>> uniform = Bars(np.array([[0.0, 0.5, 1.0]]), np.array([[0.5, 0.5]]))
        >>> uniform.mean.tolist(), uniform.above(0.25).tolist(), uniform.quantile(0.9).round(6).tolist()
        ([0.5], [0.75], [0.9])
    """

    edges: Floats
    probabilities: Floats
    location: Floats = field(default_factory=lambda: np.zeros(1))
    scale: Floats = field(default_factory=lambda: np.ones(1))

    def moment(self, low: ArrayLike, high: ArrayLike) -> Floats:
        n = len(self.probabilities)
        ends = [self._to(np.broadcast_to(x, (n,))[:, None]) for x in (low, high)]
        (first, mean_first), (last, mean_last) = (self._up_to(end) for end in ends)
        return np.asarray(self.location * (last - first)[:, 0] + self.scale * (mean_last - mean_first)[:, 0])

    def support(self) -> tuple[Floats, Floats]:
        ends = np.broadcast_to(self.edges[..., [0, -1]], (len(self.probabilities), 2))
        return self.location + self.scale * ends[:, 0], self.location + self.scale * ends[:, 1]

    def _inverse(self, levels: Floats) -> Floats:
        after = self._cumulative[:, 1:]
        bar = np.stack([(after < level[:, None]).sum(axis=1) for level in levels.T], axis=1)
        bar = np.minimum(bar, after.shape[1] - 1)
        held, left, right = _take(self.probabilities, bar), self._edge(bar), self._edge(bar + 1)
        part = (levels - _take(after, bar) + held) / np.maximum(held, 1e-300)
        return self._from(left + np.clip(part, 0, 1) * (right - left))

    def cdf(self, x: ArrayLike) -> Floats:
        x, flat = columns(x, len(self.probabilities))
        out = np.minimum(self._up_to(self._to(x), moments=False)[0], 1)
        return out[:, 0] if flat else out

    def density(self, x: ArrayLike) -> Floats:
        x, flat = columns(x, len(self.probabilities))
        x = self._to(x)
        bar = self._bar(x)
        inside = (x >= self.edges[..., :1]) & (x <= self.edges[..., -1:])
        width = (self._edge(bar + 1) - self._edge(bar)) * np.reshape(self.scale, (-1, 1))
        out = np.where(inside, _take(self.probabilities, bar) / width, 0)
        return out[:, 0] if flat else out

    @functools.cached_property
    def _cumulative(self) -> Floats:
        """``(n, k + 1)`` probability below each edge."""
        out = np.zeros((len(self.probabilities), self.probabilities.shape[1] + 1))
        np.cumsum(self.probabilities, axis=1, out=out[:, 1:])
        return out

    @functools.cached_property
    def _moments(self) -> Floats:
        """``(n, k + 1)`` expectation below each edge, before the edges are moved."""
        out = np.zeros(self._cumulative.shape)
        np.cumsum(self.probabilities * (self.edges[..., 1:] + self.edges[..., :-1]) / 2, axis=1, out=out[:, 1:])
        return out

    def _up_to(self, x: Floats, *, moments: bool = True) -> tuple[Floats, Floats]:
        """Probability up to ``(n, k)`` values of the unmoved histogram, and the expectation of what lies there."""
        bar = self._bar(x)
        left, right, held = self._edge(bar), self._edge(bar + 1), _take(self.probabilities, bar)
        end = np.clip(x, left, right)
        share = held * ((end - left) / (right - left))
        below = _take(self._cumulative, bar) + share
        return below, _take(self._moments, bar) + share * (left + end) / 2 if moments else below

    def _to(self, x: Floats) -> Floats:
        return (x - self.location.reshape(-1, 1)) / self.scale.reshape(-1, 1)

    def _from(self, x: Floats) -> Floats:
        return self.location.reshape(-1, 1) + self.scale.reshape(-1, 1) * x

    def _edge(self, index: NDArray[np.int64]) -> Floats:
        """``(n, k)`` edges before they are moved."""
        return self.edges[index] if self.edges.ndim == 1 else _take(self.edges, index)

    def _bar(self, x: Floats) -> NDArray[np.int64]:
        """``(n, k)`` index of the bar that holds each value, the nearest where none does."""
        if self.edges.ndim == 1:
            return np.searchsorted(self.edges[1:-1], x, side="right")
        return np.stack([(column[:, None] >= self.edges[:, 1:-1]).sum(axis=1) for column in x.T], axis=1)


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
        x, flat = columns(x, len(self.location))
        out = stdtr(self.df[:, None], (x - self.location[:, None]) / self.scale[:, None])
        return np.asarray(out[:, 0] if flat else out)

    def density(self, x: ArrayLike) -> Floats:
        x, flat = columns(x, len(self.location))
        z, df = (x - self.location[:, None]) / self.scale[:, None], self.df[:, None]
        log = gammaln((df + 1) / 2) - gammaln(df / 2) - np.log(np.pi * df) / 2 - (df + 1) / 2 * np.log1p(z * z / df)
        out = np.exp(log) / self.scale[:, None]
        return np.asarray(out[:, 0] if flat else out)


def columns(x: ArrayLike, n: int) -> tuple[Floats, bool]:
    """``(n, k)`` values, and whether there was one for each row."""
    array = np.asarray(x, dtype=np.float64)
    if array.ndim > 2 or (array.ndim and len(array) != n):
        raise InvalidInputError(f"x must be a number or have shape ({n},) or ({n}, k), got {array.shape}.")
    if array.ndim == 2:
        return array, False
    return np.broadcast_to(array, (n,))[:, None], True


def _take(array: Floats, index: NDArray[np.int64]) -> Floats:
    return np.take_along_axis(array, index, axis=1)
