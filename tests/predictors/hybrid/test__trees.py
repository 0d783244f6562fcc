from __future__ import annotations

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from archcast.predictors.hybrid._trees import Boosting, Forest

from .conftest import SPACE


def test_out_of_bag_is_that_of_scikit_learn(rng):
    x, y = rng.normal(size=(40, 5)).astype(np.float32), rng.normal(size=40)
    forest, outside = Forest.fit(x, y, 3)
    theirs = ExtraTreesRegressor(80, max_features=0.5, bootstrap=True, oob_score=True, random_state=3).fit(x, y)
    np.testing.assert_allclose(outside, theirs.oob_prediction_)
    new = rng.normal(size=(7, 5)).astype(np.float32)
    np.testing.assert_allclose(forest.predict(new), theirs.predict(new))


def test_a_row_in_every_bag_gets_the_mean(rng):
    x, y = rng.normal(size=(5, 2)), np.arange(5.0)
    _, outside = Forest.fit(x, y, 0, trees=1)
    assert (outside == 2.0).sum() >= 1


def test_cross_validated_predictions_do_not_see_their_own_target(rng):
    x, y = rng.normal(size=(20, 4)), rng.normal(size=20)
    changed = y.copy()
    changed[7] += 100
    _, before = Boosting.fit(SPACE, x, y, 0)
    boosting, after = Boosting.fit(SPACE, x, changed, 0)
    assert before[7] == after[7]
    assert not np.array_equal(before, after)
    assert boosting.predict(x)[7] > 10
