"""A Gaussian process over architectures and epochs: the model of freeze-thaw Bayesian optimisation (Swersky et al. 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from archcast.predictors.base import Prediction, register
from archcast.predictors.features import FeatureGroups, median_distance, suited
from archcast.predictors.learning_curve.curves import CurvePredictor, Curves
from archcast.predictors.parameters import Encoding
from archcast.spaces.base import SearchSpace

__all__ = ["FreezeThaw", "decay"]

Floats = NDArray[np.float64]

MOST = 200
"""Curves that are learned from: the time of a fit grows with their cube."""
START = np.log([0.1, 1.0, 0.1, 1.0, 5.0, 0.01])
"""Where the search for hyperparameters starts, and the medians of their log-normal priors: standard deviation of the asymptotes,
lengthscale over the median distance of architectures, standard deviation of what decays, its alpha and beta, standard
deviation of the noise."""
SPREAD = np.array([1.0, 0.7, 1.0, 0.7, 1.0, 1.0])
"""Standard deviations of the logarithms."""
USUAL = (0.75, 0.15)
"""Mean and standard deviation of asymptotes where no curve has been seen."""
JITTER = 1e-8


@register(
    "freeze-thaw",
    summary="Gaussian process over architectures and epochs with an exponential-decay kernel",
    paper="Swersky et al. 2014, https://arxiv.org/abs/1406.3896",
    family="learning-curve",
    needs="a partial curve; learns from others, complete or not",
)
class FreezeThaw(CurvePredictor):
    """The model of freeze-thaw Bayesian optimisation (Swersky et al. 2014, https://arxiv.org/abs/1406.3896).

    A curve is an asymptote f(x) and what has not decayed yet,

        y(x, t) = m(t) + f(x) + g(t) + noise,    k_g(t, t') = s^2 b^a / (t + t' + b)^a

    where f is a Gaussian process over architectures (squared exponential kernel on the encoding) and g one over epochs,
    independent for every curve: the kernel is an average of exponentials of all rates. Given the asymptotes curves are
    independent, so a fit takes the cube of the number of curves and that of the number of epochs, not of their product.
    Hyperparameters maximise the marginal likelihood with log-normal priors.

    Departures from the paper: m(t) is the mean curve of those seen, on the way to its end, where the paper has a constant for the
    asymptotes alone; hyperparameters are maximised, not sampled; an answer depends on the curves given to ``init`` and the
    beginning of its own, not on the other rows. The signal itself is forecast; ``scores`` play no part. Without curves at init
    the asymptote is expected about .75 of the range.

    Args:
        space: any space.
        encoding: name of an encoding, or several.
        signal: name of the curve.
        epochs: fewest epochs that a row must have at query.
        total_epochs: epochs of a full training; ``None`` takes the longest curve seen at init.
        random_state: seed; it chooses which curves are kept if there are more than 200.

    Examples:
        >>> import archcast
        >>> import numpy as np
        >>> space = archcast.get_space("nasbench201")
        >>> archs, t = space.sample(30, 0), np.arange(1, 21)
        >>> curves = 0.5 + 0.08 * (archs == 3).sum(axis=1)[:, None] - 0.4 * t**-0.7
        >>> gp = archcast.get_predictor("freeze-thaw", space)
        >>> gp = gp.init(archs, None, archcast.Evidence({"val_accuracy": curves}))
        >>> begun = archcast.Evidence({"val_accuracy": curves[:2, :6]})
        >>> bool(np.abs(gp.query(archs[:2], begun).mean - curves[:2, -1]).max() < 0.02)
        True
    """

    has_std = True

    parameters = {"encoding": Encoding()}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = "auto",
        signal: str = "val_accuracy",
        epochs: int = 5,
        total_epochs: int | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, signal=signal, epochs=epochs, total_epochs=total_epochs, random_state=random_state)
        self.encoding = encoding

    def _learn(self, archs: NDArray[np.int64], scores: Floats, curves: Curves | None) -> None:
        self.features_, self.theta_ = None, START.copy()
        if curves is None:
            return
        rows = self._rng().permutation(len(archs))[:MOST]
        curves, archs = curves[rows], archs[rows]
        self.features_ = FeatureGroups.of(self._space, suited(self.encoding, self._space))
        self.inputs_ = self.features_.matrix(archs)
        self.unit_ = median_distance(self.inputs_)
        self.mean_ = mean_curve(curves.shares)
        left = curves.shares - self.mean_[: curves.values.shape[1]]
        square = np.square(cdist(self.inputs_, self.inputs_) / self.unit_)
        self.middle_ = float(np.nanmean(left))

        def objective(theta: Floats) -> float:
            value = -likelihood(theta, left - self.middle_, curves.seen, square)
            return value + float((np.square((theta - START) / SPREAD) / 2).sum())

        found = minimize(
            objective, START, method="L-BFGS-B", bounds=[(t - 5, t + 5) for t in START], options={"maxiter": 40}
        )
        self.theta_ = found.x
        means, precisions = asymptotes(self.theta_, left - self.middle_, curves.seen)
        covariance = asymptote_kernel(self.theta_, square) + np.diag(1 / precisions)
        self.inverse_ = np.linalg.inv(covariance)
        self.solved_ = self.inverse_ @ means

    def _extrapolate(self, archs: NDArray[np.int64], curves: Curves) -> Prediction:
        mean, variance, goal = np.zeros(len(curves)), np.zeros(len(curves)), curves.goal
        expected, doubt, middle = self._asymptotes(archs)
        drift = np.zeros(goal) if self.features_ is None else np.resize(self.mean_, max(goal, len(self.mean_)))[:goal]
        noise = float(np.exp(self.theta_[5])) ** 2
        for seen in np.unique(curves.seen):
            rows = curves.seen == seen
            begun = curves.shares[rows, :seen]
            if seen >= goal:
                mean[rows], variance[rows] = begun[:, goal - 1], JITTER
                continue
            epochs = np.arange(1, seen + 1)
            factor = cho_factor(decay(self.theta_, epochs, epochs) + (noise + JITTER) * np.eye(seen))
            ones, cross = cho_solve(factor, np.ones(seen)), decay(self.theta_, np.array([goal]), epochs)[0]
            pull = cho_solve(factor, cross)
            own = begun - drift[:seen] - middle
            precision = 1 / doubt[rows] + ones.sum()
            f = (expected[rows] / doubt[rows] + own @ ones) / precision
            share = 1 - pull.sum()
            mean[rows] = drift[goal - 1] + middle + own @ pull + share * f
            rest = float(decay(self.theta_, np.array([goal]), np.array([goal]))[0, 0] - cross @ pull)
            variance[rows] = max(rest, 0.0) + noise + share**2 / precision
        low, high = curves.bounds
        return Prediction(np.clip(curves.scale.backward(mean), low, high), curves.scale.backward_std(np.sqrt(variance)))

    def _asymptotes(self, archs: NDArray[np.int64]) -> tuple[Floats, Floats, float]:
        """Mean ``(n,)``, variance ``(n,)`` and origin of the asymptotes before the beginning of the curve is looked at."""
        if self.features_ is None:
            return np.zeros(len(archs)), np.full(len(archs), USUAL[1] ** 2), USUAL[0]
        square = np.square(cdist(self.features_.matrix(archs), self.inputs_) / self.unit_)
        cross = asymptote_kernel(self.theta_, square)
        variance = float(np.exp(2 * self.theta_[0])) - np.einsum("ij,jk,ik->i", cross, self.inverse_, cross)
        return cross @ self.solved_, np.maximum(variance, JITTER), self.middle_


def decay(theta: Floats, a: NDArray[np.int64], b: NDArray[np.int64]) -> Floats:
    """``(p, q)`` covariances of what has not decayed at ``(p,)`` and ``(q,)`` epochs."""
    scale, alpha, beta = np.exp(theta[2:5])
    return np.asarray(scale**2 * (beta / (a[:, None] + b + beta)) ** alpha)


def asymptote_kernel(theta: Floats, square: Floats) -> Floats:
    """Covariances of asymptotes from squared distances over the squared median distance."""
    scale, length = np.exp(theta[:2])
    return np.asarray(scale**2 * np.exp(-square / (2 * length**2)))


def mean_curve(shares: Floats) -> Floats:
    """``(T,)`` mean of what curves still lack at each epoch of their last known value, negative where they rise."""
    last = shares[np.arange(len(shares)), np.isfinite(shares).sum(axis=1) - 1]
    lacking = shares - last[:, None]
    known = np.isfinite(lacking)
    return np.asarray(np.where(known, lacking, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def asymptotes(theta: Floats, curves: Floats, seen: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """What ``(n, T)`` curves say of their asymptotes, each alone: estimates and precisions, ``(n,)`` each."""
    means, precisions = np.zeros(len(curves)), np.zeros(len(curves))
    for length in np.unique(seen):
        rows, epochs = seen == length, np.arange(1, length + 1)
        covariance = decay(theta, epochs, epochs) + (np.exp(2 * theta[5]) + JITTER) * np.eye(length)
        ones = cho_solve(cho_factor(covariance), np.ones(length))
        precisions[rows] = ones.sum()
        means[rows] = curves[rows, :length] @ ones / ones.sum()
    return means, precisions


def likelihood(theta: Floats, curves: Floats, seen: NDArray[np.int64], square: Floats) -> float:
    """Log marginal likelihood of all known values of ``(n, T)`` curves."""
    means, precisions = asymptotes(theta, curves, seen)
    total = 0.0
    for length in np.unique(seen):
        rows, epochs = seen == length, np.arange(1, length + 1)
        covariance = decay(theta, epochs, epochs) + (np.exp(2 * theta[5]) + JITTER) * np.eye(length)
        factor = cho_factor(covariance)
        y, many = curves[rows, :length], int(rows.sum())
        total -= 0.5 * float((y * cho_solve(factor, y.T).T).sum()) + many * float(np.log(np.diag(factor[0])).sum())
        total -= many * (length - 1) / 2 * np.log(2 * np.pi)
    total += 0.5 * float((precisions * means**2).sum() - np.log(precisions).sum())
    factor = cho_factor(asymptote_kernel(theta, square) + np.diag(1 / precisions))
    total -= 0.5 * float(means @ cho_solve(factor, means)) + float(np.log(np.diag(factor[0])).sum())
    return total - len(means) / 2 * float(np.log(2 * np.pi))
