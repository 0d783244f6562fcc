"""Trainings that have stood at one value, and values that come in steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.learning_curve.compound import Mixture
from archcast.predictors.learning_curve.curves import Curves, CurveScale
from archcast.predictors.learning_curve.distributions import Bars, Distribution
from archcast.predictors.learning_curve.lc_pfn import bars_of

__all__ = ["SAME", "STILL", "awaited", "standing", "steps_of"]

DOUBT = 2.0
"""Complete curves that the first guess is worth of how many move that have stood at one value."""
FEWEST, OFF, SAME = 6, 0.15, 1e-9
"""Different values that show a step at least, how far from a multiple of it a value may lie, in steps, and the relative
difference of values that are the same."""
STILL = 2e-3
"""Resolution, on [0, 1], of the forecast of a curve whose last two values are the same."""

Floats = NDArray[np.float64]


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
