"""The members of `stack`: each learns rank-normal targets and says what it would have predicted for a row it had not seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.gaussian_process._additive import AdditiveGP, InducingGP, LogNormal, Priors, Terms
from archcast.predictors.gaussian_process._summarised import summarised
from archcast.predictors.hybrid._structure import View
from archcast.predictors.persistence import saved
from archcast.predictors.trees.xgboost import XGBoost
from archcast.spaces.base import SearchSpace

__all__ = [
    "ALONE_FROM",
    "EXACT",
    "PRIOR_SLOPE",
    "UNCOUNTED_SLOPE",
    "Boosting",
    "Forest",
    "Hints",
    "Inputs",
    "Line",
    "Process",
    "priors_of",
    "terms_of",
]

PRIOR_SLOPE, UNCOUNTED_SLOPE = 0.45, 0.25
"""Slope of the targets on the size that is expected: about their correlation on benchmarks of cells; and where a space does not
count what its networks cost, so that the size is of declared weights alone."""

DOUBT_SIZE, DOUBT_TRUSTED, DOUBT_OTHERS, DOUBT_BESIDE = 0.15, 0.02, 0.06, 0.015
"""Prior variances of the slopes: on the size, as a share of the square of what is expected; on trusted evidence; on all other
evidence together; and on each number beside the size."""

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

PENALTIES = tuple(10.0 ** (k / 2) for k in range(-4, 8))
"""Penalties that ridge regression chooses from."""

RELEVANCE = 1.4
"""Prior standard deviation of the logarithm of a feature's relevance."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hints:
    """What may rank ``n`` architectures without training, and what is believed of the slopes of the targets on it.

    The slopes are normal, with the means and variances of the prior; so much a hint is worth before any score is known, and so soon
    is it given up where scores disagree.

    Attributes:
        columns: ``(n, h)`` quantiles.
        means, variances: ``(h,)``.
    """

    columns: Array
    means: Array
    variances: Array


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the members see of ``n`` architectures.

    Attributes:
        view: of the structure.
        cosines: ``(n, l)`` unit vectors of Weisfeiler-Lehman labels, see :meth:`View.cosines`.
        size: ``(n,)`` quantile that ranks well without training, made of the structure.
        evidence: ``(n, c)`` quantiles, or ``None``.
        told: hints of structure and evidence, ``None`` without evidence.
        slope: on the size, as expected.
        signals: ``(n, s)`` what sources expect, as quantiles; ``None`` without sources.
        skills: ``(s,)`` how well each source can be told from structure.
    """

    view: View
    cosines: Array
    size: Array
    evidence: Array | None = None
    told: Hints | None = None
    slope: float = PRIOR_SLOPE
    signals: Array | None = None
    skills: Array | None = None

    @property
    def matrix(self) -> Array:
        """``(n, k)``: structure, evidence and signals side by side."""
        return self._beside(self.evidence)

    @property
    def without_evidence(self) -> Array:
        """``(n, k)``: structure and signals side by side."""
        return self._beside(None)

    def _beside(self, evidence: Array | None) -> Array:
        parts = [part for part in (evidence, self.signals) if part is not None]
        return np.concatenate([self.view.matrix, *parts], axis=1) if parts else self.view.matrix

    def hints(self, evidence: bool) -> Hints:
        """For a member that looks at evidence or one that does not."""
        return self.told if evidence and self.told is not None else self.structural

    @property
    def structural(self) -> Hints:
        """Those of the structure: the size, and numbers beside it."""
        beside = np.zeros((len(self.size), 0)) if self.view.beside is None else self.view.beside
        return Hints(
            np.column_stack([self.size, beside]),
            np.array([self.slope, *[0.0] * beside.shape[1]]),
            np.array([DOUBT_SIZE * self.slope**2, *[DOUBT_BESIDE] * beside.shape[1]]),
        )

    def prior_mean(self, evidence: bool) -> Array:
        """``(n,)`` mean of the targets before any is known."""
        hints = self.hints(evidence)
        return np.asarray(hints.columns @ hints.means)

    @cached_property
    def together(self) -> Array:
        """``(n, k)``: all groups of the structure, scaled such that each weighs the same."""
        groups = self.view.groups
        weights = [np.full(x.shape[1], 1 / np.sqrt(x.shape[1] * len(groups))) for x in groups]
        return self.view.matrix * np.concatenate(weights)


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
        hinted: whether the hints have slopes of their own; not in files of before.
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
        """Features and prior mean of files of before, where the hints had one slope together and no constant stood beside them."""
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


@saved("forest")
@dataclass(frozen=True, eq=False)
class Forest:
    """Extremely randomised trees (Geurts et al. 2006, https://doi.org/10.1007/s10994-006-6226-1), each on a bootstrap sample.

    Attributes:
        forest: scikit-learn's ``ExtraTreesRegressor``.
    """

    forest: Any

    @classmethod
    def fit(cls, features: Array, targets: Array, seed: int, *, trees: int = 80) -> tuple[Forest, Array]:
        """Fit ``(n, k)`` features to ``(n,)`` targets; returns the member and its out-of-bag predictions ``(n,)``."""
        from sklearn.ensemble import ExtraTreesRegressor

        forest = ExtraTreesRegressor(trees, max_features=0.5, bootstrap=True, random_state=seed)
        forest.fit(features, targets)
        values = _by_tree(forest, features)
        outside = np.ones(values.shape, dtype=bool)
        for row, sample in zip(outside, forest.estimators_samples_, strict=True):
            row[sample] = False
        count = outside.sum(axis=0)
        some = np.where(outside, values, 0.0).sum(axis=0) / np.maximum(count, 1)
        return cls(forest), np.where(count > 0, some, targets.mean())

    def predict(self, features: Array) -> Array:
        """``(n,)`` mean over the trees."""
        return np.asarray(_by_tree(self.forest, features).mean(axis=0))


def _by_tree(forest: Any, features: Array) -> Array:
    """``(trees, n)`` predictions, without the threads and checks of the library's own loop."""
    rows = np.ascontiguousarray(features, dtype=np.float32)
    return np.array([tree.tree_.predict(rows)[:, 0] for tree in forest.estimators_])


@saved("line")
@dataclass(frozen=True, eq=False)
class Line:
    """Ridge regression on the decisions themselves, for spaces without cell graphs, where much is often just a sum.

    Attributes:
        weights: ``(k,)``.
        centre: ``(k,)`` means of the features.
        offset: mean of the targets.
    """

    weights: Array
    centre: Array
    offset: float

    @classmethod
    def fit(cls, features: Array, targets: Array) -> tuple[Line, Array]:
        """Fit ``(n, k)`` features to ``(n,)`` targets with the penalty whose leave-one-out error, in closed form, is
        least; returns the member and these predictions ``(n,)``."""
        n, centre, offset = len(targets), features.mean(axis=0), float(targets.mean())
        u, s, v = np.linalg.svd(features - centre, full_matrices=False)
        along, best = u.T @ (targets - offset), None
        for penalty in PENALTIES:
            kept = np.square(s) / (np.square(s) + penalty)
            leverage = np.square(u) @ kept + 1 / n
            residual = (targets - offset - u @ (kept * along)) / np.maximum(1 - leverage, 1e-9)
            error = float(np.square(residual).mean())
            if best is None or error < best[0]:
                best = error, v.T @ (s / (np.square(s) + penalty) * along), targets - residual
        assert best is not None
        return cls(best[1], centre, offset), best[2]

    def predict(self, features: Array) -> Array:
        """``(n,)``."""
        return np.asarray((features - self.centre) @ self.weights + self.offset)


@saved("boosting")
@dataclass(frozen=True, eq=False)
class Boosting:
    """Gradient-boosted trees, as the predictor `xgboost`.

    Attributes:
        trees: fitted on all rows.
    """

    trees: XGBoost

    @classmethod
    def fit(
        cls, space: SearchSpace, features: Array, targets: Array, seed: int, *, folds: int = 4
    ) -> tuple[Boosting, Array]:
        """Fit ``(n, k)`` features to ``(n,)`` targets; returns the member and its cross-validated predictions ``(n,)``."""

        def trees(rows: NDArray[np.intp]) -> XGBoost:
            out = XGBoost(space, random_state=seed)
            out.learn(features[rows], targets[rows])
            return out

        n = len(targets)
        fold = np.random.default_rng(seed).permutation(n) % min(folds, n)
        outside = np.empty(n)
        for k in range(fold.max() + 1):
            there = fold == k
            outside[there] = trees(np.flatnonzero(~there)).answer(features[there])[0]
        return cls(trees(np.arange(n))), outside

    def predict(self, features: Array) -> Array:
        """``(n,)`` sums of the leaves' values."""
        return self.trees.answer(features)[0]
