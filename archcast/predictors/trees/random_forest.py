"""Random forest on graph features (Breiman 2001); a strong classic baseline of predictor-based NAS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import register
from archcast.predictors.calibration import EACH
from archcast.predictors.parameters import Number, Whole
from archcast.predictors.regression import DEFAULT_ENCODING, FeatureRegressor
from archcast.predictors.trees._shares import share_of
from archcast.spaces.base import SearchSpace

__all__ = ["RandomForest"]

LEAST_FEATURES = 6
"""In spaces without cell graphs at least so many features are tried at each split: one or two say little of a handful."""


@register(
    "random-forest",
    summary="random forest; std from the spread of its trees",
    paper="Breiman 2001, https://doi.org/10.1023/A:1010933404324",
    family="trees",
    default=True,
)
class RandomForest(FeatureRegressor):
    """Random forest regression of rank-normal targets.

    ``mean`` is the average over the trees, ``std`` the standard deviation of the trees' predictions: each tree sees another
    bootstrap sample of the architectures.

    Args:
        space: search space.
        encoding: name of an encoding, or several.
        n_estimators: number of trees.
        max_features: share of the features tried at each split; in a space without cell graphs, where features are few, at least
            six are tried.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> forest = archcast.get_predictor("random-forest", space=space, random_state=0).init(archs, (archs == 3).sum(axis=1))
        >>> mean = forest.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    has_std = True
    beliefs = EACH

    parameters = {"n_estimators": Whole(1), "max_features": Number(0, 1, above=True)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = DEFAULT_ENCODING,
        n_estimators: int = 100,
        max_features: float = 0.1,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, encoding=encoding, random_state=random_state)
        self.n_estimators = n_estimators
        self.max_features = max_features

    def learn(self, features: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        from sklearn.ensemble import RandomForestRegressor

        self.forest_ = RandomForestRegressor(
            n_estimators=self.n_estimators,
            max_features=share_of(self._space, self.max_features, features.shape[1], LEAST_FEATURES),
            random_state=int(self._rng().integers(2**31)),
        ).fit(features, targets)

    def outside(
        self, features: NDArray[np.float64], targets: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """By the trees that have not seen a row; at least two are needed."""
        values = np.stack([tree.predict(features) for tree in self.forest_.estimators_])
        unseen = np.ones(values.shape, dtype=bool)
        for row, sample in zip(unseen, self.forest_.estimators_samples_, strict=True):
            row[sample] = False
        count = unseen.sum(axis=0)
        mean = np.where(unseen, values, 0.0).sum(axis=0) / np.maximum(count, 1)
        square = np.where(unseen, np.square(values - mean), 0.0).sum(axis=0) / np.maximum(count, 1)
        return np.where(count > 1, mean, np.nan), np.sqrt(square)

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        trees = np.stack([tree.predict(features) for tree in self.forest_.estimators_])
        return trees.mean(axis=0), trees.std(axis=0)
