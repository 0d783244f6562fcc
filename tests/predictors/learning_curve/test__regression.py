"""Regressions against refits and scipy; a conjugate prior against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.linear_model import Ridge

from archcast.predictors.learning_curve import _regression as module


def test_leave_one_out_errors_are_those_of_refits():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(25, 4))
    x -= x.mean(axis=0)
    y = x @ rng.normal(size=4) + rng.normal(size=25)
    found, errors = module.ridge(x, y, x[:3])
    penalties = np.logspace(-2, 5, 15)
    refits = []
    for penalty in penalties:
        own = [np.delete(np.arange(25), i) for i in range(25)]
        refits.append([y[i] - Ridge(penalty).fit(x[o], y[o]).predict(x[[i]])[0] for i, o in enumerate(own)])
    best = int(np.argmin(np.mean(np.square(refits), axis=1)))
    np.testing.assert_allclose(errors, refits[best], rtol=0.02, atol=0.02)  # the formula keeps the mean of all columns
    np.testing.assert_allclose(found, Ridge(penalties[best]).fit(x, y).predict(x[:3]), rtol=1e-6)


@pytest.mark.parametrize("df", [3.0, 8.0])
def test_errors_get_the_scale_that_made_them(df):
    draws = stats.t(df, scale=0.02).rvs(4000, random_state=1)
    scale, found = module.fit_errors(draws)
    fitted, reference = stats.t(found, scale=scale).logpdf(draws).mean(), stats.t(df, scale=0.02).logpdf(draws).mean()
    assert fitted > reference - 0.002
    assert scale == pytest.approx(0.02, rel=0.15)
    assert module.fit_errors(np.zeros(5))[0] == pytest.approx(1e-5, rel=0.3)


def test_support_vectors_follow_what_no_line_can():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    y = x[:, 0] ** 2 + 0.05 * rng.normal(size=200)
    found, errors = module.support_vectors(x[:150], y[:150], x[150:])
    linear = np.square(module.ridge(x[:150], y[:150], x[150:])[0] - y[150:]).mean()
    assert np.square(found - y[150:]).mean() < linear / 3
    assert errors.std() == pytest.approx((found - y[150:]).std(), rel=0.6)


def test_a_further_error_is_what_the_conjugate_prior_says():
    """Against the integral over mean and variance: p(x) = int N(x; mu, v) p(mu, v | errors)."""
    errors, centre, spread = np.array([0.3, 0.5, 0.1]), 0.2, 0.4
    location, scale, df = module.conjugate(errors, centre, spread)

    v = np.exp(np.linspace(-12, 8, 2001))
    prior = stats.invgamma(module.SPREAD / 2, scale=module.SPREAD * spread**2 / 2).pdf(v)

    def evidence(given: np.ndarray) -> float:
        """Of normal errors that share a mean of variance v / CENTRE: their covariance is v times a matrix."""
        matrix, away = np.eye(len(given)) + 1 / module.CENTRE, given - centre
        square = away @ np.linalg.solve(matrix, away)
        density = np.exp(-square / v / 2) / np.sqrt((2 * np.pi * v) ** len(given) * np.linalg.det(matrix))
        return integrate.trapezoid(v * density * prior, np.log(v))

    for i, told in ((3, errors), (0, errors[1:]), (2, errors[:2])):
        for x in (-0.4, 0.35, 1.2):
            found = module.log_student(np.array(x), location[i], scale[i], df[i])
            assert np.exp(found) == pytest.approx(evidence(np.append(told, x)) / evidence(told), rel=1e-4)
    alone = module.conjugate(np.array([0.7]), centre, spread)
    assert alone[0][0] == centre  # nothing is left where the only one is left out
    assert module.log_student(np.array(0.1), 0.0, 2.0, 5.0) == pytest.approx(stats.t(5, 0, 2).logpdf(0.1))
