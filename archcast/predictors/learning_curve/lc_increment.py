"""What complete curves of the same task gained from here on, blended with what a network trained on synthetic curves expects."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import register
from archcast.predictors.learning_curve._candidates import (
    WIDTHS,
    Candidate,
    View,
    blended,
    likely_widths,
    log_densities,
)
from archcast.predictors.learning_curve._stillness import SAME, STILL, awaited, steps_of
from archcast.predictors.learning_curve.compound import Clipped, Stepped, Widened
from archcast.predictors.learning_curve.curves import UNBOUNDED, Curves, CurveScale
from archcast.predictors.learning_curve.distributions import Bars, Distribution
from archcast.predictors.learning_curve.lc_pfn import CurveForecaster, bars_of, extrapolate, rates_of
from archcast.predictors.parameters import Number, Numbers
from archcast.spaces.base import SearchSpace

__all__ = ["LCIncrement"]

MOST = 500
"""Complete curves that are kept: support vectors of more take long and gain little."""
USUAL, USUAL_LOSS = 1.1, 1.2
"""How wide the network's distribution is made before curves tell, median: in general, and that of losses, whose scale nobody
knows."""
FACTOR = 4.0
"""Losses of which half fall by that factor get support vectors of their logarithms, else of their values."""
PAST, MOST_PAST = 0.5, 5.0
"""Complete curves that the past of a curve that has begun is worth, and that of all of them at most."""

Floats = NDArray[np.float64]


@register(
    "lc-increment",
    summary="regression on the gains of complete curves, blended with lc-pfn",
    paper="Baker et al. 2018, https://arxiv.org/abs/1705.10823",
    family="learning-curve",
    needs="a partial curve; learns from complete ones",
    default=True,
)
class LCIncrement(CurveForecaster):
    """Regression of increments on partial curves, blended with ``lc-pfn``.

    Baker et al. 2018 (https://arxiv.org/abs/1705.10823) regress the final value ``y_T`` on the beginning of the curve.
    Here the target is the increment ``y_T - y_c`` after the last epoch seen ``c``, taken from the ``m`` complete curves
    among those given to ``init``, cut at the same epoch. The answer is a mixture of

    - ``lc-pfn``, on the scale of the complete curves, and where that is another on the scale of the beginning alone;
    - what others gained: Student's t around their mean increment, with three first guesses of the spread;
    - ``lc-pfn``, moved by its mean error on others: Student's t, with two first guesses of the spread;
    - from 30 complete curves on a ridge regression of the increments, from 100 on a mean of support vector and ridge
      regressions: Student's t, fitted to its errors on curves left out.

    Losses fall by factors: all of these forecast their logarithms as well. The weights are

        w_k ~ exp(sum_i log p_k(y_i) / 4),

    ``p_k(y_i)`` the density that a part gives to the end of the i-th complete curve, told the others: with one or two complete
    curves all parts have a say, with ten the better ones. Without any the answer is ``lc-pfn``.

    How wide the distribution of ``lc-pfn`` must be for this task is not known but inferred: complete curves tell it, and curves
    at ``init`` that have only begun, because their own beginnings can be forecast too. The widths that are likely after that are
    all in the answer, so that its tails are heavy as long as little is known.

    A training that has stood at one value may be dead or late: a part of the answer is that of a training that begins now. Where
    values come in steps, such as shares of few samples, the answer does too, so that the chance to end above a value does not
    count a tie.

    What is forecast is the signal itself after all epochs; ``scores`` play no part.

    Args:
        space: any space.
        signal: name of the curve.
        epochs: fewest epochs that a row must have at query.
        total_epochs: epochs of a full training; ``None`` takes the longest curve seen at init. A curve of so many is complete.
        highest: highest value that an accuracy or error can have, 1 or 100; ``None`` takes 100 if any value exceeds 1. Tell it
            where no curve has reached 1 %.
        schedule: learning rate of each epoch, see ``lc-pfn``.
        random_state: seed; it chooses which complete curves are kept if there are more than 500, and the folds.

    Examples:
        >>> import archcast
        >>> import numpy as np
        >>> space = archcast.get_space("nasbench201")
        >>> slopes = np.linspace(0.5, 0.9, 40)[:, None]
        >>> done = archcast.Evidence({"val_accuracy": slopes * (1 - 0.8 ** np.arange(1, 21))})
        >>> predictor = archcast.get_predictor("lc-increment", space, random_state=0).init(space.sample(40, 0), None, done)
        >>> begun = archcast.Evidence({"val_accuracy": 0.77 * (1 - 0.8 ** np.arange(1, 9))[None]})
        >>> predictor.forecast(space.sample(1, 1), begun).interval(0.5)
        (array([0.76...]), array([0.76...]))
    """

    scaled_by_complete = True
    past_: Floats = np.zeros(len(WIDTHS))  # of files that were saved when no past was looked at
    step_ = 0.0  # the same
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

    def _learn(self, archs: NDArray[np.int64], scores: Floats, curves: Curves | None) -> None:
        self.complete_, self.past_, self.step_ = np.zeros((0, 0)), np.zeros(len(WIDTHS)), 0.0
        if curves is not None:
            self.step_ = float(steps_of(curves.values.reshape(1, -1))[0])
        if curves is not None and not curves.complete.all():
            self.past_ = self._past(curves[~curves.complete])
        if curves is not None and curves.complete.any():
            complete = curves.shares[curves.complete][:, : curves.total]
            self.complete_ = complete[self._rng().permutation(len(complete))[:MOST]]

    def _distribution(self, archs: NDArray[np.int64], curves: Curves) -> Distribution:
        rates = rates_of(self.schedule, curves.total, self._title)
        if len(self.complete_):
            answer = blended(self._candidates(curves, rates))
        else:
            widths = np.tile(likely_widths(self.past_, self._usual), (len(curves), 1))
            answer = awaited(Widened(extrapolate(curves, rates), widths), curves, self.complete_)
        return self._stepped(Clipped(answer, *curves.bounds, curves.last), curves)

    def _candidates(self, curves: Curves, rates: Floats | None) -> list[Candidate]:
        """What may be the best way to forecast, from the values, and from the logarithms of losses."""

        def scale(values: Floats, *, pooled: bool = False) -> CurveScale:
            return CurveScale.of(values, self.signal, pooled=pooled, highest=self._highest)

        complete, unit = curves.scale.backward(self.complete_), float(curves.scale.backward_std(np.ones(1))[0])
        own = None if np.isfinite(curves.scale.floor).all() else scale  # a share is a share whatever others do
        view = View(complete, curves, self._usual, self.past_, own, rates, unit=unit)
        if not self.signal.endswith(UNBOUNDED) or complete.max() >= 0:
            return view.candidates()
        by_factors = bool(np.median(complete.min(axis=1) / complete[:, -1]) >= FACTOR)
        logarithms = replace(view.logarithmic(functools.partial(scale, pooled=True)), machines=by_factors)
        positive = np.nanmax(curves.values, axis=1) < 0
        found = [(np.where(positive, told, -np.inf), make) for told, make in logarithms.candidates()]
        return [*replace(view, machines=not by_factors).candidates(), *found]

    def _stepped(self, answer: Distribution, curves: Curves) -> Distribution:
        """The answer, on steps where values come in steps; a curve that stands still may go on to do so."""
        own, last = steps_of(curves.values), curves.last
        step = np.where(own > 0, np.minimum(own, self.step_ or np.inf), self.step_)
        before = curves.values[np.arange(len(curves)), np.maximum(curves.seen - 2, 0)]
        still = (curves.seen > 1) & (np.abs(last - before) <= SAME * np.abs(last))
        step = np.where(still, np.maximum(step, STILL * curves.scale.backward_std(np.ones(len(curves)))), step)
        return Stepped(answer, last, np.where(curves.complete, 0.0, step))

    def _past(self, curves: Curves) -> Floats:
        """``(k,)`` log-likelihood of each of ``WIDTHS``: the last value of curves that have begun, forecast from their first half
        and from three quarters.
        """
        rows = np.flatnonzero(curves.seen > 1)
        if not len(rows):
            return np.zeros(len(WIDTHS))
        curves = curves[rows]
        every, found = np.arange(len(rows)), []
        for part in (curves.seen // 2, 3 * curves.seen // 4):
            known = np.maximum(part, 1)
            begun = np.where(np.arange(curves.values.shape[1]) < known[:, None], curves.values, np.nan)
            scale = curves.scale
            if self.limits_ is None:
                scale = CurveScale.of(begun, self.signal, pooled=False, highest=self._highest)
            shares, ends = scale.forward(begun), scale.forward(curves.last)
            network = Bars(*bars_of(shares, curves.seen, scale), shares[every, known - 1])
            found.append(log_densities(network, ends))
        return np.asarray(min(PAST * len(rows), MOST_PAST) * np.mean(found, axis=(0, 1)))

    @property
    def _usual(self) -> float:
        return USUAL_LOSS if self.signal.endswith(UNBOUNDED) else USUAL
