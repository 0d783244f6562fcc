"""What `stack` learns from other tasks: how alike they are is not known, so it averages over their correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

from archcast.errors import InvalidInputError
from archcast.evidence import Evidence, Pool, Source
from archcast.predictors.base import Predictor
from archcast.predictors.features import EvidenceColumn, reference_numbers, reference_rows
from archcast.predictors.gaussian_process._additive import (
    JITTER,
    AdditiveGP,
    AdditiveKernel,
    LogNormal,
    Priors,
    Terms,
    tune,
)
from archcast.predictors.hybrid._stack_members import Inputs, priors_of, terms_of
from archcast.predictors.persistence import saved
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["EXPECTED", "MANY", "Correlated", "Inherited", "Signal", "signals_of"]

CORRELATIONS = np.linspace(-0.6, 0.975, 22)
EXPECTED, DOUBT = 0.55, 0.35
"""Correlations that are tried, and mean and standard deviation of their normal prior."""

NOISE = 0.05
"""Variance of the noise before it is tuned."""

MANY = 20
"""From so many architectures up the kernel is tuned."""

MOST = 1500
"""More rows of a source are thinned out to so many, evenly: further ones tell little."""

Array = NDArray[np.float64]


@saved("signal")
@dataclass(frozen=True, eq=False)
class Signal:
    """What a source expects of architectures, as normal quantiles among the candidates.

    Attributes:
        stack: fitted to the source.
        scale: rank-normal map of its predictions.
        process: its Gaussian process on the structure.
    """

    stack: Predictor
    scale: EvidenceColumn
    process: AdditiveGP

    def __call__(self, archs: NDArray[np.int64], evidence: Evidence) -> Array:
        """``(n,)`` quantiles."""
        return self.scale.quantiles(self.stack.query(archs, evidence or None).mean)


def signals_of(stack: Predictor, space: SearchSpace, sources: Sequence[Source], pool: Pool | None) -> list[Signal]:
    """A signal for each source.

    Args:
        stack: not initialised; it is made anew for each source.
        space: that of the task.
        sources: of the same space.
        pool: candidates, or ``None``.

    Raises:
        InvalidInputError: a source of another space.
    """
    out = []
    rows = reference_rows(space, pool)
    known = Evidence() if pool is None or not pool.evidence else pool.evidence[reference_numbers(pool)]
    for number, source in enumerate(sources):
        if get_space(source.space).name != space.name:
            raise InvalidInputError(
                f"sources[{number}] is of space {get_space(source.space).name!r}, the task of {space.name!r}: only sources of the "
                "same space help. Leave it out."
            )
        some = np.linspace(0, len(source.archs) - 1, min(len(source.archs), MOST)).astype(int)
        fitted: Any = type(stack)(**stack.get_params(deep=False))
        fitted.init(
            source.archs[some], source.scores[some], source.evidence[some] if source.evidence else None, pool=pool
        )
        expected = fitted.query(rows, known or None).mean
        scale = EvidenceColumn.of("source", str(number), 0, expected)
        out.append(Signal(fitted, scale, fitted.processes_[-1].gp))
    return out


@saved("correlated")
@dataclass(frozen=True, eq=False)
class Correlated:
    """Gaussian processes, one for each source and each correlation rho of its signal s with the targets, averaged.

    For one of them

        t = rho s + (1 - |rho|) m + sqrt(1 - rho^2) g + c + noise

    with the prior mean m and the process g that the targets have without a source, and c ~ N(0, 1), since t is centred on the
    training rows and s on the candidates. Its weight is its likelihood times N(rho; .55, .35^2); sources share the average by
    the same weights. The kernel is that of the prior, and from 20 architectures up tuned once, at the mean rho.

    Attributes:
        evidence: whether the processes look at evidence.
        terms: ``n`` training rows.
        kernel: of g.
        noise: variance of the noise.
        sources, correlations, weights: ``(k,)``, of each process.
        alphas: ``(k, n)``, and ``inverses`` ``(k, n, n)``: of the covariance of the training rows.
    """

    evidence: bool
    terms: Terms
    kernel: AdditiveKernel
    noise: float
    sources: NDArray[np.int64]
    correlations: Array
    weights: Array
    alphas: Array
    inverses: Array

    @classmethod
    def fit(
        cls, inputs: Inputs, targets: Array, distances: tuple[float, ...], *, evidence: bool
    ) -> tuple[Correlated, Array, Array]:
        """Fit; arguments and answer are those of :meth:`Process.fit`. ``inputs`` have signals."""
        terms, priors = terms_of(inputs, evidence), priors_of(inputs, evidence, distances)
        ones = tuple(np.ones(x.shape[1]) for x in terms.matern)
        scales, lengthscales, slopes = (
            np.array([p.median for p in part]) for part in (priors.scales, priors.lengthscales, priors.slopes)
        )
        mode = AdditiveKernel(scales, lengthscales, slopes, ones)
        member = cls._with(mode, NOISE, inputs, terms, targets, evidence)
        if len(targets) >= MANY:
            rho, weights = member.correlations, member.weights
            left = float(weights @ (1 - rho**2))
            mean = weights @ member._means(inputs)
            kernel, noise = tune(terms, targets - mean - (targets - mean).mean(), priors)
            scaled = AdditiveKernel(kernel.scales / left, kernel.lengthscales, kernel.slopes / left, kernel.relevances)
            member = cls._with(scaled, noise, inputs, terms, targets, evidence)
        variance = 1 / np.diagonal(member.inverses, axis1=1, axis2=2)
        return member, *member._average(targets - member.alphas * variance, variance)

    @classmethod
    def _with(
        cls, kernel: AdditiveKernel, noise: float, inputs: Inputs, terms: Terms, targets: Array, evidence: bool
    ) -> Correlated:
        assert inputs.signals is not None
        n, count = len(targets), inputs.signals.shape[1]
        sources = np.repeat(np.arange(count), len(CORRELATIONS))
        rho = np.tile(CORRELATIONS, count)
        empty = np.zeros((len(rho), 0))
        member = cls(evidence, terms, kernel, noise, sources, rho, np.full(len(rho), 1 / len(rho)), empty, empty)
        errors, gram = targets - member._means(inputs), kernel(terms, terms)
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
            evidence, terms, kernel, noise, sources, rho, weights / weights.sum(), np.array(alphas), np.array(inverses)
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

    def predict(self, inputs: Inputs) -> tuple[Array, Array]:
        """Mean ``(m,)`` and variance ``(m,)``, noise included."""
        terms = terms_of(inputs, self.evidence)
        cross, diagonal = self.kernel(terms, self.terms), self.kernel.diagonal(terms)
        means, variances = self._means(inputs), []
        for k, r in enumerate(self.correlations):
            between = (1 - r**2) * cross + 1
            means[k] += between @ self.alphas[k]
            explained = np.einsum("ij,ij->i", between @ self.inverses[k], between)
            variances.append(np.maximum((1 - r**2) * diagonal + 1 - explained, 0.0) + self.noise)
        return self._average(means, np.array(variances))

    def _means(self, inputs: Inputs) -> Array:
        """``(k, n)`` prior means."""
        assert inputs.signals is not None
        rho = self.correlations[:, None]
        return rho * inputs.signals.T[self.sources] + (1 - np.abs(rho)) * inputs.prior_mean(self.evidence)

    def _average(self, means: Array, variances: Array) -> tuple[Array, Array]:
        mean = self.weights @ means
        return mean, self.weights @ (variances + np.square(means - mean))


@saved("inherited")
@dataclass(frozen=True, eq=False)
class Inherited:
    """A Gaussian process that starts from what the sources have learned: for tasks with enough scores to correct it.

    Its mean is E[rho] s + (1 - \\|E[rho]\\|) m, a linear term on s has the prior variance Var[rho], and the priors of its other
    hyperparameters, relevances included, are centred on those of the source that is most alike.

    Attributes:
        gp: fitted to the targets less the mean.
        share: ``(s,)`` of each source in the signal s.
        expected: E[rho].
        relevances: roots of the source's relevances, of each group.
    """

    gp: AdditiveGP
    share: Array
    expected: float
    relevances: tuple[Array, ...]

    @classmethod
    def fit(
        cls, inputs: Inputs, targets: Array, distances: tuple[float, ...], alike: Correlated, signals: Sequence[Signal]
    ) -> tuple[Inherited, Array, Array]:
        """Fit; the answer is that of :meth:`Process.fit`.

        Args:
            inputs, targets: of the training rows.
            distances: median distance in each group.
            alike: fitted to the same.
            signals: of the sources.
        """
        rho, weights = alike.correlations, alike.weights
        share = np.asarray(np.bincount(alike.sources, weights), dtype=np.float64)
        expected = float(weights @ rho)
        variance = max(float(weights @ np.square(rho - expected)), 1e-3)
        learned = signals[int(share.argmax())].process
        kernel, priors = learned.kernel, priors_of(inputs, False, distances)
        member = cls(learned, share, expected, tuple(np.sqrt(part) for part in kernel.relevances))
        centred = Priors(
            scales=_centred(priors.scales, kernel.scales),
            lengthscales=_centred(priors.lengthscales, kernel.lengthscales),
            slopes=(*_centred(priors.slopes, kernel.slopes), LogNormal(variance, 1.0)),
            relevance=priors.relevance,
        )
        error = targets - member._mean(inputs)
        gp = AdditiveGP.fit(member._terms(inputs), error, centred)
        member = cls(gp, share, expected, member.relevances)
        return member, gp.leave_one_out(error) + member._mean(inputs), gp.leave_one_out_variance()

    def predict(self, inputs: Inputs) -> tuple[Array, Array]:
        """Mean ``(m,)`` and variance ``(m,)``, noise included."""
        mean, variance = self.gp.predict(self._terms(inputs))
        return mean + self._mean(inputs), variance + self.gp.noise

    def _signal(self, inputs: Inputs) -> Array:
        assert inputs.signals is not None
        return np.asarray(inputs.signals @ self.share)

    def _mean(self, inputs: Inputs) -> Array:
        return self.expected * self._signal(inputs) + (1 - abs(self.expected)) * inputs.prior_mean(False)

    def _terms(self, inputs: Inputs) -> Terms:
        terms = terms_of(inputs, False)
        matern = tuple(x * root for x, root in zip(terms.matern, self.relevances, strict=True))
        return Terms(matern, (*terms.linear, self._signal(inputs)[:, None]))


def _centred(priors: Sequence[LogNormal], values: Array) -> tuple[LogNormal, ...]:
    """The priors with other medians."""
    return tuple(LogNormal(float(value), prior.sd) for value, prior in zip(values, priors, strict=True))
