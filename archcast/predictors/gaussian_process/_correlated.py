"""Gaussian processes that learn from other tasks: how alike the tasks are is not known, so they average over their correlation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve
from typing_extensions import Self

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
from archcast.predictors.sources import in_space, of_rows
from archcast.predictors.targets import targets_of
from archcast.spaces.base import SearchSpace

__all__ = [
    "CORRELATIONS",
    "EXPECTED",
    "HEARD",
    "MANY",
    "NOISE",
    "CorrelatedGP",
    "Signal",
    "correlations_of",
    "heard",
    "signals_of",
]

CORRELATIONS = np.linspace(-0.6, 0.975, 22)
EXPECTED, DOUBT = 0.65, 0.25
STRANGE, WIDE = 0.15, 0.5
"""Correlations that are tried. Their prior has two parts: most sources are alike, with a normal distribution of this mean times the
skill of the source and this standard deviation; the others, this share of all, may be anything about 0."""

NOISE, DOUBTED = 0.05, 1.0
"""Variance of the noise before it is tuned: this, and the other divided by the number of scores, since few of them say little about
the correlation."""

MANY = 20
"""From so many architectures up ``stack`` tunes the kernel and takes further members."""

HEARD = 1000
"""Of more scores a task learns nothing from others: sources are not heard, since a covariance is kept for each correlation."""

HALF_SKILLED, SKILLED = 5.0, 0.2
"""With so many rows of a source, half of its skill is believed; a source with less skill is not heard."""

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
        skill: correlation of the source's targets with what that process expects of each from all others;
            files of earlier versions have 1.
        number: of the source.
    """

    stack: Predictor
    scale: EvidenceColumn
    process: AdditiveGP
    skill: float = 1.0
    number: int = 0

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
) -> tuple[list[Signal], int]:
    """Signals of the sources that are worth hearing, and how many sources there were; none for a task with more than ``HEARD``
    scores.

    Args:
        predictor: not initialised; it is made anew for each source.
        process: the Gaussian process of such a predictor once it is initialised.
        space: that of the task.
        known: of the task: its sources and its pool.

    Raises:
        InvalidInputError: a source of a space that has no rows in common with the task's.
    """
    sources = in_space(known.sources, space)
    if len(known.scores) > HEARD:
        return [], 0
    out, pool = [], known.pool
    candidates = reference_rows(space, pool)
    beside = Evidence() if pool is None or not pool.evidence else pool.evidence[reference_numbers(pool)]
    for number, source in enumerate(sources):
        source = of_rows(source, np.linspace(0, len(source.archs) - 1, min(len(source.archs), MOST)).astype(int))
        evidence = source.evidence.shared(known.evidence)
        fitted: Any = type(predictor)(**predictor.get_params(deep=False))
        fitted.init(source.archs, source.scores, evidence or None, pool=pool)
        # among the candidates, or among the source's own rows where the candidates lack evidence that it learned from
        covered = evidence.names <= beside.names
        rows, told = (candidates, beside) if covered else (source.archs, evidence)
        gp = process(fitted)
        skill = _skill(gp, targets_of(space, source.scores))
        if skill >= SKILLED:
            scale = EvidenceColumn.of("source", str(number), 0, fitted.query(rows, told or None).mean)
            out.append(Signal(fitted, scale, gp, skill, number))
    return out, len(sources)


def correlations_of(count: int, signals: Sequence[Signal], found: Sequence[float]) -> list[float]:
    """Of all sources; 0 for those that are not heard."""
    out = [0.0] * count
    for signal, value in zip(signals, found, strict=True):
        out[signal.number] = value
    return out


def _skill(gp: AdditiveGP, targets: Array) -> float:
    """How well a source can be told from structure, 0 to 1: nothing that is expected of noise can be of use elsewhere."""
    expected = gp.leave_one_out(targets)
    if len(targets) < 3 or np.ptp(targets) == 0 or np.ptp(expected) == 0:
        return 0.0
    return max(float(np.corrcoef(expected, targets)[0, 1]), 0.0) * len(targets) / (len(targets) + HALF_SKILLED)


@saved("correlated-gp")
@dataclass(frozen=True, eq=False)
class CorrelatedGP:
    """Gaussian processes, one for each source and each correlation rho of its signal s with the targets, averaged.

    For one of them

        t = rho s + (1 - |rho|) m + sqrt(1 - rho^2) g + c + noise

    with the prior mean m and the process g that the targets have without a source, and c ~ N(0, 1), since t is centred on the
    training rows and s on the candidates. Its weight is its likelihood times the prior of rho, .85 N(.65 k, .25^2) + .15 N(0, .5^2)
    with the skill k of the source; sources share the average by the same weights. The kernel is that of the prior, or tuned
    once, at the mean rho.

    A source's skill is the correlation of its scores with what is expected of each from all its others. Noise has none, so that a
    source whose scores are wrong says so itself, before the task has a single score.

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
        skills: Array,
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
            skills: ``(s,)`` of these.
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
        member = cls._with(mode, NOISE + DOUBTED / len(targets), terms, signals, skills, base, targets, more)
        if not tuned:
            return member
        rho, weights = member.correlations, member.weights
        left = float(weights @ (1 - rho**2))
        mean = weights @ member._means(signals, base)
        kernel, noise = tune(terms, targets - mean - (targets - mean).mean(), priors)
        scaled = AdditiveKernel(kernel.scales / left, kernel.lengthscales, kernel.slopes / left, kernel.relevances)
        return cls._with(scaled, noise, terms, signals, skills, base, targets, more)

    @classmethod
    def _with(
        cls,
        kernel: AdditiveKernel,
        noise: float,
        terms: Terms,
        signals: Array,
        skills: Array,
        base: Array,
        targets: Array,
        more: dict[str, Any],
    ) -> Self:
        n, count = len(targets), signals.shape[1]
        sources = np.repeat(np.arange(count), len(CORRELATIONS))
        rho = np.tile(CORRELATIONS, count)
        errors, gram = targets - _prior_means(rho, sources, signals, base), kernel(terms, terms)
        alphas, inverses, logs = [], [], []
        for r, skill, error in zip(rho, skills[sources], errors, strict=True):
            factor = np.linalg.cholesky((1 - r**2) * gram + 1 + (noise + JITTER) * np.eye(n))
            inverse = cho_solve((factor, True), np.eye(n))
            alphas.append(inverse @ error)
            inverses.append(inverse)
            prior = _log_prior(r, skill)
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


def _log_prior(rho: float, skill: float) -> float:
    """Of a correlation, but for a constant."""
    alike = (1 - STRANGE) / DOUBT * np.exp(-0.5 * ((rho - EXPECTED * skill) / DOUBT) ** 2)
    return float(np.log(alike + STRANGE / WIDE * np.exp(-0.5 * (rho / WIDE) ** 2)))


def _prior_means(rho: Array, sources: NDArray[np.int64], signals: Array, base: Array) -> Array:
    """``(k, n)``."""
    return np.asarray(rho[:, None] * signals.T[sources] + (1 - np.abs(rho[:, None])) * base)
