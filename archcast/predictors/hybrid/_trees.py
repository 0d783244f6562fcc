"""The trees of `stack`, a forest and boosting: each says what it would have predicted for a row it had not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.persistence import saved
from archcast.predictors.trees.xgboost import XGBoost
from archcast.spaces.base import SearchSpace

__all__ = ["Boosting", "Forest"]

Array = NDArray[np.float64]


@saved("forest")
@dataclass(frozen=True, eq=False)
class Forest:
    """Extremely randomised trees (Geurts et al. 2006, https://doi.org/10.1007/s10994-006-6226-1), each on a bootstrap sample.

    Attributes:
        forest: scikit-learn's ``ExtraTreesRegressor``.
    """

    forest: Any

    @classmethod
    def fit(cls, features: Array, targets: Array, seed: int, *, trees: int = 80) -> tuple[Forest, Array]:
        """Fit ``(n, k)`` features to ``(n,)`` targets; returns the member and its out-of-bag predictions ``(n,)``."""
        from sklearn.ensemble import ExtraTreesRegressor

        forest = ExtraTreesRegressor(trees, max_features=0.5, bootstrap=True, random_state=seed)
        forest.fit(features, targets)
        values = _by_tree(forest, features)
        outside = np.ones(values.shape, dtype=bool)
        for row, sample in zip(outside, forest.estimators_samples_, strict=True):
            row[sample] = False
        count = outside.sum(axis=0)
        some = np.where(outside, values, 0.0).sum(axis=0) / np.maximum(count, 1)
        return cls(forest), np.where(count > 0, some, targets.mean())

    def predict(self, features: Array) -> Array:
        """``(n,)`` mean over the trees."""
        return np.asarray(_by_tree(self.forest, features).mean(axis=0))


def _by_tree(forest: Any, features: Array) -> Array:
    """``(trees, n)`` predictions, without the threads and checks of the library's own loop."""
    rows = np.ascontiguousarray(features, dtype=np.float32)
    return np.array([tree.tree_.predict(rows)[:, 0] for tree in forest.estimators_])


@saved("boosting")
@dataclass(frozen=True, eq=False)
class Boosting:
    """Gradient-boosted trees, as the predictor `xgboost`.

    Attributes:
        trees: fitted on all rows.
    """

    trees: XGBoost

    @classmethod
    def fit(
        cls, space: SearchSpace, features: Array, targets: Array, seed: int, *, folds: int = 4
    ) -> tuple[Boosting, Array]:
        """Fit ``(n, k)`` features to ``(n,)`` targets; returns the member and its cross-validated predictions ``(n,)``."""

        def trees(rows: NDArray[np.intp]) -> XGBoost:
            out = XGBoost(space, random_state=seed)
            out.learn(features[rows], targets[rows])
            return out

        n = len(targets)
        fold = np.random.default_rng(seed).permutation(n) % min(folds, n)
        outside = np.empty(n)
        for k in range(fold.max() + 1):
            there = fold == k
            outside[there] = trees(np.flatnonzero(~there)).answer(features[there])[0]
        return cls(trees(np.arange(n))), outside

    def predict(self, features: Array) -> Array:
        """``(n,)`` sums of the leaves' values."""
        return self.trees.answer(features)[0]
