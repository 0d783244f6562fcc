"""Gradient-boosted trees grown leaf by leaf (Ke et al. 2017); needs the extra ``lightgbm``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import require
from archcast.predictors.base import register
from archcast.predictors.parameters import Number, Whole
from archcast.predictors.regression import DEFAULT_ENCODING, FeatureRegressor
from archcast.predictors.trees._shares import share_of
from archcast.predictors.trees.xgboost import LEAST_FEATURES
from archcast.spaces.base import SearchSpace

__all__ = ["LightGBM"]


@register(
    "lightgbm",
    summary="gradient-boosted trees grown leaf by leaf (extra: lightgbm)",
    paper="Ke et al. 2017, https://papers.nips.cc/paper/6907",
    family="trees",
)
class LightGBM(FeatureRegressor):
    """LightGBM regression trees on rank-normal targets, one thread, deterministic.

    Args:
        space: search space.
        encoding: name of an encoding, or several.
        rounds: number of trees.
        num_leaves: most leaves of a tree.
        min_data_in_leaf: fewest architectures in a leaf; the library's own 20 would stop any growth with few architectures.
        learning_rate: shrinkage of each tree.
        subsample: share of the rows that a tree sees.
        colsample: share of the features that a tree sees; in a space without cell graphs, where features are few, at least ten
            are seen.
        random_state: seed.

    Raises:
        MissingDependencyError: at init, if ``lightgbm`` is not installed.
    """

    parameters = {
        "rounds": Whole(1),
        "num_leaves": Whole(2),
        "min_data_in_leaf": Whole(1),
        "learning_rate": Number(0, 1, above=True),
        "subsample": Number(0, 1, above=True),
        "colsample": Number(0, 1, above=True),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = DEFAULT_ENCODING,
        rounds: int = 150,
        num_leaves: int = 8,
        min_data_in_leaf: int = 2,
        learning_rate: float = 0.1,
        subsample: float = 0.8,
        colsample: float = 0.15,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, encoding=encoding, random_state=random_state)
        self.rounds = rounds
        self.num_leaves = num_leaves
        self.min_data_in_leaf = min_data_in_leaf
        self.learning_rate = learning_rate
        self.subsample = subsample
        self.colsample = colsample

    def learn(self, features: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        lightgbm = require("lightgbm", extra="lightgbm", feature="Predictor 'lightgbm'")
        params = {
            "objective": "regression",
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_data_in_leaf,
            "min_data_in_bin": 1,
            "learning_rate": self.learning_rate,
            "bagging_fraction": self.subsample if len(targets) * self.subsample >= 2 else 1.0,
            "bagging_freq": 1,
            "feature_fraction": share_of(self._space, self.colsample, features.shape[1], LEAST_FEATURES),
            "seed": int(self._rng().integers(2**31)),
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        self.booster_ = lightgbm.train(params, lightgbm.Dataset(features, targets), self.rounds)

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], None]:
        return np.asarray(self.booster_.predict(features, num_threads=1), dtype=np.float64), None
