"""Once-for-All's regressor: its inputs, and that it learns accuracies and latencies of its own space."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

import archcast

SPACE = archcast.get_space("ofa-mobilenetv3")
ROWS = SPACE.sample(300, 0)
MACS = SPACE.costs(ROWS)["macs"]


def test_it_ranks_networks_by_what_they_cost() -> None:
    regressor = archcast.get_predictor("ofa-regressor", SPACE, hidden=(64, 64, 64), random_state=0)
    mean = regressor.init(ROWS[:200], MACS[:200]).query(ROWS[200:]).mean
    assert spearmanr(mean, MACS[200:])[0] > 0.9
    assert abs(mean / MACS[200:] - 1).mean() < 0.1


def test_the_scale_does_not_matter() -> None:
    answers = []
    for scale in (1e-6, 1.0):
        regressor = archcast.get_predictor("ofa-regressor", SPACE, hidden=(16,), epochs=10, random_state=0)
        answers.append(regressor.init(ROWS[:50], scale * MACS[:50] + 3).query(ROWS[:20]).mean)
    np.testing.assert_allclose((answers[0] - 3) / 1e-6, answers[1] - 3, rtol=1e-4)


def test_it_has_the_papers_layers() -> None:
    regressor = archcast.get_predictor("ofa-regressor", SPACE, epochs=1, random_state=0).init(ROWS[:20], MACS[:20])
    shapes = [value.shape[1:] for key, value in regressor.weights_.items() if key.endswith("weight")]
    decisions = archcast.get_encoding("one-hot", SPACE).transform(ROWS[:1]).shape[1]
    assert shapes == [(decisions, 400), (400, 400), (400, 400), (400, 1)]
