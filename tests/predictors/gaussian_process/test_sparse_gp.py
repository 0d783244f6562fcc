from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from archcast.predictors.base import get_predictor
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS, QUERIES = SPACE.sample(60, 0), SPACE.sample(200, 1)


def score(archs):
    return 60 + 5.0 * (archs == 3).sum(axis=1) - 3.0 * (archs == 4).sum(axis=1)


@pytest.mark.parametrize("name", ["sparse-gp", "variational-gp"])
def test_it_answers_much_as_the_exact_one(name):
    exact = get_predictor("gp", SPACE).init(ARCHS, score(ARCHS)).query(QUERIES)
    sparse = get_predictor(name, SPACE, random_state=0, iterations=20).init(ARCHS, score(ARCHS)).query(QUERIES)
    assert kendalltau(exact.mean, sparse.mean).statistic > 0.85
    assert 0.5 < sparse.std.mean() / exact.std.mean() < 2


@pytest.mark.parametrize("name", ["sparse-gp", "variational-gp"])
def test_inducing_bounds_what_is_kept(name):
    gp = get_predictor(name, SPACE, random_state=0, iterations=1, inducing=7).init(ARCHS, score(ARCHS))
    assert gp.gp_.reduction.shape == (7, 7)
    assert np.isfinite(gp.query(QUERIES).mean).all()
