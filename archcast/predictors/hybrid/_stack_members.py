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

__all__ = ["PRIOR_SLOPE", "UNCOUNTED_SLOPE", "Boosting", "Forest", "Inputs", "Line", "Process", "priors_of", "terms_of"]

PRIOR_SLOPE, UNCOUNTED_SLOPE = 0.45, 0.25
"""Part of the prior quantile that is the prior mean: about its correlation with the target on benchmarks of cells; and where a
space does not count what its networks cost, so that the quantile is of declared weights alone."""

LINEAR, PRIOR_TERM = 0.05, 0.16
"""Prior variances of the linear terms on structure and on the prior quantile; the other terms share what is left of 1."""

EFFECTS, EFFECT_SD = 0.2, 1.5
"""Prior variance of what decisions do by themselves, where that is looked at, and standard deviation of the logarithm of the
share that each has."""

EXACT = 2000
"""Of more training rows the Gaussian process is a sparse one."""

PENALTIES = tuple(10.0 ** (k / 2) for k in range(-4, 8))
"""Penalties that ridge regression chooses from."""

RELEVANCE = 1.4
"""Prior standard deviation of the logarithm of a feature's relevance."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the members see of ``n`` architectures.

    Attributes:
        view: of the structure.
        cosines: ``(n, l)`` unit vectors of Weisfeiler-Lehman labels, see :meth:`View.cosines`.
        prior: ``(n,)`` quantile that ranks well without training, made of the structure.
        evidence: ``(n, c)`` quantiles, or ``None``.
        informed: ``(n,)`` the same made of structure and evidence, or ``None`` where no evidence is of a kind that ranks well.
        slope: part of the prior quantile that is the prior mean.
        counted: whether the prior quantile of the structure is so good that the slope on it is learned, too.
        signals: ``(n, s)`` what sources expect, as quantiles; ``None`` without sources.
        skills: ``(s,)`` how well each source can be told from structure.
    """

    view: View
    cosines: Array
    prior: Array
    evidence: Array | None = None
    informed: Array | None = None
    slope: float = PRIOR_SLOPE
    counted: bool = False
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

    def prior_quantile(self, evidence: bool) -> Array:
        """``(n,)``, for a member that looks at evidence or one that does not."""
        return self.informed if evidence and self.informed is not None else self.prior

    def prior_mean(self, evidence: bool) -> Array:
        """``(n,)`` mean of the targets before any is known."""
        return self.slope * self.prior_quantile(evidence)

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

    One Matern-5/2 term with relevances on each group of features; linear terms on the Weisfeiler-Lehman labels (cosine), on all
    groups together, with evidence on the evidence, and, where counts or evidence make it, on the prior quantile. With
    ``separate`` a term for each decision, or all alike ones, too: a smooth function of its value, added to the rest (Duvenaud et
    al. 2011, https://arxiv.org/abs/1112.4394). The prior mean is a part of the prior quantile. Above 2,000 training rows a few
    hundred stand for all (:func:`~archcast.predictors.gaussian_process._summarised.summarised`).

    Attributes:
        gp: fitted to the targets less the prior mean.
        evidence: whether it looks at evidence.
        separate: whether it looks at each decision by itself.
    """

    gp: AdditiveGP | InducingGP
    evidence: bool
    separate: bool = False

    @classmethod
    def fit(
        cls,
        inputs: Inputs,
        targets: Array,
        distances: tuple[float, ...],
        *,
        evidence: bool,
        separate: bool = False,
    ) -> tuple[Process, Array, Array]:
        """Fit.

        Args:
            inputs: of the training rows.
            targets: ``(n,)``.
            distances: median distance in each group, and in the evidence if it is looked at.
            evidence: whether to look at evidence.
            separate: whether to look at each decision by itself.

        Returns:
            The member, and ``(n,)`` mean and variance of each target given all others.
        """
        mean = inputs.prior_mean(evidence)
        terms, priors = terms_of(inputs, evidence, separate), priors_of(inputs, evidence, distances, separate)
        if len(targets) > EXACT:
            few, outside, variance = summarised(terms, targets - mean, priors)
            return cls(few, evidence, separate), outside + mean, variance
        gp = AdditiveGP.fit(terms, targets - mean, priors)
        return cls(gp, evidence, separate), gp.leave_one_out(targets - mean) + mean, gp.leave_one_out_variance()

    def predict(self, inputs: Inputs) -> tuple[Array, Array]:
        """Mean ``(n,)`` and variance ``(n,)``, noise included."""
        mean, variance = self.gp.predict(terms_of(inputs, self.evidence, self.separate))
        return mean + inputs.prior_mean(self.evidence), variance + self.gp.noise


def priors_of(inputs: Inputs, evidence: bool, distances: tuple[float, ...], separate: bool = False) -> Priors:
    """Priors of the kernel of :class:`Process`; ``distances`` are lengthscales, one for each Matern term."""
    terms = terms_of(inputs, evidence)
    fixed = [PRIOR_TERM] * (_sloped(inputs, evidence) is not None)
    groups, linear = len(terms.matern), len(terms.linear) - 1 - len(fixed)
    share = (1 - LINEAR - sum(fixed)) / (groups + linear)
    effects = inputs.view.effects if separate else ()
    rest = 1 - EFFECTS if effects else 1.0
    slopes = [LogNormal(rest * median, 1.0) for median in [LINEAR, *[share] * linear, *fixed]]
    slopes += [LogNormal(EFFECTS, EFFECT_SD)] * len(effects)
    return Priors(
        scales=(LogNormal(rest * share, 1.0),) * groups,
        lengthscales=tuple(LogNormal(distance, 0.3) for distance in distances),
        slopes=tuple(slopes),
        relevance=RELEVANCE,
    )


def terms_of(inputs: Inputs, evidence: bool, separate: bool = False) -> Terms:
    """Features for the kernel of :class:`Process`."""
    matern, linear = list(inputs.view.groups), [inputs.together, inputs.cosines]
    if evidence and inputs.evidence is not None:
        matern.append(inputs.evidence)
        linear.append(inputs.evidence / np.sqrt(inputs.evidence.shape[1]))
    sloped = _sloped(inputs, evidence)
    if sloped is not None:
        linear.append(sloped[:, None])
    return Terms(tuple(matern), (*linear, *(inputs.view.effects if separate else ())))


def _sloped(inputs: Inputs, evidence: bool) -> Array | None:
    """The prior quantile, if the slope on it is learned."""
    if evidence and inputs.informed is not None:
        return inputs.informed
    return inputs.prior if inputs.counted else None


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
