"""The eleven parametric families of learning curves of Domhan et al. 2015, fitted to many curves at once.

A family is a function of the epoch ``x = 1, 2, ...`` with values of about [0, 1] and two to four parameters. Parameters that must
be positive are held as logarithms, so that every vector of real numbers is allowed. With natural names::

    vapor-pressure   exp(a + b / x + c log x)
    pow3             c - a x^-alpha
    log-log-linear   log(a log x + b)
    hill3            y x^eta / (kappa^eta + x^eta)
    log-power        a / (1 + (x / e^b)^c)
    pow4             c - (a x + b)^-alpha
    mmf              alpha - (alpha - beta) / (1 + (kappa x)^delta)
    exp4             c - exp(b - a x^alpha)
    janoschek        alpha - (alpha - beta) exp(-kappa x^delta)
    weibull          alpha - (alpha - beta) exp(-(kappa x)^delta)
    ilog2            c - a / log(x + 1)

The fit is penalised least squares: the sum of squared errors plus ``RIDGE`` times the squared distance of each parameter from its
centre in units of its spread. That is the posterior mode for noise of standard deviation ``sqrt(RIDGE)`` and a normal prior as
wide as the spread; it keeps short curves, which have fewer points than parameters, from fits that explode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FAMILIES", "HIGHEST", "LOWEST", "RIDGE", "Family", "fit"]

Array = NDArray[np.float64]

RIDGE = 1e-4
LOWEST, HIGHEST = -0.05, 1.0
"""A curve of shares that ends outside is impossible."""
_BOUND = 30.0


def _exp(values: Array) -> Array:
    return np.exp(np.minimum(np.maximum(values, -_BOUND), _BOUND))


def _decay(power: Array) -> Array:
    """exp(-e^power)"""
    return np.exp(-_exp(power))


def _logistic(values: Array) -> Array:
    """1 / (1 + e^-values)"""
    return 1 / (1 + _exp(-values))


class Seen(NamedTuple):
    """What a first guess is made of: ``(n,)`` first and last values seen, and the log of the number of epochs seen."""

    first: Array
    last: Array
    log_seen: Array


@dataclass(frozen=True)
class Family:
    """A family of curves.

    Attributes:
        name: of the literature.
        function: ``(..., 1)`` log epochs and parameters ``p`` of shape ``(k, ..., 1)`` to values; broadcasts.
        centre: what is seen -> k centres, each a number or ``(n,)``.
        spread: k standard deviations of the prior.
    """

    name: str
    function: Callable[[Array, Array], Array]
    centre: Callable[[Seen], tuple[Array | float, ...]]
    spread: tuple[float, ...]

    def __call__(self, log_x: Array, theta: Array) -> Array:
        """Values ``(n, e)`` at ``(e,)`` or ``(n, e)`` log epochs, of parameters ``(n, k)``."""
        return self.function(log_x, theta.T[:, :, None])

    def centres(self, first: Array, last: Array, seen: NDArray[np.int64]) -> Array:
        """``(n, k)`` where the fit starts and what the ridge pulls to."""
        parts = self.centre(Seen(first, last, np.log(seen)))
        return np.stack(
            np.broadcast_arrays(*[np.asarray(part, dtype=np.float64) + 0 * first for part in parts]), axis=1
        )


def _top(last: Array) -> Array:
    """A guess at the asymptote: a fifth of the way from the last value to 1."""
    return last + 0.2 * np.maximum(1 - last, 0)


def _gap(first: Array, last: Array) -> Array:
    """Log of the distance from the first value to the asymptote."""
    return np.log(np.maximum(_top(last) - first, 0.02))


FAMILIES = (
    Family(
        "vapor-pressure",
        lambda u, p: _exp(p[0] + p[1] * np.exp(-u) + p[2] * u),
        lambda s: (np.log(np.clip(s.last, 0.01, 1)), np.log(np.clip(s.first / np.maximum(s.last, 0.01), 0.05, 1)), 0.0),
        (1.0, 2.0, 0.3),
    ),
    Family(
        "pow3",
        lambda u, p: p[0] - _exp(p[1] - _exp(p[2]) * u),
        lambda s: (_top(s.last), _gap(s.first, s.last), -0.7),
        (0.5, 1.0, 1.0),
    ),
    Family(
        "log-log-linear",
        lambda u, p: np.log(_exp(p[0]) * u + _exp(p[1])),
        lambda s: (np.log(np.maximum(_exp(s.last) - _exp(s.first), 0.05) / np.maximum(s.log_seen, 1)), s.first),
        (1.5, 1.0),
    ),
    Family(
        "hill3",
        lambda u, p: p[0] * _logistic(_exp(p[1]) * (u - p[2])),
        lambda s: (_top(s.last), 0.0, 0.3 * s.log_seen),
        (0.5, 0.7, 1.5),
    ),
    Family(
        "log-power",
        lambda u, p: p[0] * _logistic(-p[2] * (u - p[1])),
        lambda s: (_top(s.last), 0.3 * s.log_seen, -1.0),
        (0.5, 1.5, 0.7),
    ),
    Family(
        "pow4",
        lambda u, p: p[0] - np.power(_exp(p[1] + u) + _exp(p[2]), -_exp(p[3])),
        lambda s: (_top(s.last), 0.0, 0.0, -0.7),
        (0.5, 1.5, 1.5, 0.7),
    ),
    Family(
        "mmf",
        lambda u, p: p[0] - (p[0] - p[1]) * _logistic(-_exp(p[3]) * (p[2] + u)),
        lambda s: (_top(s.last), 0.8 * s.first, -0.5 * s.log_seen, 0.0),
        (0.5, 0.5, 1.5, 0.7),
    ),
    Family(
        "exp4",
        lambda u, p: p[0] - _exp(p[2] - _exp(p[1] + _exp(p[3]) * u)),
        lambda s: (_top(s.last), -1.0, _gap(s.first, s.last) + 0.3, -0.5),
        (0.5, 1.5, 1.0, 0.7),
    ),
    Family(
        "janoschek",
        lambda u, p: p[0] - (p[0] - p[1]) * _decay(p[2] + _exp(p[3]) * u),
        lambda s: (_top(s.last), 0.8 * s.first, -1.0, -0.5),
        (0.5, 0.5, 1.5, 0.7),
    ),
    Family(
        "weibull",
        lambda u, p: p[0] - (p[0] - p[1]) * _decay(_exp(p[3]) * (p[2] + u)),
        lambda s: (_top(s.last), 0.8 * s.first, -0.5 * s.log_seen, -0.5),
        (0.5, 0.5, 1.5, 0.7),
    ),
    Family(
        "ilog2",
        lambda u, p: p[0] - p[1] / np.log1p(np.exp(u)),
        lambda s: (_top(s.last), np.maximum(_top(s.last) - s.first, 0.02) * 0.7),
        (0.5, 0.5),
    ),
)


def fit(
    family: Family, values: Array, seen: NDArray[np.int64], *, steps: int = 60, tolerance: float = 1e-10
) -> tuple[Array, Array]:
    """Fit one family to many curves by Levenberg and Marquardt's method.

    Args:
        family: what to fit.
        values: ``(n, epochs)`` shares; what comes after the epochs seen is ignored.
        seen: ``(n,)`` epochs seen, at least 1.
        steps: most iterations.
        tolerance: relative improvement below which a curve is done.

    Returns:
        ``(n, k)`` parameters and ``(n, k, k)`` inverse covariance at noise variance ``RIDGE``: the Laplace approximation.
    """
    n, epochs = values.shape
    log_x = np.log(np.arange(1, epochs + 1))
    mask = np.arange(epochs) < seen[:, None]
    target = np.where(mask, np.nan_to_num(values), 0.0)
    spread = np.array(family.spread)
    centre = family.centres(target[:, 0], target[np.arange(n), seen - 1], seen)
    eye = np.eye(len(spread))

    def cost_of(theta: Array, rows: NDArray[np.int64]) -> tuple[Array, Array]:
        error = np.where(mask[rows], family(log_x, theta) - target[rows], 0.0)
        ridge = (((theta - centre[rows]) / spread) ** 2).sum(axis=1)
        return (error**2).sum(axis=1) + RIDGE * ridge, error

    def normal_equations(theta: Array, rows: NDArray[np.int64]) -> tuple[Array, Array]:
        """Half the gradient ``(n, k)`` and Gauss and Newton's matrix ``(n, k, k)``, in units of the spread."""
        step = 1e-6
        error = cost_of(theta, rows)[1]
        jacobian = np.stack(
            [
                (family(log_x, theta + step * shift) - family(log_x, theta - step * shift)) / (2 * step)
                for shift in eye * spread
            ],
            axis=1,
        )
        jacobian = np.where(mask[rows, None, :], jacobian, 0.0)
        gradient = (jacobian * error[:, None, :]).sum(axis=2) + RIDGE * (theta - centre[rows]) / spread
        matrix = (jacobian[:, :, None, :] * jacobian[:, None, :, :]).sum(axis=3) + RIDGE * eye
        return gradient, matrix

    theta, every = centre.copy(), np.arange(n)
    cost, damping, active = cost_of(theta, every)[0], np.full(n, 1e-3), every
    gradient, matrix = normal_equations(theta, every)
    for _ in range(steps):
        if len(active) == 0:
            break
        scaled = matrix[active] + damping[active, None, None] * (matrix[active] * eye)
        move = -np.linalg.solve(scaled, gradient[active, :, None])[..., 0] * spread
        trial = theta[active] + np.clip(move, -3 * spread, 3 * spread)
        trial_cost = cost_of(trial, active)[0]
        better = trial_cost < cost[active]
        done = np.where(better, cost[active] - trial_cost < tolerance * cost[active], damping[active] > 1e6)
        won = active[better]
        theta[won], cost[won] = trial[better], trial_cost[better]
        if len(won):
            gradient[won], matrix[won] = normal_equations(theta[won], won)
        damping[active] *= np.where(better, 0.2, 5.0)
        active = active[~done]
    return theta, matrix / (spread[:, None] * spread) / RIDGE
