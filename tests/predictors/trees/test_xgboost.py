from __future__ import annotations

import numpy as np
import pytest
import xgboost
from scipy.stats import kendalltau, rankdata

from archcast.predictors.base import get_predictor
from archcast.predictors.targets import rank_normal
from archcast.predictors.trees import xgboost_rank as ranks
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS, QUERIES = SPACE.sample(40, 0), SPACE.sample(30, 1)
SCORES = np.exp((ARCHS == 3).sum(axis=1) + 0.3 * (ARCHS == 2).sum(axis=1))


def seed_of(random_state):
    return int(np.random.default_rng(random_state).integers(2**31))


def test_it_is_the_library_on_rank_normal_targets():
    predictor = get_predictor("xgboost", SPACE, encoding="graph-features", rounds=9, random_state=3).init(ARCHS, SCORES)
    model = xgboost.XGBRegressor(
        n_estimators=9,
        max_depth=predictor.max_depth,
        learning_rate=predictor.learning_rate,
        subsample=predictor.subsample,
        colsample_bytree=predictor.colsample,
        tree_method="exact",
        base_score=0.0,
        random_state=seed_of(3),
        n_jobs=1,
    ).fit(predictor.features_.matrix(ARCHS), rank_normal(SCORES))
    expected = predictor.scale_.backward(model.predict(predictor.features_.matrix(QUERIES)).astype(float))
    np.testing.assert_allclose(predictor.query(QUERIES).mean, expected, rtol=1e-5)


def test_ranking_is_the_library_on_ranks_and_mapped_monotonically():
    predictor = get_predictor("xgboost-rank", SPACE, encoding="graph-features", rounds=9, random_state=3)
    predictor.init(ARCHS, SCORES)
    model = xgboost.XGBRanker(
        objective="rank:pairwise",
        lambdarank_pair_method="topk",
        lambdarank_num_pair_per_sample=40,
        n_estimators=9,
        max_depth=predictor.max_depth,
        learning_rate=predictor.learning_rate,
        subsample=predictor.subsample,
        colsample_bytree=predictor.colsample,
        tree_method="exact",
        base_score=0.0,
        random_state=seed_of(3),
        n_jobs=1,
    ).fit(predictor.features_.matrix(ARCHS), rankdata(SCORES, method="dense") - 1, qid=np.zeros(40, int))
    margins = model.predict(predictor.features_.matrix(QUERIES), output_margin=True)
    mean = predictor.query(QUERIES).mean
    assert kendalltau(mean, margins).statistic == pytest.approx(1)
    np.testing.assert_array_equal(mean.argsort(kind="stable"), margins.argsort(kind="stable"))


def test_ranking_answers_on_the_scale_of_the_scores():
    predictor = get_predictor("xgboost-rank", SPACE, random_state=0).init(ARCHS, SCORES)
    mean = np.sort(predictor.query(ARCHS).mean)
    np.testing.assert_allclose(np.median(mean), np.median(SCORES), rtol=0.3)
    assert mean.min() >= SCORES.min() - np.ptp(SCORES) / 10
    assert mean.max() <= SCORES.max() + np.ptp(SCORES) / 10


def test_ranking_only_sees_the_order():
    a = get_predictor("xgboost-rank", SPACE, random_state=0).init(ARCHS, SCORES)
    b = get_predictor("xgboost-rank", SPACE, random_state=0).init(ARCHS, np.log(SCORES) * 7 - 3)
    assert kendalltau(a.query(QUERIES).mean, b.query(QUERIES).mean).statistic == pytest.approx(1)


def test_ties_get_one_value():
    scores = np.repeat([1.0, 2.0], 20)
    predictor = get_predictor("xgboost-rank", SPACE, random_state=0).init(np.repeat(ARCHS[:2], 20, axis=0), scores)
    mean = predictor.query(ARCHS[:2]).mean
    np.testing.assert_allclose(mean, [1.0, 2.0], atol=2e-3)


def test_many_rows_take_histograms_and_random_partners():
    predictor = get_predictor("xgboost-rank", SPACE, random_state=0)
    few, many = predictor._params(10, 20), predictor._params(ranks.ALL_PAIRS + 1, 20)
    assert (few["tree_method"], many["tree_method"]) == ("exact", "hist")
    assert (few["lambdarank_pair_method"], few["lambdarank_num_pair_per_sample"]) == ("topk", 10)
    assert (many["lambdarank_pair_method"], many["lambdarank_num_pair_per_sample"]) == ("mean", ranks.PARTNERS)
    archs = SPACE.sample(ranks.ALL_PAIRS + 1, 0)
    fitted = get_predictor("xgboost-rank", SPACE, random_state=0, rounds=20).init(archs, (archs == 3).sum(axis=1))
    assert kendalltau(fitted.query(QUERIES).mean, (QUERIES == 3).sum(axis=1)).statistic > 0.5
