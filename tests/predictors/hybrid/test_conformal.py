from __future__ import annotations

import numpy as np
import pytest

from archcast.errors import InvalidInputError, UnknownNameError
from archcast.predictors.base import Predictor, get_predictor
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


def test_factor_by_hand():
    found = get_predictor("conformal", SPACE, predictor="gp", folds=3, random_state=7).init(ARCHS, score(ARCHS, 2))
    rng = np.random.default_rng(7)
    rng.integers(2**31)
    fold = rng.permutation(60) % 3
    errors = []
    for k in range(3):
        gp = get_predictor("gp", SPACE).init(ARCHS[fold != k], score(ARCHS, 2)[fold != k])
        answer = gp.query(ARCHS[fold == k])
        errors += (np.abs(score(ARCHS, 2)[fold == k] - answer.mean) / answer.std).tolist()
    assert found.factor_ == pytest.approx(np.sort(errors)[int(np.ceil(0.9 * 61 / 60 * 59))] / 1.645)
    whole = get_predictor("gp", SPACE).init(ARCHS, score(ARCHS, 2)).query(QUERIES)
    np.testing.assert_allclose(found.query(QUERIES).mean, whole.mean)
    np.testing.assert_allclose(found.query(QUERIES).std, found.factor_ * whole.std)


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
