from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from archcast.predictors.base import get_predictor
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS, QUERIES = SPACE.sample(40, 0), SPACE.sample(30, 1)
SCORES = np.exp((ARCHS == 3).sum(axis=1))


def test_it_is_sklearns_forest_on_rank_normal_targets():
    predictor = get_predictor("random-forest", SPACE, encoding="graph-features", n_estimators=7, random_state=3)
    predictor.init(ARCHS, SCORES)
    seed = int(np.random.default_rng(3).integers(2**31))
    forest = RandomForestRegressor(n_estimators=7, max_features=predictor.max_features, random_state=seed)
    forest.fit(predictor.features_.matrix(ARCHS), rank_normal(SCORES))
    x = predictor.features_.matrix(QUERIES)
    trees = np.array([tree.predict(x) for tree in forest.estimators_])
    std = predictor.calibration_(forest.predict(x), trees.std(axis=0))
    expected = predictor.scale_.prediction(forest.predict(x), std)
    np.testing.assert_allclose(predictor.query(QUERIES).mean, expected.mean)
    np.testing.assert_allclose(predictor.query(QUERIES).std, expected.std)


def test_the_seed_matters():
    a, b = (get_predictor("random-forest", SPACE, random_state=s).init(ARCHS, SCORES).query(QUERIES) for s in (0, 1))
    assert not np.array_equal(a.mean, b.mean)
