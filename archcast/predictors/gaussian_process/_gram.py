"""Gaussian processes whose kernels compare two networks and have no features: strings, distances.

The covariances of the training rows are all that is needed. Their eigenvectors turn them into features, and what a new row has
beyond these is a feature of its own, so that mean, variance and likelihood are those of the kernel.

**A kernel made of a distance need not be positive semidefinite.** Eigenvalues below zero are set to zero, and so are
those not larger than the most negative one, which are of the same noise; new rows are projected on the eigenvectors that are
left. This is the projection of NASBOT, done alike for known and new rows. ``negative_`` says how much was set to zero.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction
from archcast.predictors.gaussian_process._additive import AdditiveGP, LogNormal, Priors, Terms
from archcast.predictors.gaussian_process.gp import JointPosterior
from archcast.predictors.persistence import saved
from archcast.predictors.targets import TargetScale, rank_normal

__all__ = ["FeatureMap", "GramPredictor", "positive"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

SMALLEST = 1e-8
"""Eigenvalues below this share of the largest are zero."""


@saved("feature-map")
@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Features whose products are the covariances of ``m`` training rows.

    Attributes:
        basis: ``(m, r)``; covariances with the training rows times this are the features of a row.
        negative: sum of the eigenvalues that were below zero over that of all, without signs.
    """

    basis: Floats
    negative: float

    @classmethod
    def of(cls, gram: Floats) -> FeatureMap:
        """The map of the ``(m, m)`` covariances of the training rows."""
        values, vectors = np.linalg.eigh((gram + gram.T) / 2)
        least = max(SMALLEST * abs(values[-1]), -values[0])
        kept = values > least
        negative = np.maximum(-values, 0).sum() / max(np.abs(values).sum(), 1e-300)
        return cls(vectors[:, kept] / np.sqrt(values[kept]), float(negative))

    def features(self, cross: Floats) -> Floats:
        """``(n, r + 1)`` features of rows with these ``(n, m)`` covariances with the training rows and a variance of 1; the last
        one is what the others leave of the variance."""
        known = cross @ self.basis
        rest = np.sqrt(np.maximum(1 - np.square(known).sum(axis=1, keepdims=True), 0.0))
        return np.hstack([known, rest])


def positive(matrix: Floats) -> Floats:
    """The nearest ``(n, n)`` symmetric matrix without negative eigenvalues.

    Examples:
        >>> positive(np.array([[0.0, 1.0], [1.0, 0.0]]))
        array([[0.5, 0.5],
               [0.5, 0.5]])
    """
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T)


class GramPredictor(JointPosterior):
    """Base of the Gaussian processes of this module.

    A subclass says which settings of its kernels are tried, and computes these. The scale of each kernel, the noise and the
    setting are those of the highest marginal likelihood. Targets are rank-normal; evidence is not used; rows that are the
    same function are one.
    """

    has_std = True
    needs_graph = True

    settings: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    """Settings that are tried."""

    @abstractmethod
    def _kernels(self, a: Rows, b: Rows, settings: Sequence[float]) -> Iterable[tuple[Floats, ...]]:
        """For each setting the kernels between ``(n, d)`` and ``(m, d)`` canonical rows, each ``(n, m)``; 1 for equal rows."""

    def _prepare(self, archs: Rows) -> None:
        """Learn what ``_kernels`` needs of the distinct training rows."""

    def _init(self, known: Known) -> None:
        rows, number = np.unique(self._space.canonical(known.archs), axis=0, return_inverse=True)
        targets = rank_normal(known.scores)
        self.rows_ = rows
        self._prepare(rows)
        best = -np.inf
        for setting, grams in zip(self.settings, self._kernels(rows, rows, self.settings), strict=True):
            maps = [FeatureMap.of(gram) for gram in grams]
            known_features = [m.features(gram) for m, gram in zip(maps, grams, strict=True)]
            for features in known_features:
                features[:, -1] = 0.0
            terms = Terms((), tuple(features[number.ravel()] for features in known_features))
            share = LogNormal(1 / len(maps), 2.0)
            gp = AdditiveGP.fit(terms, targets, Priors((), (), (share,) * len(maps), LogNormal(0.05, 2.0)))
            likelihood = gp.log_likelihood(targets)
            if likelihood > best:
                best, self.setting_, self.maps_, self.gp_ = likelihood, float(setting), maps, gp
        self.negative_ = max(m.negative for m in self.maps_)
        self.scale_ = TargetScale.of_scores(known.scores)
        self._calibrate(targets)

    def _query(self, archs: Rows, evidence: Evidence) -> Prediction:
        mean, variance = self.gp_.predict(self._terms(archs, evidence))
        return self._answer(mean, variance + self.gp_.noise)

    def _between(self, a: Rows, b: Rows) -> tuple[Floats, ...]:
        """The kernels between two sets of canonical rows, of the setting that was found."""
        return next(iter(self._kernels(a, b, [self.setting_])))

    def _terms(self, archs: Rows, evidence: Evidence) -> Terms:
        rows, number = np.unique(self._space.canonical(archs), axis=0, return_inverse=True)
        grams = self._between(rows, self.rows_)
        return Terms((), tuple(m.features(gram)[number.ravel()] for m, gram in zip(self.maps_, grams, strict=True)))

    def _posterior(self, archs: Rows) -> tuple[Floats, Floats]:
        """As the base class, with the covariances of what the training rows do not explain, instead of one column for all of it."""
        terms, rows = self._terms(archs, Evidence()), self._space.canonical(archs)
        covariance = self.gp_.covariance(terms)
        for slope, features, gram in zip(self.gp_.kernel.slopes, terms.linear, self._between(rows, rows), strict=True):
            known, rest = features[:, :-1], features[:, -1]
            left = positive(gram - known @ known.T)
            scale = rest / np.sqrt(np.maximum(np.diag(left), 1e-300))
            covariance += slope * (left * scale * scale[:, None] - np.outer(rest, rest))
        return self.gp_.predict(terms)[0], covariance
