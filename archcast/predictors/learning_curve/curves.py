"""What predictors share that look at partial learning curves: which signal, how much of it, on which scale.

A *signal* is a name in ``Evidence.curves``: ``val_accuracy``, ``val_loss``, ``train_loss``, ... Its array is ``(n, epochs)``, a
row for each architecture, a column for each epoch from the first on.

What is allowed:
- Trailing NaN: epochs not trained yet. Rows may be of uneven length, at query and at init.
- Rising and falling signals in any range. A name that ends in ``loss``, ``error`` or ``perplexity`` is falling and is negated
  once, here, so that higher is better from then on; a predictor without labels answers on that scale.
- At query every row must have at least ``epochs`` epochs, and none more than the full training has.
- At init a predictor that learns from labels needs ``epochs`` epochs of every row. One that does without labels takes whatever
  curves it is given, or none; from them it only learns how long a full training is and the range of the signal.

What is not: NaN before or between known epochs (drop the row, or fill the gap yourself), infinite values (a training that
diverged is worth the value of chance), rows of no known epoch where epochs are needed. The error names predictor, row and need.

The number of epochs T of a full training is ``total_epochs`` if given, else the longest curve seen at init. Without either a
predictor that forecasts an epoch raises: what it is asked for is not known.

To add a predictor, subclass :class:`CurvePredictor` and write ``_learn`` and ``_extrapolate``.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError, MissingEvidenceError
from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, Predictor, Requirements
from archcast.predictors.parameters import Text, Whole
from archcast.spaces.base import SearchSpace

__all__ = ["CurvePredictor", "CurveScale", "Curves", "falls", "seen_epochs"]

FALLING = ("loss", "error", "perplexity")
UNBOUNDED = ("loss", "perplexity")
"""Falling signals that are never negative and have no highest value."""
SHARES = ("accuracy", "acc", "top1", "top5", "auc", "f1", "precision", "recall", "iou", "dice")
"""Rising signals that lie between 0 and 1, or 0 and 100."""
KINDS = ("share", "loss", "score")
"""Sorts of values: those whose range is known, those that fall towards 0, and all others."""


def falls(signal: str) -> bool:
    """Whether lower values of a signal are better, from its name.

    Examples:
        >>> falls("train_loss"), falls("val_accuracy")
        (True, False)
    """
    return signal.endswith(FALLING)


def seen_epochs(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """``(n,)`` number of the last known epoch of ``(n, epochs)`` curves; 0 where nothing is known."""
    known = np.isfinite(values)
    if values.shape[1] == 0:
        return np.zeros(len(values), dtype=np.int64)
    return np.where(known.any(axis=1), values.shape[1] - known[:, ::-1].argmax(axis=1), 0).astype(np.int64)


@dataclass(frozen=True)
class CurveScale:
    """An affine map of curves, higher is better, onto [0, 1], and back.

    0 is about the worst that happens and 1 the best that is thinkable. Values outside map outside.

    Attributes:
        low, high: ``(n,)`` for each row, or ``(1,)`` for all, the values that map to 0 and 1.
        floor, ceiling: the same, bounds of what is possible; infinite where nothing is known.
        kind: the same, index into ``KINDS``: what sort of values, which decides who forecasts them.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    floor: NDArray[np.float64] = field(default_factory=lambda: np.array([-np.inf]))
    ceiling: NDArray[np.float64] = field(default_factory=lambda: np.array([np.inf]))
    kind: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    @classmethod
    def of(cls, values: NDArray[np.float64], signal: str, *, pooled: bool, highest: float | None = None) -> CurveScale:
        """The scale of ``(n, epochs)`` curves, already negated if they fall.

        An accuracy or error is a share or, if any value of any row exceeds 1, a percentage. A loss has its worst at the (median)
        worst value of a row and its best at 0, or, if complete curves tell, as far again beyond the best of them. What has
        neither sort of bound spans the values seen, and as much again above them where only the beginning of a single curve is
        known.

        Args:
            values: each row with at least one known epoch.
            signal: its name.
            pooled: one scale for all rows, from complete curves; else one for each row, from what is seen of it alone.
            highest: highest value that an accuracy or error can have; ``None`` takes 1 or 100.
        """
        bottom, top = np.nanmin(values, axis=1), np.nanmax(values, axis=1)
        unit = highest or (100.0 if max(np.abs(bottom).max(), np.abs(top).max()) > 1 + 1e-6 else 1.0)
        worst = bottom
        if pooled:
            worst, bottom, top = np.median(bottom)[None], bottom.min()[None], top.max()[None]
        span, room = np.maximum(np.abs(bottom), np.abs(top)), 0.1 if pooled else 1.0
        if signal.endswith(UNBOUNDED):
            fits, bounded, kind = top <= 0, np.zeros(len(top), dtype=bool), np.ones(len(top))
            further = top + (top - worst)  # 0 is best, but few losses come near: twice as far as the best so far is far
            low = worst
            high = np.where(fits, np.minimum(further, 0.0) if pooled else 0.0, top + room * (top - worst))
        else:
            fall = falls(signal)
            shares = fall or signal.endswith(SHARES)
            fits = (span <= unit + 1e-6) & ((top <= 0) if fall else (bottom >= 0))
            fits &= bool(shares or highest or unit == 1)  # a reward of 4 is no share of 100
            bounded, kind = fits & shares, np.where(fits, 0.0, 2.0)
            low = np.where(fits, -unit if fall else 0.0, bottom)
            high = np.where(fits, 0.0 if fall else unit, top + room * (top - bottom))
        high = np.where(high - low > 1e-12 * np.maximum(np.abs(low), 1), high, low + np.maximum(1, 1e-9 * np.abs(low)))
        ceiling = np.where(fits, 0.0, np.inf) if falls(signal) else np.where(bounded, high, np.inf)
        return cls(low, high, np.where(bounded, low, -np.inf), ceiling, kind)

    def forward(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(n,)`` or ``(n, k)`` values to [0, 1]."""
        low, width = self._aligned(values)
        return (values - low) / width

    def backward(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Exact inverse of :meth:`forward`."""
        low, width = self._aligned(shares)
        return low + shares * width

    def backward_std(self, std: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviations on [0, 1] to the scale of the values."""
        return std * self._aligned(std)[1]

    def __getitem__(self, rows: Any) -> CurveScale:
        if len(self.low) == 1:
            return self
        kind = self.kind if len(self.kind) == 1 else self.kind[rows]
        return CurveScale(self.low[rows], self.high[rows], self.floor[rows], self.ceiling[rows], kind)

    def _aligned(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        shape = (-1,) + (1,) * (values.ndim - 1)
        return self.low.reshape(shape), (self.high - self.low).reshape(shape)


@dataclass(frozen=True)
class Curves:
    """Curves as a predictor gets them.

    Attributes:
        values: ``(n, epochs)``, higher is better; NaN after the last epoch seen, nowhere before.
        seen: ``(n,)`` epochs seen, at least 1.
        total: epochs T of a full training.
        scale: to [0, 1].
        epoch: the epoch that is forecast; ``None`` is the last, T. No more epochs are seen.
    """

    values: NDArray[np.float64]
    seen: NDArray[np.int64]
    total: int
    scale: CurveScale
    epoch: int | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> Curves:
        return Curves(self.values[rows], self.seen[rows], self.total, self.scale[rows], self.epoch)

    @property
    def goal(self) -> int:
        """The epoch that is forecast."""
        return self.total if self.epoch is None else self.epoch

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``(n,)`` least and greatest value possible: those of the scale, unless a value of the row is beyond."""
        low, high = np.nanmin(self.values, axis=1), np.nanmax(self.values, axis=1)
        return np.minimum(self.scale.floor, low), np.maximum(self.scale.ceiling, high)

    @property
    def last(self) -> NDArray[np.float64]:
        """``(n,)`` value at the last epoch seen."""
        return self.values[np.arange(len(self)), self.seen - 1]

    @property
    def shares(self) -> NDArray[np.float64]:
        """``(n, epochs)`` on [0, 1]; NaN after the last epoch seen."""
        return self.scale.forward(self.values)

    @property
    def complete(self) -> NDArray[np.bool_]:
        """``(n,)`` whether the epoch that is forecast is seen."""
        return self.seen >= self.goal


class CurvePredictor(Predictor):
    """Base class of predictors that look at the beginning of a learning curve.

    Args:
        space: any space.
        signal: name of the curve, see :mod:`archcast.predictors.learning_curve.curves`.
        epochs: fewest epochs that a row must have at query; what is given beyond is used too, unless a class says otherwise.
        total_epochs: epochs of a full training; ``None`` takes the longest curve seen at init.
        random_state: seed.
    """

    learns_from_labels: ClassVar[bool] = False
    """Whether ``init`` needs scores and curves of trained architectures."""
    fewest_epochs: ClassVar[int] = 1
    """The smallest value that ``epochs`` may have."""
    needs_total: ClassVar[bool] = True
    """Whether the number of epochs of a full training has to be known; not if nothing but the beginning matters."""

    scaled_by_complete: ClassVar[bool] = False
    """Whether only complete curves at init tell the range of the signal; without any each row at query tells its own."""

    parameters = {"signal": Text(), "epochs": Whole(1), "total_epochs": Whole(1, optional=True)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        signal: str = "val_accuracy",
        epochs: int = 5,
        total_epochs: int | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.signal = signal
        self.epochs = epochs
        self.total_epochs = total_epochs

    @property
    def requires(self) -> Requirements:
        """The signal, for ``epochs`` epochs."""
        return Requirements(labels=self.learns_from_labels, curve=self.signal, epochs=self.epochs)

    # -- what a subclass writes ---------------------------------------------------------------------------------------

    def _learn(self, archs: NDArray[np.int64], scores: NDArray[np.float64], curves: Curves | None) -> None:
        """Learn from architectures whose curves are known; set attributes that end in ``_``.

        ``curves`` is ``None`` if init got none; rows of which no epoch is known are left out of all three. ``scores`` is empty
        if init got none.
        """

    def _extrapolate(self, archs: NDArray[np.int64], curves: Curves) -> Prediction:
        """Predict from partial curves."""
        raise NotImplementedError

    # -- the contract of Predictor ------------------------------------------------------------------------------------

    def _init(self, known: Known) -> None:
        archs, scores = known.archs, known.scores
        self.total_epochs_, self.limits_ = self.total_epochs, None
        values = self._values(known.evidence)
        seen = np.zeros(0, dtype=np.int64) if values is None else seen_epochs(values)
        rows = np.flatnonzero(seen)
        curves = None
        if values is not None and len(rows):
            total = int(seen.max()) if self.total_epochs is None else int(self.total_epochs)
            telling = rows[seen[rows] >= total] if self.scaled_by_complete else rows
            told = values[telling] if len(telling) else values[rows]
            scale = CurveScale.of(told, self.signal, pooled=len(telling) > 0, highest=self._highest)
            self.total_epochs_ = total
            self.limits_ = [float(end[0]) for end in astuple(scale)] if len(telling) else None
            curves, archs = Curves(values[rows], seen[rows], total, scale), archs[rows]
            scores = scores[rows] if len(scores) else scores
        self._learn(archs, scores, curves)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        return self._extrapolate(archs, self._curves(evidence))

    def _curves(self, evidence: Evidence, epoch: int | None = None) -> Curves:
        """What is seen at query, up to the epoch that is forecast."""
        values = self._values(evidence)
        assert values is not None
        total = self.total_epochs_ or epoch
        if total is None and self.needs_total:
            raise MissingEvidenceError(
                f"{self._title} does not know how many epochs a full training has. "
                "Set total_epochs, for example total_epochs=50, or give complete curves to init."
            )
        if self.limits_ is None:
            scale = CurveScale.of(values, self.signal, pooled=False, highest=self._highest)
        else:
            scale = CurveScale(*(np.array([end]) for end in self.limits_))
        if epoch is not None:
            values = values[:, :epoch]
        return Curves(values, seen_epochs(values), total or values.shape[1], scale, epoch)

    @property
    def _highest(self) -> float | None:
        """The parameter ``highest`` of the classes that have it."""
        return getattr(self, "highest", None)

    def _values(self, evidence: Evidence) -> NDArray[np.float64] | None:
        values = evidence.curves.get(self.signal)
        if values is None or len(values) == 0:
            return None
        return -values if falls(self.signal) else values

    def _check_evidence(self, evidence: Evidence | None, n: int, *, at_init: bool = False) -> Evidence:
        self._check_parameters()
        evidence = super()._check_evidence(evidence, n, at_init=at_init)
        values = self._values(evidence)
        if values is None:
            return evidence
        label, seen = f"evidence.curves[{self.signal!r}]", seen_epochs(values)
        known = np.isfinite(values).sum(axis=1)
        if (known < seen).any():
            row = int(np.flatnonzero(known < seen)[0])
            epoch = int(np.flatnonzero(~np.isfinite(values[row]))[0]) + 1
            raise InvalidInputError(
                f"{self._title} needs curves without gaps: {label} is NaN in row {row} at epoch {epoch}, but known at "
                f"epoch {seen[row]}. Only trailing NaN are allowed; fill the gap or drop the row."
            )
        if (self.learns_from_labels or not at_init) and (seen < self.epochs).any():
            row = int(np.flatnonzero(seen < self.epochs)[0])
            other = f", or set epochs={seen[row]}" if seen[row] >= self.fewest_epochs else ""
            raise MissingEvidenceError(
                f"{self._title} needs {self.epochs} epochs of {label}, row {row} has {seen[row]}. "
                f"Train it that long or drop the row{other}."
            )
        total = self.total_epochs if at_init else self.total_epochs_
        if total is not None and (seen > total).any():
            row = int(np.flatnonzero(seen > total)[0])
            raise InvalidInputError(
                f"{self._title} expects trainings of {total} epochs, row {row} of {label} has {seen[row]}. "
                f"Cut the curve, or set total_epochs={seen[row]} before init."
            )
        return evidence

    def _check_parameters(self) -> None:
        super()._check_parameters()
        least = self.fewest_epochs
        if isinstance(self.epochs, bool) or not isinstance(self.epochs, (int, np.integer)) or self.epochs < least:
            raise InvalidInputError(
                f"{self._title}: epochs is {self.epochs!r}: it must be an integer of at least {least}."
            )
        total = self.total_epochs
        if total is not None and (not isinstance(total, (int, np.integer)) or total < self.epochs):
            raise InvalidInputError(
                f"{self._title}: total_epochs is {total!r}: it must be None or an integer of at least epochs={self.epochs}."
            )
