"""How many features trees are shown at a time, and what it is worth where decisions act together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

import archcast
from archcast.predictors.trees._shares import share_of


def test_few_features_are_seen_in_larger_shares_where_there_is_no_graph() -> None:
    own, cells = archcast.Choices(width=[16, 32]), archcast.get_space("nasbench201")
    assert share_of(own, 0.15, 20, 10) == 0.5
    assert share_of(own, 0.15, 4, 10) == 1.0
    assert share_of(own, 0.15, 1000, 10) == 0.15
    assert share_of(own, 0.8, 20, 10) == 0.8
    assert share_of(own, 0.15, 0, 10) == 1.0
    assert share_of(cells, 0.15, 20, 10) == 0.15


@pytest.mark.parametrize("name", ["xgboost", "xgboost-rank", "random-forest"])
def test_decisions_that_act_together_are_learned(name: str) -> None:
    space = archcast.Choices({f"{letter}": [0, 1, 2, 3] for letter in "abcdef"})
    archs = space.sample(300, 0)
    scores = (archs[:, 0] - 1.5) * (archs[:, 1] - 1.5)  # neither tells anything by itself
    predictor = archcast.get_predictor(name, space, random_state=0).init(archs[:200], scores[:200])
    assert kendalltau(predictor.query(archs[200:]).mean, scores[200:]).statistic > 0.6
    assert np.corrcoef(archs[:, 0], scores)[0, 1] < 0.2
