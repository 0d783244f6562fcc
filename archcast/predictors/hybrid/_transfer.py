"""What `stack` learns from other tasks: the average over their correlation, and a process that starts where they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.gaussian_process._additive import AdditiveGP, LogNormal, Priors, Terms
from archcast.predictors.gaussian_process._correlated import MANY, CorrelatedGP, Signal
from archcast.predictors.hybrid._inputs import Inputs
from archcast.predictors.hybrid._process import priors_of, terms_of
from archcast.predictors.persistence import saved

__all__ = ["Correlated", "Inherited"]

Array = NDArray[np.float64]


@saved("correlated")
@dataclass(frozen=True, eq=False)
class Correlated(CorrelatedGP):
    """The average over the correlations, with the prior mean and the kernel of :class:`Process`, tuned from 20 architectures up.

    Attributes:
        evidence: whether the processes look at evidence.
    """

    evidence: bool

    @classmethod
    def fit(
        cls, inputs: Inputs, targets: Array, distances: tuple[float, ...], *, evidence: bool
    ) -> tuple[Correlated, Array, Array]:
        """Fit; arguments and answer are those of :meth:`Process.fit`. ``inputs`` have signals."""
        assert inputs.signals is not None
        assert inputs.skills is not None
        terms, priors = terms_of(inputs, evidence), priors_of(inputs, distances)
        base = inputs.prior_mean(evidence)
        tuned = len(targets) >= MANY
        member = cls.learn(terms, inputs.signals, inputs.skills, base, targets, priors, tuned=tuned, evidence=evidence)
        return member, *member.leave_one_out(targets)

    def predict(self, inputs: Inputs) -> tuple[Array, Array]:
        """Mean ``(m,)`` and variance ``(m,)``, noise included."""
        assert inputs.signals is not None
        return self.answer(terms_of(inputs, self.evidence), inputs.signals, inputs.prior_mean(self.evidence))


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
        kernel, priors = learned.kernel, priors_of(inputs, distances)
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
