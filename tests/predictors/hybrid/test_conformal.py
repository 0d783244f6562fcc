from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from archcast.errors import InvalidInputError, UnknownNameError
from archcast.predictors.base import Predictor, get_predictor
from archcast.predictors.hybrid.conformal import _factor
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS, QUERIES = SPACE.sample(60, 0), SPACE.sample(400, 1)


def score(archs, seed):
    noise = np.random.default_rng(seed).normal(size=len(archs))
    return 70 + 3.0 * (archs == 3).sum(axis=1) + (archs == 2).sum(axis=1) + noise


@pytest.mark.parametrize("name", ["xgboost", "bayesian-linear", "random-forest", "gp"])
def test_ninety_percent_of_random_scores_are_inside(name):
    answer = get_predictor(name, SPACE, calibrate=True, random_state=0).init(ARCHS, score(ARCHS, 2)).query(QUERIES)
    assert 0.82 < np.mean(np.abs(answer.mean - score(QUERIES, 3)) <= 1.645 * answer.std) < 0.97


@pytest.mark.parametrize(("name", "worth"), [("gp", 60), ("xgboost", 8)])
def test_std_by_hand(name, worth):
    found = get_predictor("conformal", SPACE, predictor=name, folds=3, random_state=7).init(ARCHS, score(ARCHS, 2))
    rng = np.random.default_rng(7)
    seed = int(rng.integers(2**31))
    fold = rng.permutation(60) % 3
    errors, means = [], []
    for k in range(3):
        part = get_predictor(name, SPACE, random_state=seed).init(ARCHS[fold != k], score(ARCHS, 2)[fold != k])
        answer = part.query(ARCHS[fold == k])
        errors += (np.abs(score(ARCHS, 2)[fold == k] - answer.mean) / (1 if name == "xgboost" else answer.std)).tolist()
        means += answer.mean.tolist()

    def share(mean):
        return (np.mean(np.array(means) < mean) + np.mean(np.array(means) <= mean)) / 2

    def level(mean, own=None):
        total = count = 0.0
        for i, (other, error) in enumerate(zip(means, errors, strict=True)):
            near = np.exp(-0.5 * ((share(mean) - share(other)) / 0.1) ** 2) * (i != own)
            total, count = total + near * np.sqrt(error), count + near
        return ((total + worth * np.mean(np.sqrt(errors))) / (count + worth)) ** 2

    left = [error / level(mean, i) for i, (mean, error) in enumerate(zip(means, errors, strict=True))]
    quantile = np.sort(left)[int(np.ceil(0.9 * 61 / 60 * 59))] / 1.645
    normal = (np.mean(np.sqrt(left)) / np.mean(np.sqrt(np.abs(ndtri((np.arange(10**5) + 0.5) / 10**5))))) ** 2
    factor = quantile ** (60 / 70) * normal ** (10 / 70)
    assert found.factor_ == pytest.approx(factor, rel=0.01)
    some = QUERIES[:20]
    whole = get_predictor(name, SPACE, random_state=seed).init(ARCHS, score(ARCHS, 2)).query(some)
    np.testing.assert_allclose(found.query(some).mean, whole.mean)
    std = np.ones(20) if name == "xgboost" else whole.std
    expected = factor * std * [level(mean) for mean in whole.mean]
    np.testing.assert_allclose(found.query(some).std, expected, rtol=0.02)


def test_intervals_are_narrow_where_errors_are_small():
    rows, queries = SPACE.sample(150, 4), SPACE.sample(600, 5)

    def truth(archs, seed):
        noise = np.random.default_rng(seed).normal(size=len(archs))
        convolutions = (archs >= 2).sum(axis=1)
        return 70 + 5.0 * convolutions + noise * np.where(convolutions > 2, 0.3, 4.0)

    answer = get_predictor("xgboost", SPACE, calibrate=True, random_state=0).init(rows, truth(rows, 6)).query(queries)
    inside = np.abs(answer.mean - truth(queries, 7)) <= 1.645 * answer.std
    low, high = np.array_split(np.argsort(answer.mean), 2)
    assert answer.std[high].mean() < 0.7 * answer.std[low].mean()
    assert inside[low].mean() > 0.8
    assert 0.8 < inside[high].mean() < 0.99


@pytest.mark.parametrize(("n", "share"), [(9, 0.87), (32, 0.93), (1000, 1.0)])
def test_the_width_of_few_normal_residuals_varies_less_than_their_quantile(n, share):
    rng = np.random.default_rng(n)
    residuals = np.abs(rng.normal(size=(2000, n)))
    found = np.array([_factor(row) for row in residuals])
    quantiles = np.quantile(residuals, min(1, 0.9 * (1 + 1 / n)), axis=1, method="higher") / 1.645
    assert found.std() < quantiles.std() * share
    assert np.mean(ndtr(1.645 * found) - ndtr(-1.645 * found)) == pytest.approx(0.9, abs=0.02)
    assert _factor(3 * residuals[0]) == pytest.approx(3 * found[0])
    assert _factor(np.zeros(n)) < 1e-100


def test_files_of_before_have_no_level(tmp_path):
    made = get_predictor("bayesian-linear", SPACE, calibrate=True, random_state=0).init(ARCHS, score(ARCHS, 2))
    made.level_ = None
    made.save(tmp_path / "c.npz")
    found, inside = Predictor.load(tmp_path / "c.npz"), made.predictor_.query(QUERIES)
    np.testing.assert_allclose(found.query(QUERIES).std, made.factor_ * inside.std)


def test_it_is_saved_with_the_predictor_inside(tmp_path):
    made = get_predictor("random-forest", SPACE, calibrate=True, n_estimators=5, random_state=0).init(
        ARCHS, score(ARCHS, 2)
    )
    made.save(tmp_path / "c.npz")
    again = Predictor.load(tmp_path / "c.npz")
    assert again.settings == {"n_estimators": 5}
    np.testing.assert_array_equal(again.query(QUERIES).std, made.query(QUERIES).std)


def test_what_cannot_be_wrapped_is_refused():
    with pytest.raises(InvalidInputError, match="not calibrated yet"):
        get_predictor("conformal", SPACE, predictor="conformal").init(ARCHS, score(ARCHS, 2))
    with pytest.raises(UnknownNameError, match="xgboost"):
        get_predictor("conformal", SPACE, predictor="xgbost").init(ARCHS, score(ARCHS, 2))
    with pytest.raises(InvalidInputError, match="no parameter 'n_trees'"):
        get_predictor("random-forest", SPACE, calibrate=True, n_trees=5)
