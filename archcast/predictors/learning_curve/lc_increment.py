"""What complete curves of the same task gained from here on, blended with what a network trained on synthetic curves expects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from archcast.predictors.base import register
from archcast.predictors.learning_curve.curves import UNBOUNDED, Curves, CurveScale
from archcast.predictors.learning_curve.distributions import (
    Bars,
    Distribution,
    Mixture,
    Stepped,
    StudentT,
    Truncated,
    Widened,
)
from archcast.predictors.learning_curve.lc_pfn import (
    CERTAIN,
    CurveForecaster,
    Forecast,
    bars_of,
    extrapolate,
    rates_of,
)
from archcast.predictors.parameters import Number, Numbers
from archcast.spaces.base import SearchSpace

__all__ = ["LCIncrement"]

RIDGE, SVR = 30, 100
"""Fewest complete curves for a ridge regression of the increments, and for support vectors."""
MOST = 500
"""Complete curves that are kept: support vectors of more take long and gain little."""
PRIOR = 5.0
"""Complete curves that the network is worth."""
WIDTHS = np.exp(np.linspace(math.log(0.03), math.log(3.0), 40))
USUAL, USUAL_LOSS, SURE = 1.0, 1.2, 0.7
"""How wide the network's distribution is made before curves tell: median, that of losses, whose scale nobody knows, and standard
deviation of the logarithm."""
SHARES = 5
"""Widths that stand for all that are likely."""
PAST, MOST_PAST = 0.5, 5.0
"""Complete curves that the past of a curve that has begun is worth, and that of all of them at most."""
DOUBT = 2.0
"""Complete curves that the first guess is worth of how many move that have stood at one value."""
NARROWEST = 1e-5
"""Least scale of the errors, on [0, 1]."""

FEWEST, OFF, SAME = 6, 0.15, 1e-9
"""Different values that show a step at least, how far from a multiple of it a value may lie, in steps, and the relative
difference of values that are the same."""
STILL = 2e-3
"""Resolution, on [0, 1], of the forecast of a curve whose last two values are the same."""

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
    among those given to ``init``, cut at the same epoch. The regression is the median increment if ``m < 30``, a ridge
    regression if ``m < 100``, else a mean of support vector and ridge regressions. Student's t is fitted to its errors on
    curves left out. The answer is a mixture: weight ``m / (m + 5)`` for the regression, the rest for ``lc-pfn``; with no
    complete curve it is ``lc-pfn``.

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

    def _extrapolate(self, archs: NDArray[np.int64], curves: Curves) -> Forecast:
        rates = rates_of(self.schedule, curves.total, self._title)
        network = extrapolate(curves, rates)
        m, bounds = len(self.complete_), curves.bounds
        if m == 0:
            widths = np.tile(likely_widths(self.past_, self._usual), (len(curves), 1))
            return self._stepped(Truncated(awaited(Widened(network, widths), curves, self.complete_), *bounds), curves)
        widths = np.zeros((len(curves), SHARES))
        location, scale, df = np.zeros(len(curves)), np.zeros(len(curves)), np.zeros(len(curves))
        expected = curves.scale.forward(network.mean)
        for seen in np.unique(curves.seen):
            rows = curves.seen == seen
            begun = curves.shares[rows, :seen]
            gain, scale[rows], df[rows], widths[rows] = self._gain(begun, expected[rows], rates, curves.goal)
            location[rows] = begun[:, -1] + gain
        centre = np.clip(curves.scale.backward(location), *bounds)
        own = StudentT(centre, curves.scale.backward_std(scale), df)
        parts = [own, awaited(Widened(network, widths), curves, self.complete_)]
        blend = Mixture(parts, [m / (m + PRIOR), PRIOR / (m + PRIOR)])
        return self._stepped(Truncated(blend, *bounds), curves)

    def _stepped(self, answer: Distribution, curves: Curves) -> Forecast:
        """The answer, on steps where values come in steps; a curve that stands still may go on to do so."""
        own, last = steps_of(curves.values), curves.last
        step = np.where(own > 0, np.minimum(own, self.step_ or np.inf), self.step_)
        before = curves.values[np.arange(len(curves)), np.maximum(curves.seen - 2, 0)]
        still = (curves.seen > 1) & (np.abs(last - before) <= SAME * np.abs(last))
        step = np.where(still, np.maximum(step, STILL * curves.scale.backward_std(np.ones(len(curves)))), step)
        return Forecast.of(Stepped(answer, last, np.where(curves.complete, 0.0, step)))

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

    def _gain(
        self, begun: Floats, expected: Floats, rates: Floats | None, goal: int
    ) -> tuple[Floats, float, float, Floats]:
        """Increments of ``(n, c)`` partial curves up to epoch ``goal``, scale and degrees of freedom of their errors, and the
        factors by which the network's distribution may be too wide or too narrow.
        """
        m, c = len(self.complete_), begun.shape[1]
        if c == goal:
            return np.zeros(len(begun)), CERTAIN, 30.0, np.ones(SHARES)
        cut = self.complete_[:, :c]
        network = self._network(cut, rates, goal)
        gains = self.complete_[:, goal - 1] - cut[:, -1]
        evidence = self.past_ + log_densities(network, self.complete_[:, goal - 1]).sum(axis=0)
        widths = likely_widths(evidence, self._usual)
        if m < RIDGE:
            middle = float(np.median(gains))
            size, df = fit_errors((gains - middle) * math.sqrt(m / max(m - 1, 1)))
            return np.full(len(begun), middle), size * math.sqrt(1 + 1 / m), df, widths
        known = features(cut, network.mean)
        asked = features(begun, expected)
        centre, spread = known.mean(axis=0), known.std(axis=0)
        spread = np.where(spread > 1e-9, spread, 1.0)
        regress = ridge if m < SVR else support_vectors
        found, errors = regress((known - centre) / spread, gains, (asked - centre) / spread)
        return found, *fit_errors(errors), widths

    @property
    def _usual(self) -> float:
        return USUAL_LOSS if self.signal.endswith(UNBOUNDED) else USUAL

    def _network(self, cut: Floats, rates: Floats | None, goal: int) -> Bars:
        """The network's distributions of the complete curves at epoch ``goal``, from their beginning."""
        scale = CurveScale(np.zeros(1), np.ones(1), kind=np.array((self.limits_ or [])[4:] or [0.0]))
        seen = np.full(len(cut), cut.shape[1])
        return extrapolate(Curves(cut, seen, self.complete_.shape[1], scale, goal), rates)


