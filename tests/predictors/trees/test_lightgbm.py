from __future__ import annotations

import builtins

import numpy as np
import pytest

from archcast.errors import MissingDependencyError
from archcast.predictors.base import get_predictor
from archcast.predictors.targets import rank_normal
from archcast.spaces.base import get_space

SPACE = get_space("nasbench201")
ARCHS, QUERIES = SPACE.sample(40, 0), SPACE.sample(30, 1)
SCORES = np.exp((ARCHS == 3).sum(axis=1))


def test_it_is_the_library_on_rank_normal_targets():
    lightgbm = pytest.importorskip("lightgbm")
    predictor = get_predictor("lightgbm", SPACE, encoding="graph-features", rounds=9, random_state=3).init(
        ARCHS, SCORES
    )
    model = lightgbm.LGBMRegressor(
        n_estimators=9,
        num_leaves=predictor.num_leaves,
        min_child_samples=predictor.min_data_in_leaf,
        min_data_in_bin=1,
        learning_rate=predictor.learning_rate,
        subsample=predictor.subsample,
        subsample_freq=1,
        colsample_bytree=predictor.colsample,
        random_state=int(np.random.default_rng(3).integers(2**31)),
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        verbosity=-1,
    ).fit(predictor.features_.matrix(ARCHS), rank_normal(SCORES))
    expected = predictor.scale_.backward(model.booster_.predict(predictor.features_.matrix(QUERIES)))
    np.testing.assert_allclose(predictor.query(QUERIES).mean, expected)


def test_without_the_package_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name == "lightgbm":
            raise ImportError("No module named 'lightgbm'")
        return real(name, *args, **kwargs)

    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingDependencyError, match=r"pip install 'archcast\[lightgbm\]'"):
        get_predictor("lightgbm", SPACE).init(ARCHS, SCORES)
