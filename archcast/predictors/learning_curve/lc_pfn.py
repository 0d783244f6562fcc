"""A learning curve's end from its beginning alone, with a whole distribution, in a fraction of a millisecond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import whole
from archcast.errors import InvalidInputError
from archcast.evidence import Evidence
from archcast.predictors.base import NotInitializedError, Prediction, register
from archcast.predictors.learning_curve.compound import Clipped
from archcast.predictors.learning_curve.curves import KINDS, CurvePredictor, Curves, CurveScale
from archcast.predictors.learning_curve.distributions import Bars, Distribution
from archcast.predictors.parameters import Number, Numbers
from archcast.spaces.base import SearchSpace

__all__ = ["CERTAIN", "CurveForecaster", "Forecast", "LCPFN", "bars_of", "extrapolate", "rates_of"]

CERTAIN = 1e-6
"""Width of the distribution of a value that is known already, on [0, 1]."""


@dataclass(frozen=True)
class Forecast(Prediction):
    """A prediction that knows its distribution."""

    distribution: Distribution | None = None

    @classmethod
    def of(cls, distribution: Distribution) -> Forecast:
        """Mean and standard deviation of a distribution, and itself."""
        return cls(distribution.mean, distribution.std, distribution)


class CurveForecaster(CurvePredictor):
    """A curve predictor whose answer is a :class:`~archcast.predictors.learning_curve.distributions.Distribution`.

    A subclass writes ``_distribution``.
    """

    has_std = True

    def forecast(self, archs: ArrayLike, evidence: Evidence, *, epoch: int | None = None) -> Distribution:
        """Distribution of the signal after all epochs, or at ``epoch``.

        Values of a falling signal are negated, as everywhere: higher is better. What is seen of a curve after ``epoch`` is not
        looked at. If neither ``total_epochs`` nor curves at init tell how long a full training is, it ends at ``epoch``.

        Args:
            archs, evidence: as in :meth:`query`, whose errors it raises too.
            epoch: epoch that is forecast, from 1; ``None`` is the last.

        Raises:
            InvalidInputError: ``epoch`` is not between 1 and the last.
        """
        if not hasattr(self, "n_features_in_"):
            raise NotInitializedError(f"{self._title} is not initialised: call init() before forecast.")
        if epoch is not None and whole("epoch", epoch, 1) > (self.total_epochs_ or epoch):
            raise InvalidInputError(
                f"epoch must be at most {self.total_epochs_}, the epochs of a full training, got {epoch}."
            )
        rows = self._space.validate(archs, allow_empty=False)
        return self._distribution(rows, self._curves(self._check_evidence(evidence, len(rows)), epoch))

    def _distribution(self, archs: NDArray[np.int64], curves: Curves) -> Distribution:
        """Distribution of each partial curve at its goal."""
        raise NotImplementedError

    def _extrapolate(self, archs: NDArray[np.int64], curves: Curves) -> Forecast:
        return Forecast.of(self._distribution(archs, curves))


@register(
    "lc-pfn",
    summary="small transformer trained on synthetic curves; a full distribution, nothing to learn at init",
    paper="Adriaensen et al. 2023, https://arxiv.org/abs/2310.20447",
    family="learning-curve",
    needs="a partial curve",
)
class LCPFN(CurveForecaster):
    """Prior-data fitted network for learning curves (Adriaensen et al. 2023, https://arxiv.org/abs/2310.20447).

    A causal transformer, trained by this project on synthetic curves only (``tools/train_lc_pfn.py``), reads the curve so far and
    answers with 100 bars of probability over the increment ``y_T - y_t``. There are two such networks for accuracies and errors,
    two for losses and one for scores of any range. It departs from the paper in its priors, its size (0.13 million weights a
    network, the paper's has 3 million or more), in forecasting increments, and in that the learning-rate schedule can be told.

    Curves are read on [0, 1], see :class:`~archcast.predictors.learning_curve.curves.CurveScale`: give ``init`` a few
    complete curves of the task where the signal is neither an accuracy nor an error, so that the range is known.

    Args:
        space: any space.
        signal: name of the curve.
        epochs: fewest epochs that a row must have at query.
        total_epochs: epochs of a full training; ``None`` takes the longest curve seen at init.
        highest: highest value that an accuracy or error can have, 1 or 100; ``None`` takes 100 if any value exceeds 1. Tell it
            where no curve has reached 1 %.
        schedule: learning rate of each epoch of a full training, on any scale, if it is known and the same for all
            architectures: what a high rate holds back appears when it falls, and no curve can foretell when that is.
        random_state: not used.

    Examples:
        >>> import archcast
        >>> predictor = archcast.get_predictor("lc-pfn", "nasbench201", total_epochs=50).init()
        >>> evidence = archcast.Evidence({"val_accuracy": [[0.3, 0.5, 0.6, 0.66, 0.7], [0.1, 0.1, 0.1, 0.1, 0.1]]})
        >>> forecast = predictor.forecast([[3] * 6, [0] * 6], evidence)
        >>> above = forecast.above(0.75)
        >>> bool(above[0] > 0.7 and above[1] < 0.2)
        True
        >>> low, high = forecast.interval(0.9)
        >>> bool(low[0] > 0.65 and high[0] < 1)
        True
    """

    parameters = {"highest": Number(above=True, optional=True), "schedule": Numbers()}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        signal: str = "val_accuracy",
        epochs: int = 5,
        total_epochs: int | None = None,
        highest: float | None = None,
        schedule: Sequence[float] | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, signal=signal, epochs=epochs, total_epochs=total_epochs, random_state=random_state)
        self.highest = highest
        self.schedule = schedule

    def _distribution(self, archs: NDArray[np.int64], curves: Curves) -> Distribution:
        network = extrapolate(curves, rates_of(self.schedule, curves.total, self._title))
        return Clipped(network, *curves.bounds, curves.last)


def extrapolate(curves: Curves, rates: NDArray[np.float64] | None = None) -> Bars:
    """The network's distribution of each curve at the epoch that is forecast; ``rates`` ``(T,)``, over their maximum, if known.

    An earlier epoch than the last is forecast as the end of a training of that length. The network, most of whose examples were
    ends, errs there by half as much as if it is asked for an epoch on the way.
    """
    n, goal = len(curves), curves.goal
    schedule = None if rates is None else np.broadcast_to(rates[:goal], (n, goal))
    width = np.where(curves.complete, CERTAIN, 1.0) * curves.scale.backward_std(np.ones(n))
    return Bars(*bars_of(curves.shares, np.full(n, goal), curves.scale, schedule), curves.last, width)


def bars_of(
    shares: NDArray[np.float64],
    horizon: NDArray[np.int64],
    scale: CurveScale,
    schedule: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges, ``(101,)`` or ``(n, 101)``, and ``(n, 100)`` probabilities of what ``(n, e)`` curves on [0, 1] gain until epochs
    ``horizon`` ``(n,)``, by the networks for their kind.
    """
    from archcast.predictors.learning_curve import _pfn

    shares, n = np.clip(shares, -1, 2), len(shares)
    kinds = np.broadcast_to(scale.kind, (n,)).astype(np.int64)
    if (kinds == kinds[0]).all():
        return _pfn.increments(shares, horizon, schedule, kind=KINDS[kinds[0]])
    edges, probabilities = np.zeros((n, _pfn.BARS + 1)), np.zeros((n, _pfn.BARS))
    for kind in np.unique(kinds):
        rows = kinds == kind
        rates = None if schedule is None else schedule[rows]
        edges[rows], probabilities[rows] = _pfn.increments(shares[rows], horizon[rows], rates, kind=KINDS[kind])
    return edges, probabilities


def rates_of(schedule: Sequence[float] | None, total: int, title: str) -> NDArray[np.float64] | None:
    """``(T,)`` learning rates over their maximum."""
    if schedule is None:
        return None
    rates = np.asarray(schedule, dtype=np.float64)
    if rates.shape != (total,) or not np.isfinite(rates).all() or rates.min() < 0 or rates.max() <= 0:
        raise InvalidInputError(
            f"{title}: schedule must be the learning rates, not negative and not all zero, of each of the {total} epochs "
            f"of a full training; got shape {rates.shape}. Leave it out if it is not known."
        )
    return np.asarray(rates / rates.max())