def standing(values: Floats, seen: NDArray[np.int64]) -> NDArray[np.bool_]:
    """``(n,)`` whether ``(n, epochs)`` curves had one value alone, for the last half of the epochs ``seen`` and three at least."""
    steady = np.maximum(seen // 2, 2)
    back = np.arange(int(steady.max()) + 1)
    known = np.take_along_axis(values, np.maximum(seen[:, None] - 1 - back, 0), axis=1)
    same = np.abs(known - known[:, :1]) <= SAME * np.abs(known[:, :1])
    return np.asarray((same | (back > steady[:, None])).all(axis=1) & (seen > 2))


def awaited(network: Distribution, curves: Curves, complete: Floats) -> Distribution:
    """The network's distributions; of curves that have stood at one value, a part of those of trainings that begin now.

    A training that has not moved may be dead or late. Before others tell both are as likely, and the later it is the less can
    still come: the part is half of the share of the epochs that is left. Of ``(m, T)`` complete curves those that stood so long
    tell how many have moved since; what was thought before counts as ``DOUBT`` of them.
    """
    left = curves.goal - curves.seen
    flat = standing(curves.values, curves.seen) & (left > 1)
    if not flat.any():
        return network
    late = np.where(flat, left / curves.goal / 2, 0.0)
    for seen in np.unique(curves.seen[flat]) if len(complete) else ():
        stood = standing(complete, np.full(len(complete), seen))
        moved = (stood & (np.abs(complete[:, curves.goal - 1] - complete[:, seen - 1]) > STILL)).sum()
        rows = flat & (curves.seen == seen)
        late[rows] = (DOUBT * late[rows] + moved) / (DOUBT + stood.sum())
    begun = curves.shares[np.arange(len(curves)), curves.seen - 1][flat, None]
    kind = curves.scale.kind if len(curves.scale.kind) == 1 else curves.scale.kind[flat]
    edges, probabilities = bars_of(begun, left[flat] + 1, CurveScale(np.zeros(1), np.ones(1), kind=kind))
    rows = np.zeros(len(curves), dtype=np.int64)
    rows[flat] = np.arange(flat.sum())
    unit = curves.scale.backward_std(np.ones(len(curves)))
    fresh = Bars(edges if edges.ndim == 1 else edges[rows], probabilities[rows], curves.last, unit)
    return Mixture([network, fresh], [1 - late, late])


def log_densities(network: Bars, truth: Floats) -> Floats:
    """``(m, k)`` log-likelihood of ``(m,)`` true values, if the network's distributions were as wide as each of ``WIDTHS``."""
    middle = network.quantile(0.5)[:, None]
    density = network.density(middle + (truth[:, None] - middle) / WIDTHS) / WIDTHS
    return np.asarray(np.log(np.maximum(density, 1e-9)))


def likely_widths(evidence: Floats, usual: float) -> Floats:
    """``(SHARES,)`` widths, each as likely as the others, given a log-likelihood for each of ``WIDTHS`` and the usual one."""
    fit = evidence - (np.log(WIDTHS / usual) / SURE) ** 2 / 2
    probability = np.exp(fit - fit.max())
    below = np.cumsum(probability / probability.sum())
    levels = (np.arange(SHARES) + 0.5) / SHARES
    return np.exp(np.interp(levels, below - probability / probability.sum() / 2, np.log(WIDTHS)))


def steps_of(values: Floats) -> Floats:
    """``(n,)`` how far apart values of ``(n, epochs)`` curves are, if they come in steps, such as shares of few samples; else 0.

    At least ``FEWEST`` different values, the differences of all of them multiples of the smallest, and some that occur twice.
    """
    out = np.zeros(len(values))
    for row, curve in enumerate(values):
        known = np.sort(curve[np.isfinite(curve)])
        if len(known) < 2:
            continue
        size = SAME * max(float(np.abs(known[[0, -1]]).max()), 1e-300)
        gaps = np.diff(known)
        if (gaps <= size).any() and (gaps > size).sum() >= FEWEST - 1:
            out[row] = _step(known[np.r_[True, gaps > size]])
    return out


def _step(values: Floats) -> float:
    """The step of sorted different values, or 0: the smallest gap, refined from near to far values, which may be rounded."""
    gaps, offsets = np.diff(values), values - values[0]
    step = float(np.median(gaps[gaps < 1.5 * gaps.min()]))
    for reach in (10, 100, 1000, np.inf):
        near = offsets[offsets <= reach * step]
        whole = np.rint(near / step)
        if np.abs(near / step - whole).max() > OFF:
            return 0.0
        step = float(near @ whole / (whole @ whole)) if whole.any() else step
    return step


def features(curves: Floats, expected: Floats) -> Floats:
    """``(n, 16)`` features of ``(n, c)`` partial curves: levels, gains over parts of the curve, roughness, the network's view."""
    c = curves.shape[1]
    last, tail = curves[:, -1], curves[:, -max(2, c // 5) :]
    steps = np.abs(np.diff(curves, axis=1)) if c > 1 else np.zeros((len(curves), 1))
    parts = [last, curves.max(axis=1), curves.mean(axis=1), tail.mean(axis=1), tail.std(axis=1), steps.mean(axis=1)]
    parts += [last - curves[:, max(0, c - 1 - max(1, c // k))] for k in (1, 2, 4, 8)]
    parts += [curves[:, int(share * (c - 1))] for share in (0.0, 0.1, 0.25, 0.5, 0.75)]
    return np.stack([*parts, expected - last], axis=1)


def ridge(x: Floats, y: Floats, asked: Floats) -> tuple[Floats, Floats]:
    """Predictions at ``asked`` and errors on rows left out; the penalty has the least squared error on those.

    ``x`` ``(m, k)`` has columns of mean zero. Leave-one-out errors of ridge regression are ``residual / (1 - leverage)``.
    """
    middle = y.mean()
    u, s, v = np.linalg.svd(x, full_matrices=False)
    best, errors, weights = math.inf, y, np.zeros(x.shape[1])
    for penalty in np.logspace(-2, 5, 15):
        shrink = s**2 / (s**2 + penalty)
        leverage = 1 / len(y) + (u**2 @ shrink)
        left_out = (y - middle - u @ (shrink * (u.T @ (y - middle)))) / (1 - leverage)
        if (loss := float((left_out**2).mean())) < best:
            best, errors = loss, left_out
            weights = v.T @ (s / (s**2 + penalty) * (u.T @ (y - middle)))
    return middle + asked @ weights, errors


def support_vectors(x: Floats, y: Floats, asked: Floats) -> tuple[Floats, Floats]:
    """The same from six support vector regressions and a ridge regression: their mean, each weighted by the inverse fourth
    power of its squared error on rows left out. That ranks and fits better than the best of them.
    """
    from sklearn.svm import SVR as Machine

    middle, unit = np.median(y), max(float(y.std()), 1e-9)
    target, fold = (y - middle) / unit, np.arange(len(y)) % 5
    answers = [ridge(x, y, asked)]
    for penalty in (0.3, 3.0, 30.0):
        for width in (0.003, 0.03):
            machine = Machine(C=penalty, gamma=width, epsilon=0.1)
            left_out = np.empty(len(y))
            for k in range(5):
                own = fold != k
                left_out[~own] = target[~own] - machine.fit(x[own], target[own]).predict(x[~own])
            answers.append((middle + unit * machine.fit(x, target).predict(asked), unit * left_out))
    losses = np.array([max(float((errors**2).mean()), NARROWEST**2) for _, errors in answers])
    weights = (losses.min() / losses) ** 4
    weights /= weights.sum()
    found = sum(weight * answer for weight, (answer, _) in zip(weights, answers))
    errors = sum(weight * error for weight, (_, error) in zip(weights, answers))
    return np.asarray(found), np.asarray(errors)


def fit_errors(errors: Floats) -> tuple[float, float]:
    """Scale and degrees of freedom of a Student's t around zero, by maximum likelihood (expectation-maximisation)."""
    best, found = -math.inf, (NARROWEST, 30.0)
    for df in (2.5, 4.0, 8.0, 30.0):
        square = float(np.median(errors**2)) + NARROWEST**2
        for _ in range(50):
            square = float(((df + 1) * errors**2 / (df + errors**2 / square)).mean()) + NARROWEST**2
        half = (df + 1) / 2
        constant = float(gammaln(half) - gammaln(df / 2)) - math.log(df * square) / 2
        fit = constant - half * float(np.log1p(errors**2 / (df * square)).mean())
        if fit > best:
            best, found = fit, (math.sqrt(square), df)
    return found
