"""``archcast.forecast``: how trainings that have begun will end.

What it needs is learning curves and the number of epochs of a full training. Complete curves among them teach it what such
trainings gain from here on (``lc-increment``); without any it answers by what is usual (``lc-pfn``).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archcast.checks import generator, numbers, real, whole
from archcast.errors import InvalidInputError, short
from archcast.evidence import Evidence
from archcast.forecasting.given import full_length, metric_of, named_curves, some_of, without_gaps
from archcast.forecasting.metrics import Metric, percent, show
from archcast.predictors.learning_curve.distributions import Distribution
from archcast.predictors.learning_curve.lc_increment import LCIncrement
from archcast.spaces.base import get_space

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Forecast", "forecast"]

CHANCE = 0.1
"""A training is stopped if it beats the best with a smaller probability."""
GRID = 12
"""Epochs between now and the end at which a course is computed."""
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
SMALL = 0.05
"""Accuracies that are all below it are shares, or the first percents of a training."""
SPACE = "nasbench201"
"""A predictor belongs to a space; here all architectures are the same row of it, and none is looked at."""

Floats = NDArray[np.float64]


def forecast(
    curves: Any,
    *,
    epochs: int | None = None,
    metric: str | None = None,
    better: str | None = None,
    best: float | None = None,
    highest: float | None = None,
    random_state: Any = 0,
) -> Forecast:
    """Forecast how trainings will end, from the beginning of their learning curves.

    Args:
        curves: a curve for each training, a value for each epoch from the first on: a list of lists, an array ``(n, epochs)``
            whose trailing NaN are epochs to come, a mapping of names to lists, a DataFrame with a row for each training, or one
            list of numbers. An infinite value at the end is a divergence. Gaps are filled by straight lines.
        epochs: epochs of a full training; ``None`` takes the longest curve if another is shorter. Trainings of that length are
            finished and teach the forecast. What a curve has beyond is not looked at.
        metric: name of what was measured, such as ``"val_accuracy"`` or ``"val_loss"``: it tells which way is better.
        better: ``"higher"`` or ``"lower"``, where the name does not tell; without either the course of the curves does.
        best: value to beat; ``None`` takes the best finished training, or the best value so far if none is finished.
        highest: highest value that an accuracy or error can have, 1 or 100; ``None`` takes 100 if any value, or ``best``, exceeds
            1.
        random_state: seed of the regressions on a hundred finished trainings and more.

    Returns:
        A :class:`Forecast`.

    Raises:
        InvalidInputError: no curves, a curve without values, an unknown direction or length; the message says what to give.

    Examples:
        >>> import archcast
        >>> done = [[0.5, 0.62, 0.70, 0.74, 0.76, 0.77], [0.4, 0.55, 0.63, 0.68, 0.70, 0.71], [0.5, 0.63, 0.71, 0.75, 0.77, 0.78]]
        >>> answer = archcast.forecast([*done, [0.3, 0.41, 0.47]], epochs=6)
        >>> answer.advice
        ['finished', 'finished', 'finished', 'stop']
        >>> low, high = answer.interval(0.9)
        >>> bool(low[3] < answer.median[3] < high[3] < 0.7)
        True
    """
    names, rows = named_curves(curves)
    kind, notes = metric_of(metric, better, rows)
    cut, diverged, filled = without_gaps(names, rows)
    total, said = full_length(epochs, cut)
    notes += said
    if filled:
        notes.append(f"Gaps in {some_of(filled)} were filled by straight lines.")
    values = np.full((len(cut), total), np.nan)
    for row, curve in enumerate(cut):
        values[row, : min(len(curve), total)] = curve[:total]
    if best is not None:
        one = numbers("best", best)
        if one.ndim or not np.isfinite(one):
            raise InvalidInputError(f"best must be a finite number, got {short(best)}.")
        best = float(one)
    if kind.highest is None and best is not None and abs(best) > 1 and kind.signal in ("accuracy", "error"):
        kind = replace(kind, highest=100.0)
    if highest is not None:
        if isinstance(highest, bool) or highest not in (1, 100):
            raise InvalidInputError(f"highest must be 1 or 100, got {short(highest)}.")
        if kind.signal not in ("accuracy", "error"):
            raise InvalidInputError(f"highest is for accuracies and errors, and {kind.name!r} is a {kind.signal}.")
        if max(float(np.abs(curve).max()) for curve in cut) > highest:
            raise InvalidInputError(f"highest is {highest}, but a curve has larger values.")
        kind = replace(kind, highest=float(highest))
    if kind.signal == "accuracy" and kind.highest is None and max(float(curve.max()) for curve in cut) < SMALL:
        notes.append(
            f"All values are below {SMALL} and taken as shares of 1. If they are percentages, say highest=100 (--highest 100)."
        )
    generator("random_state", random_state)
    lost = np.array([d is not None and d <= total for d in diverged])
    return Forecast(names, values, kind, best, lost, notes, random_state)


@dataclass(frozen=True, eq=False)
class Forecast:
    """How ``n`` trainings will end.

    All values have the direction and the scale of the curves: a loss is a loss.

    Attributes:
        runs: name of each training.
        curves: ``(n, T)`` values so far; NaN to come.
        metric: what was measured.
        best_given: the value to beat, if it was given.
        diverged: ``(n,)`` whether the training ended in infinite values or NaN.
        notes: what was guessed or changed, a sentence each.
        random_state: seed.
        epoch: the epoch that is forecast, T unless :meth:`at` says otherwise.
    """

    runs: list[str]
    curves: Floats
    metric: Metric
    best_given: float | None
    diverged: NDArray[np.bool_]
    notes: list[str] = field(default_factory=list)
    random_state: Any = 0
    epoch: int | None = None

    def __len__(self) -> int:
        return len(self.runs)

    # -- what is known ------------------------------------------------------------------------------------------------

    @property
    def epochs(self) -> int:
        """Epochs T of a full training."""
        return self.curves.shape[1]

    @functools.cached_property
    def epochs_seen(self) -> NDArray[np.int64]:
        """``(n,)`` epochs seen of each training."""
        return np.isfinite(self.curves).sum(axis=1)

    @property
    def finished(self) -> NDArray[np.bool_]:
        """``(n,)`` whether all epochs are seen."""
        return (self.epochs_seen >= self.epochs) & ~self.diverged

    @property
    def last(self) -> Floats:
        """``(n,)`` value at the last epoch seen."""
        return self.curves[np.arange(len(self)), self.epochs_seen - 1]

    @functools.cached_property
    def to_beat(self) -> Floats:
        """``(n,)`` the value that each training is compared with; NaN if there is none.

        It is the one that was given, else the end of the best finished training, else, if none is finished, the best value that
        any other training has reached so far.
        """
        if self.best_given is not None:
            return np.full(len(self), self.best_given)
        value = -self.last if self.metric.falls else self.last
        out = np.full(len(self), np.nan)
        candidates = self.finished if self.finished.any() else ~self.diverged
        for row in range(len(self)):
            others = candidates if self.finished.any() else candidates & (np.arange(len(self)) != row)
            if others.any():
                out[row] = value[others].max()
        return -out if self.metric.falls else out

    # -- the forecast -------------------------------------------------------------------------------------------------

    @functools.cached_property
    def median(self) -> Floats:
        """``(n,)`` the value that the end is as likely above as below."""
        return self._known(self._back(self._distribution.quantile(0.5)))

    def interval(self, level: float = 0.9) -> tuple[Floats, Floats]:
        """``(n,)`` lower and upper ends of the interval that holds the end with the probability ``level``."""
        level = real("level", level, 0, 1, inside=True)
        low, high = (self._known(self._back(ends)) for ends in self._distribution.interval(level))
        return (high, low) if self.metric.falls else (low, high)

    def _known(self, ends: Floats) -> Floats:
        """Forecasts, and the value itself where it has been seen."""
        end = self.epochs if self.epoch is None else self.epoch
        return np.where((self.epochs_seen >= end) & ~self.diverged, self.curves[:, end - 1], ends)

    def above(self, value: float | Sequence[float] | Floats) -> Floats:
        """``(n,)`` probability to end better than ``value``, a number or one for each: above it, or below where lower is better."""
        value = numbers("value", value)
        if value.shape not in ((), (len(self),)):
            raise InvalidInputError(
                f"value must be a number, or one for each of {len(self)} trainings, got shape {value.shape}."
            )
        if np.isnan(value).any():
            raise InvalidInputError("value must be a number, or one for each training, got NaN.")
        chance = self._distribution.above(self._sign * self._forth(value))
        end = self.epochs if self.epoch is None else self.epoch
        reached = (self._sign * self.curves[:, end - 1] > self._sign * value).astype(np.float64)
        return np.where(self.diverged, 0.0, np.where(self.epochs_seen >= end, reached, chance))

    @functools.cached_property
    def chance_above_best(self) -> Floats:
        """``(n,)`` probability to beat :attr:`to_beat`; NaN where there is nothing to beat."""
        missing = np.isnan(self.to_beat)
        return np.where(missing, np.nan, self.above(np.where(missing, 0.0, self.to_beat)))

    def at(self, epoch: int) -> Forecast:
        """The forecast of an earlier epoch than the last.

        Raises:
            InvalidInputError: ``epoch`` is not between 1 and the last.
        """
        if whole("epoch", epoch, 1) > self.epochs:
            raise InvalidInputError(f"epoch must be at most {self.epochs}, the epochs of a full training, got {epoch}.")
        return replace(self, epoch=epoch)

    @functools.cached_property
    def course(self) -> tuple[NDArray[np.int64], Floats]:
        """Quantiles .05, .25, .5, .75, .95 at some epochs on the way: epochs ``(k,)``, values ``(5, n, k)``, NaN where seen."""
        begun = self.epochs_seen[~self.finished]
        first = int(begun.min()) if len(begun) else self.epochs
        marks = np.unique(np.linspace(first, self.epochs, GRID + 1).round().astype(np.int64))[
            1 if first < self.epochs else 0 :
        ]
        values = np.full((len(LEVELS), len(self), len(marks)), np.nan)
        for k, epoch in enumerate(marks):
            found = self._back(self.at(int(epoch))._distribution.quantile(LEVELS))
            values[:, :, k] = (found[:, ::-1] if self.metric.falls else found).T
        values[:, marks[None, :] <= self.epochs_seen[:, None]] = np.nan
        return marks, values

    @functools.cached_property
    def epochs_needed(self) -> list[int | None]:
        """Epochs that each training needs until it is more likely than not better than :attr:`to_beat`; ``None`` if it will not
        be. Without anything to beat: the epochs that are left.
        """
        left = self.epochs - self.epochs_seen
        marks, quantiles = self.course
        middle = quantiles[len(LEVELS) // 2]
        out: list[int | None] = []
        for row in range(len(self)):
            goal = self.to_beat[row]
            if np.isnan(goal):
                out.append(int(left[row]))
                continue
            better = self._sign * (middle[row] - goal) > 0
            if self._sign * (self.last[row] - goal) > 0 and not self.diverged[row]:
                out.append(0)
            else:
                out.append(
                    int(marks[better.argmax()] - self.epochs_seen[row])
                    if better.any() and not self.diverged[row]
                    else None
                )
        return out

    @functools.cached_property
    def advice(self) -> list[str]:
        """``"stop"``, ``"go on"`` or ``"finished"`` for each training."""
        chance = np.nan_to_num(self.chance_above_best, nan=1.0)
        stop = (chance < CHANCE) | self.diverged
        return np.where(self.finished, "finished", np.where(stop, "stop", "go on")).tolist()

    @functools.cached_property
    def reasons(self) -> list[str]:
        """Why, a phrase for each training."""
        out = []
        against = "the value to beat" if self.best_given is not None else "the best so far"
        for row, advice in enumerate(self.advice):
            goal, chance = self.to_beat[row], self.chance_above_best[row]
            needed = self.epochs_needed[row]
            if self.diverged[row]:
                out.append(f"it diverged after epoch {self.epochs_seen[row]}")
            elif np.isnan(goal):
                out.append(
                    "there is nothing to beat: give --best, or more runs" if advice != "finished" else "the only run"
                )
            elif advice == "finished":
                out.append(f"better than {show(goal)}" if chance else _standing(self.last[row], goal))
            else:
                shown = percent(chance)
                when = f", likely in {needed} more epochs" if needed else ", and is there now" if needed == 0 else ""
                out.append(f"{shown} chance to beat {show(goal)}, {against}{when}")
        return out

    @functools.cached_property
    def order(self) -> tuple[list[int], list[int]]:
        """Numbers of the trainings that are not finished, the likeliest to beat the best first, and of the finished, best first."""
        chance = np.nan_to_num(self.chance_above_best, nan=1.0)
        begun = [int(i) for i in np.argsort(-chance, kind="stable") if not self.finished[i]]
        done = [int(i) for i in np.argsort(-self._sign * self.last, kind="stable") if self.finished[i]]
        return begun, done

    # -- faces --------------------------------------------------------------------------------------------------------

    def rows(self) -> list[dict[str, Any]]:
        """A row for each training: run, epochs_seen, epochs, median, low90, high90, chance_above_best, advice.

        ``chance_above_best`` is ``None`` where there is nothing to beat.
        """
        low, high = self.interval(0.9)
        chance = self.chance_above_best
        return [
            {
                "run": name,
                "epochs_seen": int(self.epochs_seen[i]),
                "epochs": self.epochs,
                "median": float(self.median[i]),
                "low90": float(low[i]),
                "high90": float(high[i]),
                "chance_above_best": None if np.isnan(chance[i]) else float(chance[i]),
                "advice": self.advice[i],
            }
            for i, name in enumerate(self.runs)
        ]

    def plot(self, path: str | Path | None = None) -> Figure:
        """A panel for each training that is not finished: its curve, the fan of what may come, the value to beat.

        Args:
            path: a file to write too; its ending says which format.
        """
        from archcast.forecasting.figure import draw
        from archcast.reports.figures import save

        figure = draw(self)
        if path is not None:
            save(figure, path)
        return figure

    def _repr_html_(self) -> str:
        from archcast.forecasting.page import fragment

        return fragment(self)

    def __repr__(self) -> str:
        counts = {word: self.advice.count(word) for word in ("finished", "go on", "stop")}
        said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        return f"Forecast({len(self)} of {self.metric.name} after {self.epochs} epochs: {said})"

    # -- machinery ----------------------------------------------------------------------------------------------------

    @property
    def _sign(self) -> float:
        return -1.0 if self.metric.falls else 1.0

    @functools.cached_property
    def _distribution(self) -> Distribution:
        """Of the value at ``epoch``, higher is better."""
        signal = "loss" if self._logarithmic else self.metric.signal
        predictor = LCIncrement(
            SPACE,
            signal=signal,
            epochs=1,
            total_epochs=self.epochs,
            highest=self._highest,
            random_state=self.random_state,
        )
        archs = np.zeros((len(self), len(get_space(predictor.space).cardinalities)), dtype=np.int64)
        values = self._forth(self.curves)
        told = np.where(self.diverged[:, None], np.nan, values)
        predictor.init(archs, None, Evidence({signal: told}))
        return predictor.forecast(archs, Evidence({signal: values}), epoch=self.epoch)

    @property
    def _logarithmic(self) -> bool:
        """A perplexity is the exponential of a loss, and forecast as that."""
        return self.metric.signal == "perplexity" and bool(np.nanmin(self.curves) > 0)

    def _forth(self, values: Floats) -> Floats:
        """To the scale on which values are forecast."""
        return np.log(np.maximum(values, 1e-300)) if self._logarithmic else values

    def _back(self, values: Floats) -> Floats:
        """From the scale of the distribution, where higher is better."""
        return np.exp(self._sign * values) if self._logarithmic else self._sign * values

    @property
    def _highest(self) -> float | None:
        if self.metric.signal not in ("accuracy", "error"):
            return None
        if self.metric.highest is not None:
            return self.metric.highest
        return 100.0 if np.nanmax(np.abs(self.curves)) > 1 + 1e-6 else 1.0


def _standing(value: float, goal: float) -> str:
    return "the best so far" if value == goal else f"not better than {show(goal)}"
