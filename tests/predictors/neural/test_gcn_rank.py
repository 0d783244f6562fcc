"""The ranking loss as a predictor."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.predictors import get_predictor
from archcast.predictors.neural import _gcn
from archcast.predictors.neural.losses import LOSSES
from archcast.spaces.base import get_space

OPTIONS = {"random_state": 0, "n_members": 3, "hidden": 12, "epochs": 40}


def test_members_are_standardised_over_the_training_rows() -> None:
    space = get_space("nasbench201")
    archs, queries = space.sample(30, 0), space.sample(8, 1)
    rank = get_predictor("gcn-rank", space, **OPTIONS).init(archs, (archs == 3).sum(axis=1))
    train, new = _gcn.outputs(space, archs, rank.weights_), _gcn.outputs(space, queries, rank.weights_)
    members = (new - train.mean(axis=1, keepdims=True)) / train.std(axis=1, keepdims=True)
    np.testing.assert_allclose(
        rank.query(queries).mean,
        rank.scale_.prediction(
            members.mean(axis=0), np.sqrt(members.var(axis=0) + rank.noise_(members.mean(axis=0)))
        ).mean,
    )


def test_it_minimises_the_ranking_loss_and_its_parent_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    space = get_space("nasbench201")
    archs = space.sample(30, 0)
    calls = []
    for name, loss in list(LOSSES.items()):
        monkeypatch.setitem(LOSSES, name, lambda *args, name=name, loss=loss: calls.append(name) or loss(*args))
    for predictor, expected in (("gcn-rank", "hinge"), ("gcn", "squared")):
        calls.clear()
        get_predictor(predictor, space, **OPTIONS).init(archs, (archs == 3).sum(axis=1))
        assert set(calls) == {expected}
        assert len(calls) == OPTIONS["epochs"]


def test_training_rows_come_out_in_order() -> None:
    space = get_space("nasbench201")
    archs = np.unique(space.canonical(space.sample(25, 0)), axis=0)
    scores = np.random.default_rng(0).normal(size=len(archs))
    mean = (
        get_predictor("gcn-rank", space, random_state=0, n_members=1, epochs=150).init(archs, scores).query(archs).mean
    )
    pairs = scores[:, None] > scores
    assert (mean[:, None] > mean)[pairs].mean() > 0.95
