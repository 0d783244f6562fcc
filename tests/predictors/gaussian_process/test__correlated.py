"""`gp` with sources, by a slow way to the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, multivariate_normal, norm

from archcast.errors import InvalidInputError
from archcast.evidence import Evidence, Source
from archcast.predictors.base import Predictor, get_predictor
from archcast.predictors.gaussian_process import _correlated
from archcast.predictors.gaussian_process._additive import JITTER
from archcast.predictors.gaussian_process._correlated import CORRELATIONS, CorrelatedGP, heard
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS = SPACE.sample(24, 3)
QUERIES = SPACE.sample(200, 9)


def task(archs, seed):
    """Scores that share most with those of other seeds, and a part of their own."""
    weights = np.random.default_rng(seed).normal(size=(6, 5))
    return 3.0 * (archs == 3).sum(axis=1) - 2.0 * (archs == 4).sum(axis=1) + weights[np.arange(6), archs].sum(axis=1)


def source(seed=1, n=100, space=SPACE):
    archs = space.sample(n, 5)
    return Source(space, archs, task(archs, seed))


def fitted(n, sources, space=SPACE):
    return get_predictor("gp", space).init(ARCHS[:n], task(ARCHS[:n], 2), sources=sources)


def log_prior(rho, skill):
    """Most sources are alike, as far as they can be told at all."""
    return np.log(0.85 * norm(0.65 * skill, 0.25).pdf(rho) + 0.15 * norm(0, 0.5).pdf(rho))


@pytest.mark.parametrize("count", [1, 2])
def test_posterior_by_hand(count):
    n, m = 8, 5
    gp = fitted(n, [source(k) for k in range(count)])
    model = gp.correlated_
    assert isinstance(model, CorrelatedGP)
    none = Evidence()
    a, b = gp._terms(ARCHS[:n], none), gp._terms(QUERIES[:m], none)
    told, asked = heard(gp.signals_, ARCHS[:n], none), heard(gp.signals_, QUERIES[:m], none)
    assert told.shape == (n, count)
    targets, logs, means, covariances = rank_normal(task(ARCHS[:n], 2)), [], [], []
    for k in range(count):
        for r in CORRELATIONS:
            covariance = (1 - r**2) * model.kernel(a, a) + 1 + (model.noise + JITTER) * np.eye(n)
            between = (1 - r**2) * model.kernel(b, a) + 1
            logs.append(
                multivariate_normal(r * told[:, k], covariance).logpdf(targets) + log_prior(r, gp.signals_[k].skill)
            )
            means.append(r * asked[:, k] + between @ np.linalg.solve(covariance, targets - r * told[:, k]))
            prior = (1 - r**2) * model.kernel(b, b) + 1
            covariances.append(prior - between @ np.linalg.solve(covariance, between.T))
    weights = np.exp(np.array(logs) - max(logs))
    weights /= weights.sum()
    mean, covariance = gp._posterior(QUERIES[:m])
    np.testing.assert_allclose(model.weights, weights, atol=1e-8)
    np.testing.assert_allclose(mean, weights @ means, atol=1e-6)
    expected = np.einsum("k,kij->ij", weights, covariances) + np.cov(np.array(means).T, aweights=weights, ddof=0)
    np.testing.assert_allclose(covariance, expected, atol=1e-6)
    np.testing.assert_allclose(model.answer(b, asked, np.zeros(m))[1], np.diag(expected) + model.noise, atol=1e-6)


def test_leave_one_out_is_the_answer_without_the_row():
    gp = fitted(9, [source()])
    model, targets, none = gp.correlated_, rank_normal(task(ARCHS[:9], 2)), Evidence()
    signals, keep = heard(gp.signals_, ARCHS[:9], none), np.arange(9) != 4
    terms, rest = gp._terms(ARCHS[:9], none), gp._terms(ARCHS[:9][keep], none)
    mean, variance = model.leave_one_out(targets)
    gram = model.kernel(terms, terms)
    means, variances = [], []
    for r in model.correlations:  # weights are those of all rows
        covariance = (1 - r**2) * gram + 1 + (model.noise + JITTER) * np.eye(9)
        solved = np.linalg.solve(covariance[np.ix_(keep, keep)], covariance[keep, 4])
        means.append(r * signals[4, 0] + solved @ (targets - r * signals[:, 0])[keep])
        variances.append(covariance[4, 4] - covariance[4, keep] @ solved)
    assert len(rest.matern[0]) == 8
    centre = model.weights @ means
    assert mean[4] == pytest.approx(centre, abs=1e-6)
    assert variance[4] == pytest.approx(model.weights @ (variances + np.square(means - centre)), abs=1e-6)


@pytest.mark.parametrize("space", ["nasbench201", "nats-size"])
def test_a_related_source_helps_and_its_correlation_is_found(space):
    space = get_space(space)
    rows, few, asked = space.sample(200, 5), space.sample(6, 3), space.sample(200, 9)
    worth = np.random.default_rng(0).normal(size=(len(space.cardinalities), max(space.cardinalities)))

    def scores(archs):
        return worth[np.arange(archs.shape[1]), archs].sum(axis=1)

    alone = get_predictor("gp", space).init(few, scores(few))
    shuffled = np.random.default_rng(1).permutation(scores(rows))
    helped, misled = (
        get_predictor("gp", space).init(few, scores(few), sources=[Source(space, rows, values)])
        for values in (scores(rows), shuffled)
    )
    taus = [kendalltau(gp.query(asked).mean, scores(asked)).statistic for gp in (alone, helped)]
    assert taus[1] > taus[0] + 0.15
    assert alone.correlations == []
    assert len(helped.correlations) == 1
    assert helped.correlations[0] > misled.correlations[0] + 0.1


def test_with_sources_it_is_saved_and_answers_jointly(tmp_path):
    gp = fitted(12, [source(n=40)])
    gp.save(tmp_path / "gp.npz")
    again = Predictor.load(tmp_path / "gp.npz")
    np.testing.assert_array_equal(again.query(QUERIES[:20]).mean, gp.query(QUERIES[:20]).mean)
    assert again.correlations == gp.correlations
    mean, covariance = gp.joint(QUERIES[:6], noise=True)
    answer = gp.query(QUERIES[:6])
    np.testing.assert_allclose(mean, answer.mean)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), answer.std, rtol=1e-6)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9


def test_initialised_again_without_sources_it_is_the_plain_one():
    gp = fitted(12, [source(n=40)]).init(ARCHS[:12], task(ARCHS[:12], 2))
    np.testing.assert_array_equal(gp.query(QUERIES[:9]).mean, fitted(12, None).query(QUERIES[:9]).mean)
    assert gp.correlations == []


@pytest.mark.parametrize("name", ["gp", "stack"])
def test_with_many_scores_sources_are_not_heard(name, monkeypatch):
    monkeypatch.setattr(_correlated, "HEARD", 11)
    few, many = (
        get_predictor(name, SPACE, random_state=0).init(ARCHS[:n], task(ARCHS[:n], 2), sources=[source(n=40)])
        for n in (11, 12)
    )
    assert len(few.correlations) == 1
    assert many.correlations == []
    plain = get_predictor(name, SPACE, random_state=0).init(ARCHS[:12], task(ARCHS[:12], 2))
    np.testing.assert_array_equal(many.query(QUERIES[:9]).mean, plain.query(QUERIES[:9]).mean)


def test_errors_in_one_line():
    other = get_space("nats-size").sample(20, 0)
    with pytest.raises(
        InvalidInputError, match=r"sources\[0\] is of space 'nats-size', the task of 'nasbench201', and no row"
    ):
        fitted(8, [Source("nats-size", other, other.sum(axis=1).astype(float))])
    with pytest.raises(InvalidInputError, match="SparseGP does not learn from other tasks: call init without sources"):
        get_predictor("sparse-gp", SPACE).init(ARCHS[:8], task(ARCHS[:8], 2), sources=[source(n=40)])
