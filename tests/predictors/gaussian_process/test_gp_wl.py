"""`gp-wl` against its definition, on label counts refined one node at a time (see test_gp_wl_plus.py)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, multivariate_normal

from archcast.predictors.gaussian_process._additive import JITTER
from archcast.predictors.gaussian_process.gp_wl import WLGaussianProcess, _terms
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space
from tests.predictors.gaussian_process.test_gp_wl_plus import cosine, label_counts

SPACE = get_space("nasbench201")
ARCHS = SPACE.sample(12, 0)
QUERIES = SPACE.sample(10, 1)
SCORES = (ARCHS == 3).sum(axis=1) + 0.1 * np.arange(12.0)


def summed(archs, refinements):
    """Counters of all labels up to the last refinement."""
    return [sum(label_counts(SPACE, arch, refinements)[1:], label_counts(SPACE, arch, 0)[0]) for arch in archs]


def kernel_by_hand(a, b, refinements):
    return np.array([[cosine(x, y) for y in summed(b, refinements)] for x in summed(a, refinements)])


@pytest.mark.parametrize("iterations", [0, 1, 2])
def test_kernel_and_posterior_by_hand(iterations):
    gp = WLGaussianProcess(SPACE, iterations=iterations).init(ARCHS, SCORES)
    chosen, slope = gp.encoder_.iterations, gp.gp_.kernel.slopes[0]
    assert chosen <= iterations
    train, cross = kernel_by_hand(ARCHS, ARCHS, chosen), kernel_by_hand(QUERIES, ARCHS, chosen)
    terms = _terms(gp.encoder_, QUERIES)
    np.testing.assert_allclose(terms.linear[0] @ gp.gp_.terms.linear[0].T, cross, atol=1e-7)
    covariance = slope * train + (gp.gp_.noise + JITTER) * np.eye(12)
    solved = np.linalg.solve(covariance, slope * cross.T)
    mean, variance = gp.gp_.predict(terms)
    np.testing.assert_allclose(mean, solved.T @ rank_normal(SCORES), atol=1e-6)
    np.testing.assert_allclose(variance, slope - np.einsum("ij,ji->i", slope * cross, solved), atol=1e-6)


def test_the_number_of_refinements_is_that_of_the_highest_likelihood():
    found = WLGaussianProcess(SPACE, iterations=3).init(ARCHS, SCORES)
    likelihoods = []
    for refinements in range(4):
        alone = [WLGaussianProcess(SPACE, iterations=refinements).init(ARCHS, SCORES)]
        gp = alone[0]
        covariance = gp.gp_.kernel(gp.gp_.terms, gp.gp_.terms) + (gp.gp_.noise + JITTER) * np.eye(12)
        likelihoods.append(multivariate_normal(np.zeros(12), covariance).logpdf(rank_normal(SCORES)))
        assert gp.gp_.log_likelihood(rank_normal(SCORES)) == pytest.approx(likelihoods[-1])
    covariance = found.gp_.kernel(found.gp_.terms, found.gp_.terms) + (found.gp_.noise + JITTER) * np.eye(12)
    best = multivariate_normal(np.zeros(12), covariance).logpdf(rank_normal(SCORES))
    assert best == pytest.approx(max(likelihoods))


def test_rows_that_are_one_function_get_one_answer_and_company_does_not_matter():
    gp = WLGaussianProcess(SPACE).init(ARCHS, SCORES)
    twins = np.array([[0, 3, 0, 0, 0, 1], [4, 3, 0, 0, 0, 1]])
    assert np.ptp(gp.query(twins).mean) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(gp.query(QUERIES).mean[:3], gp.query(QUERIES[:3]).mean)


def test_it_learns():
    archs, queries = SPACE.sample(60, 3), SPACE.sample(200, 4)
    gp = WLGaussianProcess(SPACE).init(archs, (archs == 3).sum(axis=1))
    assert kendalltau(gp.query(queries).mean, (queries == 3).sum(axis=1)).statistic > 0.5
