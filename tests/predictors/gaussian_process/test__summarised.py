"""Summaries of Gaussian processes against the exact ones and the dense formula."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.predictors.gaussian_process._additive import AdditiveGP, LogNormal, Priors, Terms
from archcast.predictors.gaussian_process._summarised import summarised

PRIORS = Priors((LogNormal(0.9, 1.0),), (LogNormal(1.5, 0.3),), (LogNormal(0.1, 1.0),))


@pytest.fixture
def problem(rng):
    x = rng.normal(size=(60, 2))
    return Terms((x,), (x,)), np.sin(x[:, 0]) + 0.3 * x[:, 1] + rng.normal(0, 0.2, 60)


def test_with_all_rows_as_inducing_points_it_is_the_exact_one(problem, rng):
    terms, targets = problem
    gp, mean, variance = summarised(terms, targets, PRIORS, inducing=60)
    exact = AdditiveGP.fit(terms, targets, PRIORS)
    np.testing.assert_allclose(mean, exact.leave_one_out(targets), atol=0.02)
    np.testing.assert_allclose(variance, exact.leave_one_out_variance(), rtol=0.02)
    new = rng.normal(size=(7, 2))
    asked = Terms((new,), (new,))
    for ours, theirs in zip(gp.predict(asked), exact.predict(asked), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.01)


def test_posterior_and_left_out_rows_by_the_dense_formula(problem):
    terms, targets = problem
    gp, mean, variance = summarised(terms, targets, PRIORS, inducing=9)
    assert len(gp.terms) == 9
    gram = gp.kernel(gp.terms, gp.terms) + 1e-4 * np.eye(9)
    cross = gp.kernel(terms, gp.terms)
    whole = cross @ np.linalg.solve(gram, cross.T) + gp.noise * np.eye(60)
    asked = gp.kernel(terms[:5], gp.terms) @ np.linalg.solve(gram, cross.T)
    np.testing.assert_allclose(gp.predict(terms[:5])[0], asked @ np.linalg.solve(whole, targets), atol=1e-8)
    keep = np.arange(60) != 7
    solved = np.linalg.solve(whole[np.ix_(keep, keep)], whole[keep, 7])
    own = gp.kernel.diagonal(terms)[7] - (whole[7, 7] - gp.noise)
    assert mean[7] == pytest.approx(solved @ targets[keep], abs=1e-8)
    assert variance[7] == pytest.approx(whole[7, 7] - solved @ whole[keep, 7] + own, abs=1e-8)
