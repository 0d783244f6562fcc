"""Distributions made of others: mixtures, stretched ones, values that come in steps, have bounds, or are losses by logarithms."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.predictors.learning_curve.distributions import Distribution, columns

__all__ = ["STRIP", "Clipped", "Exponentiated", "Mixture", "Stepped", "Widened"]

Floats = NDArray[np.float64]
SAME = 1e-6
"""Values as close as that part of a step are the same."""
EDGE, CELLS = 1e-4, 64
"""Where the sum for the expectation of an exponentiated value ends, and how many parts it has."""
LEAST, LARGEST = 1e-300, 1e300
"""Smallest loss of which a logarithm is taken, and a value beyond all others."""
STRIP = 0.1
"""Part of the way from a value that was seen to a bound that counts as near the bound."""


@dataclass(frozen=True)
class Mixture(Distribution):
    """Weighted mean of distributions of the same ``n`` values.

    Attributes:
        parts: the distributions.
        weights: one for each, a number or ``(n,)``, sum one.
    """

    parts: Sequence[Distribution]
    weights: Sequence[float | Floats]

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
        out = np.zeros(values[0].shape)
        for weight, value in zip(self.weights, values):
            out += (weight * value.T).T  # a weight for each row, whatever the columns
        return out


@dataclass(frozen=True)
class Widened(Distribution):
    """Equal parts of distributions, each stretched around the median by a factor.

    Attributes:
        part: the distributions.
        widths: ``(n, k)`` factors.

    Examples:
        >>> from archcast.predictors.learning_curve.distributions import Bars
        >>> one = Bars(np.array([[0.0, 1.0]]), np.array([[1.0]]))
        >>> [end.round(9).tolist() for end in Widened(one, np.array([[2.0]])).interval(0.5)]
        [[0.0], [1.0]]
    """

    part: Distribution
    widths: Floats

    @functools.cached_property
    def _middle(self) -> Floats:
        return self.part.quantile(0.5)

    def moment(self, low: ArrayLike, high: ArrayLike) -> Floats:
        n = len(self._middle)
        ends = [np.broadcast_to(np.asarray(x, dtype=np.float64), (n,)) for x in (low, high)]
        out = np.zeros(n)
        for width in self.widths.T:
            first, last = (self._middle + (end - self._middle) / width for end in ends)
            share = _below(self.part, last) - _below(self.part, first)
            out += self._middle * (1 - width) * share + width * self.part.moment(first, last)
        return out / self.widths.shape[1]

    def support(self) -> tuple[Floats, Floats]:
        widest = np.maximum(self.widths.max(axis=1), 1.0)
        low, high = (self._middle + widest * (end - self._middle) for end in self.part.support())
        return low, high

    def cdf(self, x: ArrayLike) -> Floats:
        return self._mean(self.part.cdf, x, 0)

    def density(self, x: ArrayLike) -> Floats:
        return self._mean(self.part.density, x, 1)

    def _mean(self, function: Callable[[ArrayLike], Floats], x: ArrayLike, power: int) -> Floats:
        x, flat = columns(x, len(self._middle))
        middle, out = self._middle[:, None], np.zeros(x.shape)
        for width in self.widths.T[:, :, None]:
            out += function(middle + (x - middle) / width) / width**power
        out /= self.widths.shape[1]
        return out[:, 0] if flat else out


@dataclass(frozen=True)
class Stepped(Distribution):
    """Values that come in steps: continuous distributions, rounded to the nearest step.

    Ends of intervals lie half a step beyond the steps that they hold.

    Attributes:
        part: the distributions before rounding.
        origin, step: ``(n,)`` a value that can occur, and how far apart such values are; 0 where all values can occur.

    Examples:
        >>> from archcast.predictors.learning_curve.distributions import Bars
        >>> one = Bars(np.array([[0.0, 1.0]]), np.array([[1.0]]))
        >>> stepped = Stepped(one, np.array([0.0]), np.array([0.5]))
        >>> stepped.above(0.5).tolist(), stepped.cdf([[0.0, 0.4, 0.5, 1.0]]).tolist()
        ([0.25], [[0.25, 0.25, 0.75, 1.0]])
    """

    part: Distribution
    origin: Floats
    step: Floats

    @property
    def mean(self) -> Floats:
        return self.part.mean

    @property
    def std(self) -> Floats:
        return self.part.std

    def moment(self, low: ArrayLike, high: ArrayLike) -> Floats:
        return self.part.moment(low, high)

    def support(self) -> tuple[Floats, Floats]:
        return self.part.support()

    def cdf(self, x: ArrayLike) -> Floats:
        x, flat = columns(x, len(self.step))
        out = self.part.cdf(self._round(x, np.floor, 0.5))
        return out[:, 0] if flat else out

    def density(self, x: ArrayLike) -> Floats:
        return self.part.density(x)

    def _inverse(self, levels: Floats) -> Floats:
        low, high = (end[:, None] for end in self.support())
        return np.clip(self._round(self.part._inverse(levels), np.rint, 0.0), low, high)

    def interval(self, level: float = 0.9) -> tuple[Floats, Floats]:
        (low, high), ends = self.support(), super().interval(level)
        return np.maximum(ends[0] - self.step / 2, low), np.minimum(ends[1] + self.step / 2, high)

    def _round(self, x: Floats, to_whole: Callable[[Floats], Floats], more: float) -> Floats:
        """Values on steps, moved by a part of one; unchanged where there are none."""
        origin, step = self.origin[:, None], self.step[:, None]
        wide = np.where(step > 0, step, 1.0)
        found = origin + wide * (to_whole((x - origin) / wide + SAME * more) + more)
        return np.where((step > 0) & np.isfinite(x), found, x)


@dataclass(frozen=True)
class Clipped(Distribution):
    """Values that cannot lie beyond bounds, such as accuracies: what is beyond a bound is near the bound.

    The probability beyond lies evenly in a strip before the bound, ``STRIP`` of the way there from a value that was seen. An
    interval that reaches into a strip ends at the bound. (To condition on the bounds instead makes the rest likelier: trainings
    that are forecast to reach the bound, and end close by, would lie outside the intervals.)

    Attributes:
        part: the distributions without bounds.
        low, high: ``(n,)`` bounds; infinite where there is none.
        seen: ``(n,)`` values between.

    Examples:
        >>> from archcast.predictors.learning_curve.distributions import Bars
        >>> even = Bars(np.array([[0.0, 1.0]]), np.array([[1.0]]))
        >>> one = Clipped(even, np.array([-np.inf]), np.array([0.75]), np.array([0.25]))
        >>> one.cdf([[0.7, 0.725, 0.75]]).round(6).tolist(), [end.round(6).tolist() for end in one.interval(0.5)]
        ([[0.7, 0.85, 1.0]], [[0.25], [0.75]])
    """

    part: Distribution
    low: Floats
    high: Floats
    seen: Floats

    def support(self) -> tuple[Floats, Floats]:
        low, high = self.part.support()
        return np.clip(low, self.low, self.high), np.clip(high, self.low, self.high)

    def moment(self, low: ArrayLike, high: ArrayLike) -> Floats:
        out = self.part.moment(*(np.clip(end, self.low, self.high) for end in (low, high)))
        for start, end, held in self._strips:
            first, last = np.clip(low, start, end), np.clip(high, start, end)
            out = out + held * (last - first) / (end - start) * (first + last) / 2
        return out

    def cdf(self, x: ArrayLike) -> Floats:
        x, flat = columns(x, len(self.low))
        inside = self.part.cdf(x) - self._strips[0][2][:, None]
        for start, end, held in self._strips:
            inside += (held * np.clip((x.T - start) / (end - start), 0, 1)).T
        out = np.where(x >= self.high[:, None], 1.0, np.where(x < self.low[:, None], 0.0, np.clip(inside, 0, 1)))
        return out[:, 0] if flat else out

    def density(self, x: ArrayLike) -> Floats:
        x, flat = columns(x, len(self.low))
        out = np.where((x >= self.low[:, None]) & (x <= self.high[:, None]), self.part.density(x), 0.0)
        for start, end, held in self._strips:
            out += (held / (end - start) * ((start <= x.T) & (end >= x.T))).T
        return out[:, 0] if flat else out

    def interval(self, level: float = 0.9) -> tuple[Floats, Floats]:
        low, high = super().interval(level)
        return np.where(low < self._strips[0][1], self.low, low), np.where(high > self._strips[1][0], self.high, high)

    @functools.cached_property
    def _strips(self) -> list[tuple[Floats, Floats, Floats]]:
        """``(n,)`` start and end of the strips before the lower and the upper bound, and the probability beyond."""
        below, beyond = _below(self.part, self.low), 1 - _below(self.part, self.high)
        least = SAME * np.maximum(np.abs(self.seen), SAME)
        low, high = np.where(np.isfinite(self.low), self.low, 0.0), np.where(np.isfinite(self.high), self.high, 0.0)
        after = np.where(np.isfinite(self.low), low + np.maximum(STRIP * (self.seen - low), least), -LARGEST)
        before = np.where(np.isfinite(self.high), high - np.maximum(STRIP * (high - self.seen), least), LARGEST)
        low, high = (
            np.where(np.isfinite(self.low), low, -2 * LARGEST),
            np.where(np.isfinite(self.high), high, 2 * LARGEST),
        )
        return [(low, after, below), (before, high, beyond)]


@dataclass(frozen=True)
class Exponentiated(Distribution):
    """Losses, negated, of which the logarithm is forecast: values ``-exp(-q)`` of distributions of ``q``.

    Attributes:
        part: the distributions of minus the logarithm of the loss.

    Examples:
        >>> from archcast.predictors.learning_curve.distributions import Bars
        >>> half = Exponentiated(Bars(np.array([[0.0, np.log(4)]]), np.array([[1.0]])))
        >>> half.quantile([0.25, 0.5]).round(6).tolist(), half.above(-0.5).round(6).tolist()
        ([[-0.707107, -0.5]], [0.5])
    """

    part: Distribution

    def support(self) -> tuple[Floats, Floats]:
        low, high = self.part.support()
        return _loss_of(low), _loss_of(high)

    def moment(self, low: ArrayLike, high: ArrayLike) -> Floats:
        """By a sum over ``CELLS`` parts between the quantiles ``EDGE`` and ``1 - EDGE``; what is beyond counts as there."""
        ends = self.part.quantile([EDGE, 1 - EDGE])
        x = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * np.linspace(0, 1, CELLS + 1)
        below = self.part.cdf(x)
        below[:, 0], below[:, -1] = 0.0, 1.0
        middle = _loss_of((x[:, 1:] + x[:, :-1]) / 2)
        counted = (middle > np.reshape(low, (-1, 1))) & (middle <= np.reshape(high, (-1, 1)))
        return np.asarray((np.diff(below, axis=1) * np.where(counted, middle, 0.0)).sum(axis=1))

    def cdf(self, x: ArrayLike) -> Floats:
        x, flat = columns(x, len(self))
        out = np.where(x < 0, self.part.cdf(_logarithm_of(x)), 1.0)
        return out[:, 0] if flat else out

    def density(self, x: ArrayLike) -> Floats:
        x, flat = columns(x, len(self))
        out = np.where(x < 0, self.part.density(_logarithm_of(x)) / np.maximum(-x, LEAST), 0.0)
        return out[:, 0] if flat else out

    def _inverse(self, levels: Floats) -> Floats:
        return _loss_of(self.part._inverse(levels))


def _loss_of(q: Floats) -> Floats:
    return np.asarray(-np.exp(np.minimum(-q, 700.0)))


def _logarithm_of(x: Floats) -> Floats:
    return np.asarray(-np.log(np.maximum(-x, LEAST)))


def _below(part: Distribution, x: Floats) -> Floats:
    """Probability up to ``(n,)`` values, which may be infinite."""
    return np.where(np.isfinite(x), part.cdf(np.where(np.isfinite(x), x, 0)), x > 0)
