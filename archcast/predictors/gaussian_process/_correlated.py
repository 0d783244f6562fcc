"""Gaussian processes that learn from other tasks: how alike the tasks are is not known, so they average over their correlation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve
from typing_extensions import Self

from archcast.errors import InvalidInputError
from archcast.evidence import Evidence
from archcast.predictors.base import Known, Predictor
from archcast.predictors.features import EvidenceColumn, reference_numbers, reference_rows
from archcast.predictors.gaussian_process._additive import (
    JITTER,
    AdditiveGP,
    AdditiveKernel,
    Priors,
    Terms,
    tune,
)
from archcast.predictors.persistence import saved
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["CORRELATIONS", "EXPECTED", "HEARD", "MANY", "NOISE", "CorrelatedGP", "Signal", "heard", "signals_of"]

CORRELATIONS = np.linspace(-0.6, 0.975, 22)
EXPECTED, DOUBT = 0.55, 0.35
"""Correlations that are tried, and mean and standard deviation of their normal prior."""

NOISE = 0.05
"""Variance of the noise before it is tuned."""

MANY = 20
"""From so many architectures up ``stack`` tunes the kernel and takes further members."""

HEARD = 1000
"""Of more scores a task learns nothing from others: sources are not heard, since a covariance is kept for each correlation."""

MOST = 1500
"""More rows of a source are thinned out to so many, evenly: further ones tell little."""

Array = NDArray[np.float64]


@saved("signal")
@dataclass(frozen=True, eq=False)
class Signal:
    """What a source expects of architectures, as normal quantiles among the candidates.

    Attributes:
        stack: predictor fitted to the source.
        scale: rank-normal map of its predictions.
        process: its Gaussian process on the structure.
    """

    stack: Predictor
    scale: EvidenceColumn
    process: AdditiveGP

    def __call__(self, archs: NDArray[np.int64], evidence: Evidence) -> Array:
        """``(n,)`` quantiles."""
        return self.scale.quantiles(self.stack.query(archs, evidence or None).mean)


def heard(signals: Sequence[Signal], archs: NDArray[np.int64], evidence: Evidence) -> Array:
    """``(n, s)`` signals of the sources, of which there is at least one."""
    return np.stack([signal(archs, evidence) for signal in signals], axis=1)


def signals_of(
    predictor: Predictor,
    process: Callable[[Any], AdditiveGP],
    space: SearchSpace,
    known: Known,
) -> list[Signal]:
    """A signal for each source; none for a task with more than ``HEARD`` scores.

    Args:
        predictor: not initialised; it is made anew for each source.
        process: the Gaussian process of such a predictor once it is initialised.
        space: that of the task.
        known: of the task: its sources, of the same space, and its pool.

    Raises:
        InvalidInputError: a source of another space.
    """
    for number, source in enumerate(known.sources):
        if get_space(source.space).name != space.name:
            raise InvalidInputError(
                f"sources[{number}] is of space {get_space(source.space).name!r}, the task of {space.name!r}: only sources of the "
                "same space help. Leave it out."
            )
    if len(known.scores) > HEARD:
        return []
    out, pool = [], known.pool
    rows = reference_rows(space, pool)
    beside = Evidence() if pool is None or not pool.evidence else pool.evidence[reference_numbers(pool)]
    for number, source in enumerate(known.sources):
        some = np.linspace(0, len(source.archs) - 1, min(len(source.archs), MOST)).astype(int)
        fitted: Any = type(predictor)(**predictor.get_params(deep=False))
        fitted.init(
            source.archs[some], source.scores[some], source.evidence[some] if source.evidence else None, pool=pool
        )
        expected = fitted.query(rows, beside or None).mean
        scale = EvidenceColumn.of("source", str(number), 0, expected)
        out.append(Signal(fitted, scale, process(fitted)))
    return out


@saved("correlated-gp")
@dataclass(frozen=True, eq=False)
class CorrelatedGP:
    """Gaussian processes, one for each source and each correlation rho of its signal s with the targets, averaged.

    For one of them

        t = rho s + (1 - |rho|) m + sqrt(1 - rho^2) g + c + noise

    with the prior mean m and the process g that the targets have without a source, and c ~ N(0, 1), since t is centred on the
    training rows and s on the candidates. Its weight is its likelihood times N(rho; .55, .35^2); sources share the average by
    the same weights. The kernel is that of the prior, or tuned once, at the mean rho.

    Attributes:
        terms: ``n`` training rows.
        kernel: of g.
        noise: variance of the noise.
        sources, correlations, weights: ``(k,)``, of each process.
        alphas: ``(k, n)``, and ``inverses`` ``(k, n, n)``: of the covariance of the training rows.
    """

    terms: Terms
    kernel: AdditiveKernel
    noise: float
    sources: NDArray[np.int64]
    correlations: Array
    weights: Array
    alphas: Array
    inverses: Array

    @classmethod
    def learn(
        cls,
        terms: Terms,
        signals: Array,
        base: Array,
        targets: Array,
        priors: Priors,
        *,
        tuned: bool = True,
        **more: Any,
    ) -> Self:
        """Condition on training rows.

        Args:
            terms: features of the kernel.
            signals: ``(n, s)`` of the sources.
            base: ``(n,)`` prior mean m.
            targets: ``(n,)``.
            priors: of the hyperparameters of g.
            tuned: whether they are tuned, or are those of the prior.
            more: further attributes of a subclass.
        """
        ones = tuple(np.ones(x.shape[1]) for x in terms.matern)
        scales, lengthscales, slopes = (
            np.array([p.median for p in part]) for part in (priors.scales, priors.lengthscales, priors.slopes)
        )
        mode = AdditiveKernel(scales, lengthscales, slopes, ones)
        member = cls._with(mode, NOISE, terms, signals, base, targets, more)
        if not tuned:
            return member
        rho, weights = member.correlations, member.weights
        left = float(weights @ (1 - rho**2))
        mean = weights @ member._means(signals, base)
        kernel, noise = tune(terms, targets - mean - (targets - mean).mean(), priors)
        scaled = AdditiveKernel(kernel.scales / left, kernel.lengthscales, kernel.slopes / left, kernel.relevances)
        return cls._with(scaled, noise, terms, signals, base, targets, more)

    @classmethod
    def _with(
        cls,
        kernel: AdditiveKernel,
        noise: float,
        terms: Terms,
        signals: Array,
        base: Array,
        targets: Array,
        more: dict[str, Any],
    ) -> Self:
        n, count = len(targets), signals.shape[1]
        sources = np.repeat(np.arange(count), len(CORRELATIONS))
        rho = np.tile(CORRELATIONS, count)
        errors, gram = targets - _prior_means(rho, sources, signals, base), kernel(terms, terms)
        alphas, inverses, logs = [], [], []
        for r, error in zip(rho, errors, strict=True):
            factor = np.linalg.cholesky((1 - r**2) * gram + 1 + (noise + JITTER) * np.eye(n))
            inverse = cho_solve((factor, True), np.eye(n))
            alphas.append(inverse @ error)
            inverses.append(inverse)
            prior = -0.5 * ((r - EXPECTED) / DOUBT) ** 2
            logs.append(prior - 0.5 * error @ alphas[-1] - np.log(np.diag(factor)).sum())
        weights = np.exp(np.array(logs) - max(logs))
        return cls(
            terms=terms,
            kernel=kernel,
            noise=noise,
            sources=sources,
            correlations=rho,
            weights=weights / weights.sum(),
            alphas=np.array(alphas),
            inverses=np.array(inverses),
            **more,
        )

    @property
    def correlation(self) -> list[float]:
        """Mean correlation of each source, given the training rows."""
        return [
            float(
                self.weights[self.sources == k]
                @ self.correlations[self.sources == k]
                / self.weights[self.sources == k].sum()
            )
            for k in range(int(self.sources.max()) + 1)
        ]

    def answer(self, terms: Terms, signals: Array, base: Array) -> tuple[Array, Array]:
        """Mean ``(m,)`` and variance ``(m,)``, noise included."""
        cross, diagonal = self.kernel(terms, self.terms), self.kernel.diagonal(terms)
        means, variances = self._means(signals, base), []
        for k, r in enumerate(self.correlations):
            between = (1 - r**2) * cross + 1
            means[k] += between @ self.alphas[k]
            explained = np.einsum("ij,ij->i", between @ self.inverses[k], between)
            variances.append(np.maximum((1 - r**2) * diagonal + 1 - explained, 0.0) + self.noise)
        return self._average(means, np.array(variances))

    def covariance(self, terms: Terms, signals: Array, base: Array) -> Array:
        """``(m, m)`` posterior covariance of the noise-free function: the mean of the processes' own, and the covariance of
        their means."""
        cross, gram = self.kernel(terms, self.terms), self.kernel(terms, terms)
        means, out = self._means(signals, base), np.zeros_like(gram)
        for k, (r, weight) in enumerate(zip(self.correlations, self.weights, strict=True)):
            between = (1 - r**2) * cross + 1
            means[k] += between @ self.alphas[k]
            out += weight * ((1 - r**2) * gram + 1 - between @ self.inverses[k] @ between.T)
        apart = means - self.weights @ means
        return np.asarray(out + apart.T @ (self.weights[:, None] * apart))

    def leave_one_out(self, targets: Array) -> tuple[Array, Array]:
        """``(n,)`` mean and variance, noise included, of each target given all others."""
        variance = 1 / np.diagonal(self.inverses, axis1=1, axis2=2)
        return self._average(targets - self.alphas * variance, variance)

    def _means(self, signals: Array, base: Array) -> Array:
        """``(k, n)`` prior means."""
        return _prior_means(self.correlations, self.sources, signals, base)

    def _average(self, means: Array, variances: Array) -> tuple[Array, Array]:
        mean = self.weights @ means
        return mean, self.weights @ (variances + np.square(means - mean))


def _prior_means(rho: Array, sources: NDArray[np.int64], signals: Array, base: Array) -> Array:
    """``(k, n)``."""
    return np.asarray(rho[:, None] * signals.T[sources] + (1 - np.abs(rho[:, None])) * base)
