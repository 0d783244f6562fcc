"""The Gaussian processes of `stack`: a kernel for each group of features, and slopes on the hints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.gaussian_process._additive import AdditiveGP, InducingGP, LogNormal, Priors, Terms
from archcast.predictors.gaussian_process._summarised import summarised
from archcast.predictors.hybrid._inputs import PRIOR_SLOPE, Inputs
from archcast.predictors.persistence import saved

__all__ = ["ALONE_FROM", "EXACT", "Process", "priors_of", "terms_of"]

LINEAR, STRUCTURE, CENTRE = 0.05, 0.7, 0.5
"""Prior variances: of the linear term on the structure; of that, the labels and the Matern terms together, in equal parts; and of
the mean of the targets."""

EFFECTS, EFFECT_SD = 0.2, 1.5
"""Prior variance of what decisions do by themselves, where that is looked at, and standard deviation of the logarithm of the
share that each has."""

ALONE, ALONE_FROM = 0.8, 50
"""Prior variance of what each decision does by itself, where nothing else is looked at; and training rows from which that is done:
of fewer the leave-one-out errors of so many shares are too good to be true."""

TUNED = 25
"""With fewer training rows of cell graphs the hyperparameters are those of the prior: so few say nothing about them."""

NOISE, NOISE_FEW = 0.03, 0.8
"""Variance of the noise with fewer rows: the first number plus the second divided by the number of rows."""

EXACT = 2000
"""Of more training rows the Gaussian process is a sparse one."""

RELEVANCE = 1.4
"""Prior standard deviation of the logarithm of a feature's relevance."""

Array = NDArray[np.float64]


@saved("process")
@dataclass(frozen=True, eq=False)
class Process:
    """A Gaussian process on a sum of kernels.

    One Matern-5/2 term with relevances on each group of features, and on the evidence; linear terms on the Weisfeiler-Lehman
    labels (cosine), on all groups together, and on the hints, whose slopes are normal with the means and variances of
    :class:`Hints`; and a constant, since the mean of a few targets is not that of all. With ``separate`` a term for each
    decision, or all alike ones, too: a smooth function of its value, added to the rest (Duvenaud et al. 2011,
    https://arxiv.org/abs/1112.4394). With ``alone`` that is all but for the hints, and each decision has a share of its own:
    enough where the truth is a sum, or where few of many decisions matter. With fewer than 25 training rows of cell graphs the
    hyperparameters are those of the prior; above 2,000 a few hundred rows stand for all
    (:func:`~archcast.predictors.gaussian_process._summarised.summarised`).

    Attributes:
        gp: fitted to the targets less the prior mean.
        evidence: whether it looks at evidence.
        separate: whether it looks at each decision by itself.
        hinted: whether the hints have slopes of their own; not in files of earlier versions.
        alone: whether it looks at each decision by itself and at nothing else.
    """

    gp: AdditiveGP | InducingGP
    evidence: bool
    separate: bool = False
    hinted: bool = False
    alone: bool = False

    @classmethod
    def fit(
        cls,
        inputs: Inputs,
        targets: Array,
        distances: tuple[float, ...],
        *,
        evidence: bool,
        separate: bool = False,
        alone: bool = False,
    ) -> tuple[Process, Array, Array]:
        """Fit.

        Args:
            inputs: of the training rows.
            targets: ``(n,)``.
            distances: median distance in each group, and in the evidence if it is looked at.
            evidence: whether to look at evidence.
            separate: whether to look at each decision by itself.
            alone: whether to look at each decision by itself and at nothing else.

        Returns:
            The member, and ``(n,)`` mean and variance of each target given all others.
        """
        mean = inputs.prior_mean(evidence)
        terms, priors = terms_of(inputs, evidence, separate), priors_of(inputs, distances, separate)
        if alone:
            terms, priors = _terms_alone(inputs, evidence), _priors_alone(inputs)
        if len(targets) > EXACT:
            few, outside, variance = summarised(terms, targets - mean, priors)
            return cls(few, evidence, separate, True, alone), outside + mean, variance
        gp = AdditiveGP.fit(terms, targets - mean, priors, iterations=0 if _few(inputs) else 30)
        return (
            cls(gp, evidence, separate, True, alone),
            gp.leave_one_out(targets - mean) + mean,
            gp.leave_one_out_variance(),
        )

    def predict(self, inputs: Inputs) -> tuple[Array, Array]:
        """Mean ``(n,)`` and variance ``(n,)``, noise included."""
        terms, centre = terms_of(inputs, self.evidence, self.separate), inputs.prior_mean(self.evidence)
        if self.alone:
            terms = _terms_alone(inputs, self.evidence)
        if not self.hinted:
            terms, centre = self._before(inputs)
        mean, variance = self.gp.predict(terms)
        return mean + centre, variance + self.gp.noise

    def _before(self, inputs: Inputs) -> tuple[Terms, Array]:
        """Features and prior mean of files of earlier versions: the hints have one slope together, and no constant beside them."""
        terms, hints = terms_of(inputs, self.evidence, self.separate), inputs.hints(self.evidence)
        linear, effects = list(terms.linear[:2]), terms.linear[4:]
        if self.evidence and inputs.evidence is not None:
            linear.append(inputs.evidence / np.sqrt(inputs.evidence.shape[1]))
        prior = hints.columns[:, hints.means > 0].mean(axis=1)
        if len(self.gp.kernel.slopes) > len(linear) + len(effects):
            linear.append(prior[:, None])
        slope = PRIOR_SLOPE if (hints.means > 0).sum() > 1 else inputs.slope
        return Terms(terms.matern, (*linear, *effects)), slope * prior


