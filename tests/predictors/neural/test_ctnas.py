"""The comparator against sums over pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.predictors import get_predictor
from archcast.predictors.neural._comparator import comparison
from archcast.predictors.neural.ctnas import wins
from archcast.spaces.base import get_space


def test_loss_is_the_cross_entropy_over_pairs(rng: np.random.Generator) -> None:
    outputs, targets = rng.normal(size=(4, 6)), rng.integers(0, 3, size=6).astype(float)
    weights = torch.ones(2, 6)
    weights[1, 4:] = 0
    found = comparison(torch.tensor(outputs), torch.tensor(targets), weights)
    for member, rows in enumerate((range(6), range(4))):
        losses = []
        for i in rows:
            for j in rows:
                if targets[i] != targets[j]:
                    p = 1 / (1 + np.exp(-outputs[member, i] - outputs[2 + member, j]))
                    losses.append(-np.log(p if targets[i] > targets[j] else 1 - p))
        assert found[member].item() == pytest.approx(np.mean(losses), rel=1e-6)
    assert comparison(torch.tensor(outputs), torch.ones(6), weights).tolist() == [0, 0]


def test_prediction_is_the_share_of_known_architectures_that_are_beaten(rng: np.random.Generator) -> None:
    own, other = rng.normal(size=5), rng.normal(size=9)
    expected = [np.mean([1 / (1 + np.exp(-a - b)) for b in other]) for a in own]
    np.testing.assert_allclose(wins(own, other), expected)
    space = get_space("nasbench201")
    archs = space.sample(30, 0)
    one = get_predictor("ctnas", space, random_state=0, n_members=2, hidden=12, epochs=40)
    one.init(archs, (archs == 3).sum(axis=1) - (archs == 1).sum(axis=1))
    assert one.against_.shape == (2, 30)
    shares = one._outputs(archs)
    assert ((shares > 0) & (shares < 1)).all()
    first, second = one._sides(archs)
    logits = first[:, :, None] + second[:, None, :]
    assert np.corrcoef(logits[0].ravel(), -logits[0].T.ravel())[0, 1] > 0.5, "the reverse pair has the opposite answer"
