"""Intervals that hold, for any predictor: conformal prediction with residuals in units of the predictor's own std."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import mapping
from archcast.errors import InvalidInputError, UnknownNameError
from archcast.evidence import Evidence
from archcast.names import get_predictor
from archcast.predictors.base import Known, Prediction, Predictor, Requirements, register
from archcast.predictors.parameters import Settings, Text, Whole
from archcast.predictors.persistence import saved
from archcast.predictors.targets import NINETY
from archcast.spaces.base import SearchSpace

__all__ = ["Conformal", "Level"]

WIDTH = 0.1
"""Standard deviation of the kernel over shares of the predictions."""

WORTH, WORTH_ALONE = 60.0, 8.0
"""Number of rows that the mean over all is worth: of a predictor that has a standard deviation, and of one that has none."""

HALF = 10.0
"""With so many rows the quantile of the residuals counts as much as the one that a normal distribution would have."""

ROOT = 0.8222
"""Mean of the root of the absolute value of a standard normal variable."""

KNOTS = np.linspace(0, 1, 101)
"""Shares at which the level is kept; it is linear between them."""

Array = NDArray[np.float64]


@saved("residual-level")
@dataclass(frozen=True, eq=False)
class Level:
    """How large residuals are where alike is predicted: the square of the mean of their roots.

    Attributes:
        means: ``(n,)`` of the rows that were left out, increasing.
        sums, counts: ``(101,)`` of the roots, and of the rows, that count at each of ``KNOTS``.
    """

    means: Array
    sums: Array
    counts: Array

    @classmethod
    def of(cls, mean: Array, residuals: Array, worth: float) -> Level:
        """Learn from ``(n,)`` predicted means and residuals of rows that were left out."""
        order = np.sort(mean)
        near = np.exp(-0.5 * np.square((KNOTS[:, None] - _shares(order, mean)) / WIDTH))
        roots = np.sqrt(residuals)
        typical = max(float(roots.mean()), 1e-6 * np.sqrt(max(1.0, float(np.abs(mean).max()))))
        return cls(order, near @ roots + worth * typical, near.sum(axis=1) + worth)

    def __call__(self, mean: Array) -> Array:
        """``(m,)`` where ``(m,)`` is predicted."""
        share = _shares(self.means, mean)
        return np.asarray(np.square(np.interp(share, KNOTS, self.sums) / np.interp(share, KNOTS, self.counts)))

    def without(self, mean: Array, residuals: Array) -> Array:
        """``(n,)`` at the rows that it was learned from, each left out."""
        share = _shares(self.means, mean)
        sums = np.interp(share, KNOTS, self.sums) - np.sqrt(residuals)
        counts = np.interp(share, KNOTS, self.counts) - 1
        return np.asarray(np.square(np.maximum(sums, 1e-6 * self.sums.max()) / counts))


def _shares(order: Array, mean: Array) -> Array:
    """``(m,)`` share of the sorted ``(n,)`` means that is lower; half of equal ones counts."""
    below = np.searchsorted(order, mean, "left") + np.searchsorted(order, mean, "right")
    return np.asarray(below / (2 * len(order)))


@register(
    "conformal",
    summary="any predictor, with a std whose 90 % interval holds",
    paper="Papadopoulos et al. 2002, https://doi.org/10.1007/3-540-36755-1_29; Barber et al. 2021, https://arxiv.org/abs/1905.02928",
    family="hybrid",
)
class Conformal(Predictor):
    """Another predictor, whose ``std`` is scaled (or made) by cross-validated residuals.

    The training rows are predicted in ``folds`` folds by predictors that have not seen them. The residuals
    ``r_i = |y_i - mean_i| / std_i``, where a predictor without a standard deviation has ``std_i`` = 1, depend on what is predicted:
    scores of good architectures differ little, and of the broken ones nobody knows how broken. Where a share p of the predicted
    means is lower, they are typically

        a(p) = ((sum_i k_i sqrt(r_i) + w s) / (sum_i k_i + w))^2,    k_i = exp(-(p - p_i)^2 / (2 .1^2))

    with s the mean of all roots, which counts as w = 60 rows, 8 where there is no std; of roots, so that a few large residuals do
    not rule. With q the ``.9 (1 + 1/n)`` quantile of the n numbers ``u_i = r_i / a(p_i)``, each without the row itself in a,

        mean(x) = that of the predictor fitted to all rows,
        std(x) = its std times a(p(x)) (q / 1.645)^(n / (n + 10)) ((mean of sqrt(u_i) / .8222)^2)^(10 / (n + 10))

    where the last factor would be the standard deviation of normal residuals: of few rows a quantile that far out is one large
    residual or another. With many, ``mean +- 1.645 std`` held 90 % of the scores that were not seen. Dividing by the predictor's
    own std and by a (normalised conformal prediction) keeps intervals narrow where errors are small, and leaves a std that is right
    nearly as it was. With fewer rows than nine the largest number stands for q.

    This is sound for rows that are exchangeable with the training rows, such as random ones. It is not for rows that a search has
    chosen, nor for a part of the space that is chosen otherwise than by what is predicted.

    ``get_predictor(name, space, calibrate=True)`` wraps the predictor called ``name``.

    Args:
        space: search space.
        predictor: name of the predictor.
        settings: its parameters.
        folds: number of folds; the predictor is fitted once more for each.
        random_state: seed of the folds and of the predictor.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(40, 0)
        >>> trees = archcast.get_predictor("xgboost", space, calibrate=True, random_state=0).init(archs, (archs == 3).sum(axis=1))
        >>> bool((trees.query(space.sample(3, 1)).std > 0).all())
        True
    """

    has_std = True
    level_: Level | None = None  # in files of earlier versions

    parameters = {"predictor": Text(), "settings": Settings(), "folds": Whole(2)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        predictor: str = "xgboost",
        settings: Mapping[str, Any] | None = None,
        folds: int = 5,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.predictor = predictor
        self.settings = settings
        self.folds = folds

    @property
    def requires(self) -> Requirements:
        """What the predictor requires, and labels."""
        return replace(self._made(0).requires, labels=True, none=False)

    @property
    def learns_from_sources(self) -> bool:  # type: ignore[override]
        """Whether the predictor does."""
        return bool(self._made(0).learns_from_sources)

    @property
    def learns_from_other_spaces(self) -> bool:  # type: ignore[override]
        """Whether the predictor does."""
        return bool(self._made(0).learns_from_other_spaces)

    @property
    def correlations(self) -> list[float]:
        """Of each source with the scores, as the predictor has found them; empty where it tells none."""
        return list(getattr(getattr(self, "predictor_", None), "correlations", []))

    def _init(self, known: Known) -> None:
        rng, n = self._rng(), len(known.scores)
        seed = int(rng.integers(2**31))
        fold = rng.permutation(n) % min(self.folds, n)
        residuals, means = [], []
        for k in range(fold.max() + 1 if n > 1 else 0):
            seen, out = fold != k, fold == k
            if seen.sum() < self.requires.min_archs:
                continue
            part = _part(known, seen)
            answer = self._fitted(part, seed).query(known.archs[out], known.evidence[out])
            residuals.append(np.abs(known.scores[out] - answer.mean) / _spread(answer))
            means.append(answer.mean)
        self.factor_, self.level_ = 1.0, None
        if residuals:
            errors, mean = np.concatenate(residuals), np.concatenate(means)
            self.level_ = Level.of(mean, errors, WORTH if self._made(0).has_std else WORTH_ALONE)
            self.factor_ = _factor(errors / self.level_.without(mean, errors))
        self.predictor_ = self._fitted(known, seed)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        answer = self.predictor_.query(archs, evidence)
        level = 1.0 if self.level_ is None else self.level_(answer.mean)
        return Prediction(answer.mean, self.factor_ * level * _spread(answer))

    def _fitted(self, known: Known, seed: int) -> Predictor:
        scores = known.scores if self._made(0).requires.labels else None
        return self._made(seed).init(
            known.archs, scores, known.evidence or None, pool=known.pool, sources=known.sources or None
        )

    def _made(self, seed: int) -> Predictor:
        """The predictor, not initialised."""
        if self.predictor == "conformal":
            raise InvalidInputError("Conformal: predictor is 'conformal': name a predictor that is not calibrated yet.")
        settings = {} if self.settings is None else mapping("settings", self.settings, "names to values")
        try:
            made = get_predictor(self.predictor, self.space, random_state=seed, **settings)
        except InvalidInputError as error:
            if not settings or isinstance(error, UnknownNameError):
                raise
            raise InvalidInputError(f"settings: {error}") from error
        assert isinstance(made, Predictor)
        return made

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._made(0)


def _factor(residuals: Array) -> float:
    """What ``(n,)`` residuals must be divided by for their 90 % to lie within 1.645: their quantile, and with few rows also what it
    would be if they were normal."""
    n, least = len(residuals), float(np.finfo(float).tiny)
    quantile = float(np.quantile(residuals, min(1.0, 0.9 * (1 + 1 / n)), method="higher")) / NINETY
    normal = float(np.sqrt(residuals).mean() / ROOT) ** 2
    return float(np.exp((n * np.log(max(quantile, least)) + HALF * np.log(max(normal, least))) / (n + HALF)))


def _part(known: Known, rows: NDArray[np.bool_]) -> Known:
    """What is known of some rows."""
    return replace(known, archs=known.archs[rows], scores=known.scores[rows], evidence=known.evidence[rows])


def _spread(answer: Prediction) -> NDArray[np.float64]:
    """Standard deviations that can be divided by; 1 where there are none."""
    if answer.std is None:
        return np.ones(len(answer.mean))
    return np.maximum(answer.std, 1e-12 * max(1.0, float(np.abs(answer.mean).max())))
