"""Transfer by a slow way to the same numbers, and on tasks whose correlation is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, multivariate_normal, norm

from archcast.errors import InvalidInputError
from archcast.evidence import Source
from archcast.predictors.base import Predictor, get_predictor
from archcast.predictors.gaussian_process._additive import JITTER
from archcast.predictors.gaussian_process._correlated import CORRELATIONS, NOISE
from archcast.predictors.hybrid._process import terms_of
from archcast.predictors.hybrid._transfer import Correlated, Inherited
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
QUERIES = SPACE.sample(300, 9)


def task(archs, seed, strange=0.0):
    """Scores that share most with those of other seeds, and a part of their own."""
    weights = np.random.default_rng(seed).normal(size=(6, 5))
    own = weights[np.arange(6), archs].sum(axis=1)
    return (1 - strange) * (3.0 * (archs == 3).sum(axis=1) - 2.0 * (archs == 4).sum(axis=1)) + (0.3 + strange) * own


def source(seed=1, n=200):
    archs = SPACE.sample(n, 5)
    return Source(SPACE, archs, task(archs, seed))


def fitted(n, sources, seed=2, strange=0.0):
    archs = SPACE.sample(n, 3) if n else None
    scores = task(archs, seed, strange) if n else None
    return get_predictor("stack", SPACE, random_state=0).init(archs, scores, sources=sources)


def log_prior(rho, skill):
    """Most sources are alike, as far as they can be told at all."""
    return np.log(0.85 * norm(0.65 * skill, 0.25).pdf(rho) + 0.15 * norm(0, 0.5).pdf(rho))


@pytest.mark.parametrize("count", [1, 2])
def test_average_over_correlations_by_hand(count):
    stack = fitted(8, [source(k, n=60) for k in range(count)])
    member = stack.processes_[0]
    assert isinstance(member, Correlated)
    archs = SPACE.sample(8, 3)
    none = stack.structure_.view(archs[:0])
    assert len(none.size) == 0

    def seen(rows):
        return stack._heard(stack._inputs(stack.structure_.view(rows), {}), rows, None)

    train, query, targets = seen(archs), seen(QUERIES[:5]), rank_normal(task(archs, 2))
    a, b = terms_of(train, False), terms_of(query, False)
    gram, cross, own = member.kernel(a, a), member.kernel(b, a), member.kernel.diagonal(b)
    logs, means, variances = [], [], []
    for k in range(count):
        for r in CORRELATIONS:
            prior, new = (r * x.signals[:, k] + (1 - abs(r)) * x.slope * x.size for x in (train, query))
            covariance = (1 - r**2) * gram + 1 + (NOISE + 1 / 8 + JITTER) * np.eye(8)
            between = (1 - r**2) * cross + 1
            logs.append(multivariate_normal(prior, covariance).logpdf(targets) + log_prior(r, stack.signals_[k].skill))
            solved = np.linalg.solve(covariance, np.column_stack([targets - prior, between.T]))
            means.append(new + between @ solved[:, 0])
            variances.append((1 - r**2) * own + 1 - np.einsum("ij,ji->i", between, solved[:, 1:]) + NOISE + 1 / 8)
    weights = np.exp(np.array(logs) - max(logs))
    weights /= weights.sum()
    mean, variance = member.predict(query)
    np.testing.assert_allclose(member.weights, weights, atol=1e-8)
    np.testing.assert_allclose(mean, weights @ means, atol=1e-6)
    np.testing.assert_allclose(variance, weights @ (variances + np.square(np.array(means) - mean)), atol=1e-6)


def test_a_related_source_helps_and_its_correlation_is_found():
    for n, least in ((4, 0.1), (10, 0.02), (30, -0.02)):
        alone, helped = fitted(n, []), fitted(n, [source()])
        a, b = (kendalltau(stack.query(QUERIES).mean, task(QUERIES, 2)).statistic for stack in (alone, helped))
        assert b > a + least
    assert helped.correlations[0] > 0.6
    assert alone.correlations == []


def test_of_two_sources_the_one_that_is_alike_counts():
    archs = SPACE.sample(200, 5)
    other = Source(SPACE, archs, (archs == 1).sum(axis=1) - (archs == 3).sum(axis=1))
    stack = fitted(30, [other, source()])
    member = stack.processes_[0]
    assert member.weights[member.sources == 1].sum() > 0.9
    assert stack.correlations[1] > stack.correlations[0] + 0.3


def test_a_source_that_is_noise_is_not_heard():
    archs = SPACE.sample(200, 5)
    noise = Source(SPACE, archs, np.random.default_rng(0).permutation(task(archs, 1)))
    alone, told = fitted(8, []), fitted(8, [noise])
    np.testing.assert_array_equal(told.query(QUERIES).mean, alone.query(QUERIES).mean)
    assert told.correlations == [0.0]
    both = fitted(8, [noise, source()])
    assert both.correlations[0] == 0
    assert both.correlations[1] > 0.3


def test_without_a_score_the_source_ranks():
    stack = fitted(0, [source()])
    alone = stack.signals_[0].stack.query(QUERIES).mean
    assert kendalltau(stack.query(QUERIES).mean, alone).statistic > 0.97


def test_a_source_is_saved(tmp_path):
    stack = fitted(8, [source(n=40)])
    stack.save(tmp_path / "stack.npz")
    again = Predictor.load(tmp_path / "stack.npz")
    np.testing.assert_array_equal(again.query(QUERIES[:20]).mean, stack.query(QUERIES[:20]).mean)


def test_a_source_of_another_space_is_refused_in_one_line():
    other = get_space("nats-size").sample(20, 0)
    with pytest.raises(
        InvalidInputError, match=r"sources\[0\] is of space 'nats-size', the task of 'nasbench201', and no row"
    ):
        fitted(8, [Source("nats-size", other, other.sum(axis=1).astype(float))])


def test_with_more_scores_one_member_inherits_what_the_source_learned():
    stack = fitted(24, [source()])
    heir = stack.processes_[1]
    assert isinstance(heir, Inherited)
    assert len(stack.processes_) == 3
    rho, weights = stack.processes_[0].correlations, stack.processes_[0].weights
    assert heir.expected == pytest.approx(weights @ rho)
    learned = stack.signals_[0].process
    for root, relevance in zip(heir.relevances, learned.kernel.relevances):
        np.testing.assert_allclose(root**2, relevance)
    inputs = stack._heard(stack._inputs(stack.structure_.view(QUERIES[:4]), {}), QUERIES[:4], None)
    terms = terms_of(inputs, False)
    prior = heir.expected * inputs.signals[:, 0] + (1 - heir.expected) * inputs.slope * inputs.size
    scaled = type(terms)(
        tuple(x * root for x, root in zip(terms.matern, heir.relevances)), (*terms.linear, inputs.signals)
    )
    np.testing.assert_allclose(heir.predict(inputs)[0], prior + heir.gp.predict(scaled)[0])
