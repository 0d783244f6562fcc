"""Gradient-boosted trees (Chen & Guestrin 2016) on the scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import register
from archcast.predictors.parameters import Number, Whole
from archcast.predictors.regression import DEFAULT_ENCODING, FeatureRegressor
from archcast.predictors.trees._shares import share_of
from archcast.spaces.base import SearchSpace

__all__ = ["LEAST_FEATURES", "PAPER", "XGBoost"]

EXACT_ROWS = 256
"""Up to so many rows the exact splits are searched: faster than histograms with as many bins."""

LEAST_FEATURES = 10
"""In spaces without cell graphs a tree sees at least so many features: with one or two it would find no interactions."""

PAPER = "Chen & Guestrin 2016, https://arxiv.org/abs/1603.02754"


@register("xgboost", summary="gradient-boosted trees", paper=PAPER, family="trees", default=True)
class XGBoost(FeatureRegressor):
    """Gradient-boosted regression trees on rank-normal targets.

    One thread: with a few hundred rows more threads only wait for each other.

    Args:
        space: search space.
        encoding: name of an encoding, or several.
        rounds: number of trees.
        max_depth: of a tree.
        learning_rate: shrinkage of each tree.
        subsample: share of the rows that a tree sees.
        colsample: share of the features that a tree sees; in a space without cell graphs, where features are few, at least ten
            are seen.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> trees = archcast.get_predictor("xgboost", space=space, random_state=0).init(archs, (archs == 3).sum(axis=1))
        >>> mean = trees.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    _objective = "reg:squarederror"

    parameters = {
        "rounds": Whole(1),
        "max_depth": Whole(1),
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
        max_depth: int = 3,
        learning_rate: float = 0.1,
        subsample: float = 0.8,
        colsample: float = 0.15,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, encoding=encoding, random_state=random_state)
        self.rounds = rounds
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.subsample = subsample
        self.colsample = colsample

    def learn(self, features: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        self.booster_ = self._boost(features, targets)

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], None]:
        return self._margin(features), None

    def _params(self, n: int, width: int) -> dict[str, Any]:
        """Parameters of the library, for ``n`` training rows of ``width`` features."""
        return {
            "objective": self._objective,
            "base_score": 0.0,
            "max_depth": self.max_depth,
            "eta": self.learning_rate,
            "subsample": self.subsample,
            "colsample_bytree": share_of(self._space, self.colsample, width, LEAST_FEATURES),
            "tree_method": "exact" if n <= EXACT_ROWS else "hist",
            "seed": int(self._rng().integers(2**31)),
            "nthread": 1,
            "verbosity": 0,
        }

    def _boost(self, features: NDArray[np.float64], labels: NDArray[np.float64], **groups: Any) -> Any:
        import xgboost

        data = xgboost.DMatrix(features, labels, nthread=1, **groups)
        return xgboost.train(self._params(*features.shape), data, self.rounds)

    def _margin(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(n,)`` sums of the leaves' values."""
        return self.booster_.inplace_predict(features, predict_type="margin").astype(np.float64)