def priors_of(inputs: Inputs, distances: tuple[float, ...], separate: bool = False) -> Priors:
    """Priors of the kernel of :class:`Process`; ``distances`` are lengthscales, one for each Matern term."""
    effects, n = inputs.view.effects if separate else (), len(inputs.size)
    rest, share = 1 - EFFECTS / STRUCTURE if effects else 1.0, (STRUCTURE - LINEAR) / (len(distances) + 1)
    slopes = [LogNormal(rest * LINEAR, 1.0), LogNormal(rest * share, 1.0), LogNormal(1.0, 1.0), LogNormal(CENTRE, 0.3)]
    slopes += [LogNormal(EFFECTS, EFFECT_SD)] * len(effects)
    return Priors(
        scales=(LogNormal(rest * share, 1.0),) * len(distances),
        lengthscales=tuple(LogNormal(distance, 0.3) for distance in distances),
        slopes=tuple(slopes),
        noise=LogNormal(NOISE + NOISE_FEW / n if _few(inputs) else 0.05, 1.5),
        relevance=RELEVANCE,
    )


def _few(inputs: Inputs) -> bool:
    """Whether training rows are so few that they say nothing about the hyperparameters."""
    return inputs.view.labels is not None and len(inputs.size) < TUNED


def terms_of(inputs: Inputs, evidence: bool, separate: bool = False) -> Terms:
    """Features for the kernel of :class:`Process`."""
    matern, hints = list(inputs.view.groups), inputs.hints(evidence)
    if evidence and inputs.evidence is not None:
        matern.append(inputs.evidence)
    linear = [inputs.together, inputs.cosines, hints.columns * np.sqrt(hints.variances), np.ones((len(inputs.size), 1))]
    return Terms(tuple(matern), (*linear, *(inputs.view.effects if separate else ())))


def _terms_alone(inputs: Inputs, evidence: bool) -> Terms:
    """Features for the kernel of a :class:`Process` that looks at each decision by itself."""
    hints = inputs.hints(evidence)
    return Terms((), (hints.columns * np.sqrt(hints.variances), np.ones((len(inputs.size), 1)), *inputs.view.apart))


def _priors_alone(inputs: Inputs) -> Priors:
    """Priors of that kernel."""
    slopes = (LogNormal(1.0, 1.0), LogNormal(CENTRE, 0.3), *[LogNormal(ALONE, EFFECT_SD)] * len(inputs.view.apart))
    return Priors((), (), slopes, LogNormal(0.05, 1.5))
