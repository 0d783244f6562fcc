from __future__ import annotations

import numpy as np
import pytest

from archcast.encodings.base import ENCODINGS
from archcast.evidence import Evidence
from archcast.predictors.base import PREDICTORS
from archcast.predictors.features import suited
from archcast.predictors.regression import DEFAULT_ENCODING, FeatureRegressor
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import SPACES, get_space

SPACE = get_space("nasbench201")
ARCHS, QUERIES = SPACE.sample(20, 0), SPACE.sample(9, 1)
SCORES = np.exp(np.arange(20.0))


class Nearest(FeatureRegressor):
    """Keeps what it is given and answers with the target of the nearest training row."""

    has_std = True

    def __init__(self, space, *, encoding="adjacency", random_state=None):
        super().__init__(space, encoding=encoding, random_state=random_state)

    def learn(self, features, targets):
        self.seen_ = (features, targets)

    def answer(self, features):
        features_, targets = self.seen_
        nearest = ((features[:, None] - features_[None]) ** 2).sum(axis=2).argmin(axis=1)
        return targets[nearest], np.full(len(features), 0.1)


def test_features_and_targets_are_prepared_and_mapped_back():
    evidence = Evidence(proxies={"flops": np.arange(20.0)})
    predictor = Nearest(SPACE).init(ARCHS, SCORES, evidence)
    features, targets = predictor.seen_
    np.testing.assert_array_equal(features, predictor.features_.matrix(ARCHS, evidence))
    assert features.shape == (20, 31)
    np.testing.assert_array_equal(targets, rank_normal(SCORES))
    prediction = predictor.query(ARCHS, evidence)
    np.testing.assert_allclose(prediction.mean, SCORES)
    assert (prediction.std > 0).all()


@pytest.mark.parametrize("space", sorted({SPACES.index[name]: name for name in reversed(SPACES.names())}.values()))
def test_default_encodings_serve_every_space(space):
    space = get_space(space)
    assert set(suited(DEFAULT_ENCODING, space)) <= set(ENCODINGS.names())
    archs = space.sample(15, 0)
    gp = PREDICTORS["gp"](space).init(archs, archs.sum(axis=1))
    assert np.isfinite(gp.query(space.sample(5, 1)).mean).all()
