from __future__ import annotations

import numpy as np
import pytest
from ngboost import NGBRegressor
from sklearn.tree import DecisionTreeRegressor

from archcast.predictors.base import get_predictor
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS, QUERIES = SPACE.sample(40, 0), SPACE.sample(30, 1)
SCORES = np.exp((ARCHS == 3).sum(axis=1))


def test_it_is_the_library_on_rank_normal_targets():
    predictor = get_predictor("ngboost", SPACE, encoding="graph-features", n_estimators=6, random_state=3)
    predictor.init(ARCHS, SCORES)
    state = np.random.RandomState(int(np.random.default_rng(3).integers(2**31)))
    tree = DecisionTreeRegressor(
        max_depth=predictor.max_depth, min_samples_leaf=predictor.min_samples_leaf, random_state=state
    )
    model = NGBRegressor(
        Base=tree,
        n_estimators=6,
        learning_rate=predictor.learning_rate,
        minibatch_frac=predictor.minibatch_frac,
        col_sample=predictor.col_sample,
        random_state=state,
        verbose=False,
    ).fit(predictor.features_.matrix(ARCHS), rank_normal(SCORES))
    normal = model.pred_dist(predictor.features_.matrix(QUERIES))
    prediction = predictor.query(QUERIES)
    np.testing.assert_allclose(prediction.mean, predictor.scale_.prediction(normal.loc, normal.scale).mean)
    std = predictor.twins_(predictor._space, QUERIES, predictor.calibration_(normal.loc, normal.scale))
    np.testing.assert_allclose(prediction.std, predictor.scale_.prediction(normal.loc, std).std)


@pytest.mark.parametrize("n", [1, 5])
def test_equal_scores_have_no_width_to_learn(n):
    prediction = get_predictor("ngboost", SPACE, random_state=0).init(ARCHS[:n], np.full(n, 7.0)).query(QUERIES)
    np.testing.assert_allclose(prediction.mean, 7)


@pytest.mark.parametrize("n", [4, 5, 7])
def test_few_architectures_can_be_told_apart(n):
    """A step that sees half of five rows could not split them into leaves of two: every answer was the same."""
    order = np.argsort(SCORES)
    rows = ARCHS[order[np.linspace(0, len(order) - 1, n).astype(int)]]
    predictor = get_predictor("ngboost", SPACE, random_state=0).init(rows, np.arange(n))
    assert np.ptp(predictor.query(QUERIES).mean) > 0
    assert predictor.query(rows).mean[-1] > predictor.query(rows).mean[0]
