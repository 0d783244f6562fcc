"""Regressions of what complete curves gained after an epoch, and the distributions of their errors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

__all__ = ["conjugate", "features", "fit_errors", "log_student", "ridge", "support_vectors"]

NARROWEST = 1e-5
"""Least scale of the errors, on [0, 1]."""
CENTRE, SPREAD = 1.0, 3.0
"""Errors that the first guess of their mean is worth, and that of their spread."""

Floats = NDArray[np.float64]


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


def conjugate(errors: Floats, centre: float, spread: float) -> tuple[Floats, Floats, Floats]:
    """Location, scale and degrees of freedom, ``(m + 1,)`` each, of the Student's t of a further error: given all ``(m,)`` errors
    but one, which is left out, in turn, and last given all.

    Errors are normal; mean and variance have the conjugate prior, normal and inverse gamma: a mean around ``centre``, worth
    ``CENTRE`` errors, a standard deviation around ``spread``, worth ``SPREAD`` errors.
    """
    total, square = errors.sum(), (errors**2).sum()
    m = np.append(np.full(len(errors), len(errors) - 1.0), len(errors))
    sums, squares = total - np.append(errors, 0.0), square - np.append(errors**2, 0.0)
    means = sums / np.maximum(m, 1)
    within = np.maximum(squares - m * means**2, 0.0) + CENTRE * m / (CENTRE + m) * (means - centre) ** 2
    variance = (SPREAD * spread**2 + within) / (SPREAD + m)
    return (CENTRE * centre + sums) / (CENTRE + m), np.sqrt(variance * (1 + 1 / (CENTRE + m))), SPREAD + m


def log_student(x: Floats, location: Floats | float, scale: Floats | float, df: Floats | float) -> Floats:
    """Log-density of Student's t."""
    z = (x - location) / scale
    constant = gammaln((np.asarray(df) + 1) / 2) - gammaln(np.asarray(df) / 2) - np.log(np.pi * np.asarray(df)) / 2
    return np.asarray(constant - np.log(scale) - (np.asarray(df) + 1) / 2 * np.log1p(z * z / df))
