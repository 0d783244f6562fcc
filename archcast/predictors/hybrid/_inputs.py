"""What the members of `stack` see of architectures, and what is believed of it before any score is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.hybrid._structure import View

__all__ = ["DOUBT_OTHERS", "DOUBT_TRUSTED", "PRIOR_SLOPE", "UNCOUNTED_SLOPE", "Hints", "Inputs"]

PRIOR_SLOPE, UNCOUNTED_SLOPE = 0.45, 0.25
"""Slope of the targets on the size that is expected: about their correlation on benchmarks of cells; and where a space does not
count what its networks cost, so that the size is of declared weights alone."""

DOUBT_SIZE, DOUBT_TRUSTED, DOUBT_OTHERS, DOUBT_BESIDE = 0.15, 0.02, 0.06, 0.015
"""Prior variances of the slopes: on the size, as a share of the square of what is expected; on trusted evidence; on all other
evidence together; and on each number beside the size."""

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
