"""Flat trees answer as the libraries that grew them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor

from archcast.zoo.trees import Trees

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5)).astype(np.float32).astype(np.float64)
Y = X[:, 0] + np.sin(3 * X[:, 1]) + 0.1 * RNG.normal(size=120)
NEW = RNG.normal(size=(300, 5)).astype(np.float32).astype(np.float64)


def test_randomised_trees_are_those_of_scikit_learn():
    forest = ExtraTreesRegressor(60, min_samples_leaf=3, max_features=0.5, random_state=3).fit(X.astype(np.float32), Y)
    np.testing.assert_allclose(Trees.randomised(X, Y, 3).predict(NEW), forest.predict(NEW), atol=1e-5)


def test_boosted_trees_are_those_of_xgboost(monkeypatch):
    import xgboost

    kept = []
    train = xgboost.train
    monkeypatch.setattr(xgboost, "train", lambda *a, **k: kept.append(train(*a, **k)) or kept[-1])
    trees = Trees.boosted(X, Y, [True] + [False] * 4, 0)
    np.testing.assert_allclose(trees.predict(NEW), kept[0].inplace_predict(NEW.astype(np.float32)), atol=1e-4)


def test_they_rise_where_they_must():
    trees = Trees.boosted(X, Y, [True] + [False] * 4, 0)
    rows = np.repeat(NEW[:20], 50, axis=0)
    rows[:, 0] = np.tile(np.linspace(-3, 3, 50), 20)
    steps = np.diff(trees.predict(rows).reshape(20, 50), axis=1)
    assert (steps > -1e-5).all()


def test_damaged_arrays_are_refused():
    arrays = Trees.randomised(X, Y, 0, trees=2).arrays()
    assert np.array_equal(Trees.of(arrays, 5).predict(NEW), Trees.randomised(X, Y, 0, trees=2).predict(NEW))
    changes = {
        "feature": arrays["feature"] + 9,
        "left": np.zeros_like(arrays["left"]),
        "roots": arrays["roots"] + 10**6,
        "threshold": arrays["threshold"][:-1],
    }
    for name, value in changes.items():
        with pytest.raises(ValueError, match="its trees"):
            Trees.of({**arrays, name: value}, 5)
    far = arrays["left"].copy()
    far[far > 0] += 10**6
    with pytest.raises(ValueError, match="nodes that they do not have"):
        Trees.of({**arrays, "left": far}, 5)
