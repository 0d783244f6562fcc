"""The eleven families against their formulas as printed, and the fit against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import exp, log
from scipy.optimize import curve_fit, least_squares

from archcast.predictors.learning_curve._parametric import FAMILIES, RIDGE, fit

NAMES = [family.name for family in FAMILIES]
PRINTED = {
    # the formula, natural parameters, and the vector that stands for them
    "vapor-pressure": (lambda x, a, b, c: exp(a + b / x + c * log(x)), (-0.3, -1.2, 0.02), (-0.3, -1.2, 0.02)),
    "pow3": (lambda x, c, a, alpha: c - a * x**-alpha, (0.9, 0.6, 0.8), (0.9, log(0.6), log(0.8))),
    "log-log-linear": (lambda x, a, b: log(a * log(x) + b), (0.2, 1.4), (log(0.2), log(1.4))),
    "hill3": (lambda x, y, eta, k: y * x**eta / (k**eta + x**eta), (0.85, 1.1, 2.0), (0.85, log(1.1), log(2.0))),
    "log-power": (lambda x, a, b, c: a / (1 + (x / exp(b)) ** c), (0.85, 0.7, -1.2), (0.85, 0.7, -1.2)),
    "pow4": (lambda x, c, a, b, alpha: c - (a * x + b) ** -alpha, (0.9, 2.0, 1.0, 0.8),
             (0.9, log(2.0), 0.0, log(0.8))),
    "mmf": (lambda x, alpha, beta, k, delta: alpha - (alpha - beta) / (1 + (k * x) ** delta), (0.9, 0.1, 0.3, 1.2),
            (0.9, 0.1, log(0.3), log(1.2))),
    "exp4": (lambda x, c, a, b, alpha: c - exp(-a * x**alpha + b), (0.9, 0.5, -0.2, 0.6),
             (0.9, log(0.5), -0.2, log(0.6))),
    "janoschek": (lambda x, alpha, beta, k, delta: alpha - (alpha - beta) * exp(-k * x**delta), (0.9, 0.1, 0.3, 0.7),
                  (0.9, 0.1, log(0.3), log(0.7))),
    "weibull": (lambda x, alpha, beta, k, delta: alpha - (alpha - beta) * exp(-((k * x) ** delta)),
                (0.9, 0.1, 0.2, 0.7), (0.9, 0.1, log(0.2), log(0.7))),
    "ilog2": (lambda x, c, a: c - a / log(x + 1), (0.9, 0.4), (0.9, 0.4)),
}  # fmt: skip
X = np.arange(1.0, 61)


def test_there_are_eleven() -> None:
    assert list(PRINTED) == NAMES


@pytest.mark.parametrize("family", FAMILIES, ids=NAMES)
def test_formula(family) -> None:
    printed, natural, theta = PRINTED[family.name]
    expected = printed(X, *natural)
    assert np.ptp(expected) > 0.2
    np.testing.assert_allclose(family(log(X), np.array([theta, theta])), np.stack([expected, expected]), rtol=1e-12)


@pytest.mark.parametrize("family", FAMILIES, ids=NAMES)
def test_fit_against_curve_fit(family, rng) -> None:
    """On a long curve with little noise the ridge is nothing: value at epoch 100 and residuals are those of scipy."""
    printed, natural, _ = PRINTED[family.name]
    y = printed(X, *natural) + 0.001 * rng.standard_normal(len(X))
    theirs = curve_fit(printed, X, y, p0=natural)[0]
    theta, _ = fit(family, y[None], np.array([60]), steps=200)
    ours = family(log(X), theta)[0]
    assert ((ours - y) ** 2).sum() < 1.05 * ((printed(X, *theirs) - y) ** 2).sum() + 5 * RIDGE
    assert family(log(np.array([100.0])), theta)[0, 0] == pytest.approx(printed(100.0, *theirs), abs=0.01)


@pytest.mark.parametrize("family", FAMILIES, ids=NAMES)
def test_fit_minimises_the_penalised_squares(family, rng) -> None:
    """Against scipy's least squares on the residuals written out, from the same start; and the matrix against its Jacobian."""
    y = 0.2 + 0.5 * (1 - np.exp(-X[:9] / 4)) + 0.01 * rng.standard_normal(9)
    centre = family.centres(y[:1], y[-1:], np.array([9]))[0]

    def residuals(theta):
        ridge = (theta - centre) / np.array(family.spread)
        return np.concatenate([family(log(X[:9]), theta[None])[0] - y, np.sqrt(RIDGE) * ridge])

    theirs = least_squares(residuals, centre, xtol=1e-12, ftol=1e-12, gtol=1e-12)
    theta, matrix = fit(family, y[None], np.array([9]), steps=300, tolerance=1e-14)
    assert (residuals(theta[0]) ** 2).sum() <= 2 * theirs.cost * (1 + 1e-3)
    if (residuals(theta[0]) ** 2).sum() > 2 * theirs.cost * (1 - 1e-6):
        np.testing.assert_allclose(theta[0], theirs.x, atol=2e-3)
        np.testing.assert_allclose(matrix[0], theirs.jac.T @ theirs.jac / RIDGE, rtol=0.05, atol=0.05 * matrix[0].max())


def test_a_row_is_fitted_alone(rng) -> None:
    """What comes after the epochs seen, and the other rows, play no part."""
    curves = 0.8 - rng.uniform(0.2, 0.7, (12, 1)) * X[:20] ** -rng.uniform(0.3, 1.5, (12, 1))
    seen = rng.integers(1, 20, 12)
    cut = np.where(np.arange(20) < seen[:, None], curves, np.nan)
    for family in FAMILIES:
        together = fit(family, cut, seen)[0]
        alone = np.concatenate([fit(family, cut[i : i + 1, : seen[i]], seen[i : i + 1])[0] for i in range(12)])
        np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
def test_a_constant_curve_stays_so(value) -> None:
    for family in FAMILIES:
        theta, matrix = fit(family, np.full((1, 10), value), np.array([10]))
        assert np.isfinite(theta).all()
        assert (np.linalg.eigvalsh(matrix[0]) > 0).all()
    ends = [
        family(log(np.array([20.0])), fit(family, np.full((1, 10), value), np.array([10]))[0])[0, 0]
        for family in FAMILIES
    ]
    assert np.median(ends) == pytest.approx(value, abs=0.02)
