from __future__ import annotations

import numpy as np

from archcast.predictors.base import get_predictor
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")


def test_more_iterations_raise_the_likelihood_of_the_training_targets():
    """The variational posterior starts at the prior and has to be learned; accuracy beside ``gp`` is in test_sparse_gp."""
    archs = SPACE.sample(60, 0)
    scores = (archs == 3).sum(axis=1) + 0.01 * np.arange(60)
    error = []
    for iterations in (1, 40):
        gp = get_predictor("variational-gp", SPACE, random_state=0, iterations=iterations).init(archs, scores)
        error.append(np.abs(gp.query(archs).mean - scores).mean())
    assert error[1] < 0.8 * error[0]
