"""Random forest on an encoding (Breiman 2001); a strong classic baseline of predictor-based NAS."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings.base import get_encoding
from archcast.predictors.base import Prediction, Predictor, register
from archcast.predictors.evidence import Evidence, Pool
from archcast.spaces.base import SearchSpace

__all__ = ["RandomForest"]


@register(
    "random-forest",
    summary="random forest; std from the spread of its trees",
    paper="Breiman 2001, https://doi.org/10.1023/A:1010933404324",
    family="trees",
)
class RandomForest(Predictor):
    """Random forest regression.

    ``mean`` is the average over the trees, ``std`` the standard deviation of the trees' predictions.

    Args:
        space: search space.
        encoding: registry name of the encoding.
        n_estimators: number of trees.
        max_features: share of the features tried at each split.
        random_state: seed.
    """

    has_std = True

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str = "adjacency",
        n_estimators: int = 100,
        max_features: float = 0.5,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.encoding = encoding
        self.n_estimators = n_estimators
        self.max_features = max_features

    def _init(
        self, archs: NDArray[np.int64], scores: NDArray[np.float64], evidence: Evidence, pool: Pool | None
    ) -> None:
        from sklearn.ensemble import RandomForestRegressor

        features = get_encoding(self.encoding, self._space).transform(archs)
        self.forest_ = RandomForestRegressor(
            n_estimators=self.n_estimators,
            max_features=self.max_features,
            random_state=int(self._rng().integers(2**31)),
        ).fit(features, scores)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        features = get_encoding(self.encoding, self._space).transform(archs)
        trees = np.stack([tree.predict(features) for tree in self.forest_.estimators_])
        return Prediction(trees.mean(axis=0), trees.std(axis=0))
