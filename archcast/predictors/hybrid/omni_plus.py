"""`omni+`: everything that is known of an architecture, in one blend; use it where there is some of each kind of evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, Requirements, register
from archcast.predictors.hybrid._inputs import DOUBT_OTHERS, PRIOR_SLOPE, Hints, Inputs
from archcast.predictors.hybrid._structure import Key, Measured, View
from archcast.predictors.hybrid.stack import FEW, Stack
from archcast.predictors.learning_curve.curves import falls, seen_epochs
from archcast.predictors.parameters import Whole
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.spaces.base import SearchSpace

__all__ = ["OmniPlus", "curve_shapes", "denoised"]

HALF_TRUST, SLOPE = 2.0, 0.85
"""The share of the curve in the prior quantile is e / (e + HALF_TRUST) after e epochs, and the slope on it grows towards SLOPE."""

DOUBT = 0.16
"""Prior variance of that slope."""

SHAPES = ("last", "best", "mean", "late", "slope", "ahead")
"""Names of :func:`curve_shapes`, the kinds of the columns that curves become."""

LEAST = 1e-12
"""Losses below count as this."""

Array = NDArray[np.float64]


@register(
    "omni+",
    summary="stack over structure, proxies and the shape of partial curves; the first choice where there are curves",
    paper="after White et al. 2021, https://arxiv.org/abs/2104.01177; features and blend by archcast",
    family="hybrid",
    default=True,
)
class OmniPlus(Stack):
    """What OMNI (White et al. 2021, https://arxiv.org/abs/2104.01177) set out to do, with the members of ``stack``.

    Structure, proxies and costs are seen as ``stack`` sees them. Every curve, in minus its logarithm if it is a loss, becomes
    the numbers of :func:`curve_shapes` after ``epochs`` epochs: of the training rows too, though their curves may be complete,
    so that a number means the same at init and at query. The prior mean of the Gaussian processes follows the training loss:
    the last one seen, and where it would be after as many epochs again if it went on falling by the same share in each. Which of
    the two ranks better depends on the schedule of the learning rate. Without a training loss it follows the best value of each
    curve.

    A row that was trained for fewer epochs is compared with the training rows as they were then. Its number is mapped to the
    normal quantile q among theirs, and back from rho q among theirs after ``epochs``, where rho is the correlation of the
    two. Curves that are complete at init also tell how much of a score is chance, see :func:`denoised`; ``std`` holds that
    chance. A row of which no epoch is known, or a curve that is not given at all, is predicted from the structure. Nothing is
    required: without curves and proxies this is ``stack``.

    Args:
        space: search space.
        epochs: epochs of a curve that are looked at; what a curve has beyond is ignored.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> import numpy as np
        >>> space = archcast.get_space("nasbench201")
        >>> archs, tops = space.sample(40, 0), np.linspace(60, 90, 40)
        >>> evidence = archcast.Evidence({"val_accuracy": tops[:, None] * (1 - 0.5 ** np.arange(1, 21))})
        >>> predictor = archcast.get_predictor("omni+", space, epochs=3, random_state=0)
        >>> predictor = predictor.init(archs[::2], tops[::2], evidence[::2])
        >>> bool(np.corrcoef(predictor.query(archs[1::2], evidence[1::2]).mean, tops[1::2])[0, 1] > 0.95)
        True
    """

    parameters = {"epochs": Whole(1)}

    def __init__(self, space: str | SearchSpace, *, epochs: int = 5, random_state: Any = None) -> None:
        super().__init__(space, random_state=random_state)
        self.epochs = epochs

    @property
    def requires(self) -> Requirements:
        """Labels; curves, for ``epochs`` epochs, and proxies are used where there are any."""
        return Requirements(none=True, epochs=self.epochs, uses=("curves", "proxies"))

    def _init(self, known: Known) -> None:
        self.curves_ = {name: np.array(values[:, : self.epochs]) for name, values in known.evidence.curves.items()}
        smooth = denoised(
            known.scores, [_upward(name, values, values) for name, values in known.evidence.curves.items()]
        )
        self.noise_ = float(np.sqrt(np.square(known.scores - smooth).mean())) if len(smooth) else 0.0
        super()._init(replace(known, scores=smooth))

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        prediction = super()._query(archs, evidence)
        assert prediction.std is not None
        return Prediction(prediction.mean, np.hypot(prediction.std, self.noise_))

    def _keys(self, evidence: Evidence) -> list[Key]:
        """Proxies and costs, and the shapes of the curves; of one that rises not where it would go, which has an upper end."""
        shapes = [
            (shape, name, self.epochs) for name in self.curves_ for shape in SHAPES if shape != "ahead" or falls(name)
        ]
        return [*super()._keys(replace(evidence, curves={})), *shapes]

    def _measured(self, evidence: Evidence, keys: Sequence[Key]) -> Measured:
        columns = dict(super()._measured(replace(evidence, curves={}), [key for key in keys if key[0] not in SHAPES]))
        for signal, known in self.curves_.items():
            if signal in evidence.curves:
                shapes = self._shapes(signal, known, evidence.curves[signal][:, : self.epochs])
                columns |= {key: shapes[key[0]] for key in keys if key[0] in SHAPES and key[1] == signal}
        return columns

    def _inputs(self, view: View, columns: Measured) -> Inputs:
        inputs = super()._inputs(view, columns)
        losses = [signal for signal in self.curves_ if signal.startswith("train") and falls(signal)]
        leading = {(shape, signal) for signal in losses for shape in ("last", "ahead")}
        leading = leading or {("best", signal) for signal in self.curves_}
        keys = () if self.evidence_ is None else self.evidence_.keys
        numbers = [c for c, key in enumerate(keys) if key[:2] in leading]
        if not numbers or inputs.evidence is None:
            return inputs
        epochs = min(self.epochs, max(values.shape[1] for values in self.curves_.values()))
        share = epochs / (epochs + HALF_TRUST)
        lead = share * inputs.evidence[:, numbers].mean(axis=1) + (1 - share) * self._quantile(inputs)
        slope, others = PRIOR_SLOPE + share * (SLOPE - PRIOR_SLOPE), inputs.evidence.shape[1]
        told = Hints(
            np.column_stack([lead, inputs.evidence]),
            np.array([slope, *[0.0] * others]),
            np.array([DOUBT, *[DOUBT_OTHERS / others] * others]),
        )
        return replace(inputs, size=lead, told=told, slope=slope)

    def _shapes(self, signal: str, known: Array, values: Array) -> dict[str, Array]:
        """Name -> ``(n,)``, as after ``epochs`` epochs; ``known`` are the curves of the training rows."""
        seen, full = seen_epochs(values), min(self.epochs, known.shape[1])
        known, values = _upward(signal, known, known), _upward(signal, values, known)
        shapes = curve_shapes(values, full)
        complete = known[seen_epochs(known) >= full]
        if len(complete) > 1:
            after = curve_shapes(complete, full)
            for epochs in np.unique(seen[(seen > 0) & (seen < full)]).tolist():
                before, rows = curve_shapes(complete, epochs), seen == epochs
                for name, column in shapes.items():
                    column[rows] = _carried(before[name], after[name], column[rows])
        return shapes


def _upward(signal: str, values: Array, known: Array) -> Array:
    """Values for which higher is better; of losses, if they are positive at init, minus the logarithm."""
    if not falls(signal):
        return values
    if np.where(np.isfinite(known), known, np.inf).min(initial=np.inf) > 0:
        return -np.log(np.maximum(values, LEAST))
    return -values


def denoised(scores: Array, curves: Sequence[Array]) -> Array:
    """Scores with less chance in them, for training rows whose curves are known to the end.

    One training more or less lucky makes a score, while the last tenth of its curve averages over many epochs. Ridge regression
    of the scores on the last value and the means of the last tenth and quarter of each curve, all as normal quantiles of ranks,
    gives a second opinion; a score moves towards it by the share R^8, where R^2 is that of leaving each row out. Where curves
    end early, and so tell little, that share is next to nothing.

    Args:
        scores: ``(n,)``.
        curves: each ``(n, epochs)``, higher is better; a row that ends before the longest keeps its score.

    Returns:
        ``(n,)`` on the scale of the scores.
    """
    curves = [values for values in curves if seen_epochs(values).any()]
    lengths = [seen_epochs(values) for values in curves]
    whole = np.all([seen == seen.max() for seen in lengths], axis=0)
    if not curves or whole.sum() < FEW or np.ptp(scores[whole]) == 0:
        return scores
    columns = []
    for values, seen in zip(curves, lengths, strict=True):
        end = values[whole, : seen.max()]
        widths = {1, -(-end.shape[1] // 10), -(-end.shape[1] // 4)}
        columns += [rank_normal(np.nanmean(end[:, -width:], axis=1)) for width in sorted(widths)]
    x, quantiles = np.stack(columns, axis=1), rank_normal(scores)
    y = quantiles[whole]
    hat = x @ np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T)
    left_out = (y - hat @ y) / (1 - np.diag(hat))
    share = max(1 - float(np.square(left_out).sum() / np.square(y - y.mean()).sum()), 0.0) ** 4
    quantiles[whole] += share * (hat @ y - y)
    return TargetScale.of(scores).backward(quantiles)


def _carried(before: Array, after: Array, values: Array) -> Array:
    """Where ``values`` on the scale of ``before`` are to be expected on that of ``after``; both ``(m,)``, of the same rows."""
    scale, target = TargetScale.of(before), TargetScale.of(after)
    x, y = scale.forward(before), target.forward(after)
    spread = np.sqrt(np.square(x).sum() * np.square(y).sum())
    share = max(float(x @ y / spread), 0.0) if spread > 0 else 0.0
    return target.backward(share * scale.forward(values))


def curve_shapes(values: Array, epochs: int) -> dict[str, Array]:
    """Numbers that describe the first ``epochs`` epochs of curves, or as many as there are.

    ========  =====================================================================================
    last      value at the last epoch seen
    best      highest value so far
    mean      of all epochs: the sum of training losses (SoTL), divided by their number
    late      mean of the last quarter of the epochs, rounded up: SoTL-E with E = a quarter
    slope     per epoch, by least squares, of the later half; 0 for a single epoch
    ahead     what the last value would become in as many epochs again, at that slope
    ========  =====================================================================================

    Args:
        values: ``(n, width)``, higher is better; NaN where unknown.
        epochs: at least 1.

    Returns:
        Name -> ``(n,)``; NaN for rows of which nothing is known.

    Examples:
        >>> shapes = curve_shapes(np.array([[1.0, 4.0, 3.0, 5.0, 9.0]]), 4)
        >>> {name: float(column[0]) for name, column in shapes.items()}
        {'last': 5.0, 'best': 5.0, 'mean': 3.25, 'late': 5.0, 'slope': 2.0, 'ahead': 13.0}
    """
    values = values[:, :epochs]
    seen = seen_epochs(values)[:, None]
    epoch, known = np.arange(values.shape[1]), np.isfinite(values)
    filled = np.where(known, values, 0.0)

    def mean(of: Array, where: NDArray[np.bool_]) -> Array:
        return np.asarray((of * where).sum(axis=1) / np.maximum(where.sum(axis=1), 1))

    half = known & (epoch >= seen // 2)
    time = np.where(half, epoch - mean(np.broadcast_to(epoch, values.shape), half)[:, None], 0.0)
    shapes = {
        "last": np.take_along_axis(filled, np.maximum(seen - 1, 0), axis=1)[:, 0],
        "best": np.where(known, values, -np.inf).max(axis=1, initial=-np.inf),
        "mean": mean(filled, known),
        "late": mean(filled, known & (epoch >= seen - -(-seen // 4))),
        "slope": (time * filled).sum(axis=1) / np.maximum(np.square(time).sum(axis=1), 1e-12),
    }
    shapes["ahead"] = shapes["last"] + seen[:, 0] * shapes["slope"]
    return {name: np.where(seen[:, 0] > 0, column, np.nan) for name, column in shapes.items()}
