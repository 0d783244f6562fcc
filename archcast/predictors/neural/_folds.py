"""Ensembles whose members each leave out a fold: what they get wrong there is the noise that their spread does not show.

Members that have seen the same rows agree more than they should, so the spread of an ensemble is too narrow as a standard
deviation. With a member for each of five folds, every row has a member that has not seen it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.calibration import FEWEST_ALONE, KNOTS, WIDTH, Bias, Spread, Twins, groups_of, twins_among
from archcast.predictors.persistence import saved

__all__ = ["FOLDS", "Noise", "left_out", "moments", "noise_of"]

FOLDS = 5
SHARE = 0.6
"""Variance of the noise, as a share of that of a member's errors: the mean of all members is better than one, and their spread is
added."""

WORTH = 5.0
"""Number of rows nearby that the error over all rows is worth."""

FEWEST = 3
"""With fewer rows none is left out."""

Array = NDArray[np.float64]


def left_out(members: int, rows: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """``(m, n)``: whether the member does not see the row; a single member sees all.

    Examples:
        >>> left_out(5, 10, np.random.default_rng(0)).sum(axis=0)
        array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    """
    if members == 1 or rows < FEWEST:
        return np.zeros((members, rows), dtype=bool)
    folds = min(FOLDS, rows)
    fold = rng.permutation(rows) % folds
    return np.asarray(np.arange(members)[:, None] % folds == fold)


@saved("left-out-noise")
@dataclass(frozen=True, eq=False)
class Noise:
    r"""Noise that depends on what is predicted: good architectures are alike, and of the broken ones nobody knows how broken.

    With predictions f_i of rows by members that have not seen them and their errors e_i = \|f_i - t_i\|, the variance where m is
    predicted is

        v(m) = .6 (pi / 2) a(m)^2 (1 + tail h(m))
        a(m) = (sum_i k_i e_i + 5 a) / (sum_i k_i + 5),    k_i = exp(-(m - f_i)^2 / (2 .5^2))

    where a is the mean of all errors and of one more, of 1. What is predicted to be among the best was often lucky: the tail is
    that of :class:`~archcast.predictors.calibration.Spread`. Normal errors have the variance (pi / 2) a^2; where a few are large, a
    mean of squares would be theirs alone, and the intervals of all others too wide.

    Attributes:
        knots: ``(k,)`` predictions, increasing.
        variances: ``(k,)`` there; the first and last hold beyond.
    """

    knots: Array
    variances: Array

    @classmethod
    def of(cls, outputs: Array, targets: Array, out: NDArray[np.bool_]) -> Noise:
        """Learn from rows left out.

        Args:
            outputs: ``(m, n)`` of the members.
            targets: ``(n,)`` of variance about 1.
            out: ``(m, n)``, see :func:`left_out`; if no row is left out, nothing is known and the noise is 0.
        """
        if not out.any():
            return cls(np.zeros(1), np.zeros(1))
        seen, errors = outputs[out], np.abs(outputs - targets)[out]
        typical = (errors.sum() + 1) / (len(errors) + 1)
        knots = np.linspace(seen.min(), seen.max() + WIDTH, KNOTS)
        near = np.exp(-0.5 * np.square((knots[:, None] - seen) / WIDTH))
        std = np.sqrt(np.pi / 2) * (near @ errors + WORTH * typical) / (near.sum(axis=1) + WORTH)
        spread = Spread.of(seen, np.interp(seen, knots, std), np.broadcast_to(targets, out.shape)[out])
        return cls(knots, SHARE * np.square(replace(spread, factor=1.0)(knots, std)))

    def __call__(self, mean: Array) -> Array:
        """``(n,)`` variances where ``(n,)`` is predicted."""
        return np.interp(mean, self.knots, self.variances)


def noise_of(
    canonical: NDArray[np.int64], outputs: Array, targets: Array, out: NDArray[np.bool_]
) -> tuple[Noise, Bias, Twins]:
    """The noise of rows without a twin among the training rows, the bias of what is predicted of them, and how much less the noise
    of the others is.

    Args:
        canonical: ``(n, d)`` of the training rows.
        outputs, targets, out: see :meth:`Noise.of`.
    """
    groups = groups_of(canonical)
    twin = np.array([twins_among(groups, ~row) for row in out])
    alone, told = out & ~twin, out & twin
    rows = alone if alone.sum() >= FEWEST_ALONE else out
    noise, each = Noise.of(outputs, targets, rows), np.broadcast_to(targets, out.shape)
    std = np.sqrt(noise(outputs[told]) / SHARE)
    return noise, Bias.of(outputs[rows], each[rows]), Twins.of(canonical, outputs[told], std, each[told])


def moments(members: Array, noise: Noise | float) -> tuple[Array, Array]:
    """Mean and variance ``(n,)`` of the ``(m, n)`` outputs of an ensemble. In files of earlier versions the noise is a
    number."""
    mean = members.mean(axis=0)
    return mean, members.var(axis=0) + (noise(mean) if isinstance(noise, Noise) else noise)
