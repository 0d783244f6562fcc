"""OMNI (White et al. 2021): one model of each family of predictors in one; `omni+` is archcast's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Pool
from archcast.predictors.base import Prediction, register
from archcast.predictors.features import FeatureGroups
from archcast.predictors.hybrid._omni import OmniPredictor
from archcast.predictors.parameters import Encoding, Number, Whole
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.predictors.trees.ngboost import NGBoost, tuned
from archcast.spaces.base import SearchSpace

__all__ = ["Omni"]

TREES, SHARES = (50, 100), (0.3, 1.0)
"""Boosting steps, and shares of the features tried at a split, that are searched."""

FEWEST = 6
"""With fewer architectures nothing is searched: there are 100 steps, and all features are tried."""


@register(
    "omni",
    summary="natural gradient boosting on encoding, SoTL-E and Jacobian covariance",
    paper="White et al. 2021, https://arxiv.org/abs/2104.01177",
    family="hybrid",
    default=True,
)
class Omni(OmniPredictor):
    """OMNI, the omnipotent predictor (White et al. 2021, https://arxiv.org/abs/2104.01177).

    Init: of each trained architecture, its encoding x, the SoTL-E s of the first ``epochs`` epochs and the Jacobian covariance j
    of its untrained network; NGBoost learns [x, s, j] -> score. Query: the architecture is trained for ``epochs`` epochs,
    scored untrained, and predicted.

    As the authors do, the number of trees and the share of the features that a split tries are searched by cross-validation, see
    :func:`~archcast.predictors.trees.ngboost.tuned`. Departures: the search has four pairs, not 35 random settings of seven
    hyperparameters; depth, learning rate and share of the rows are those of the predictor ``ngboost``; targets are rank-normal.

    Args:
        space: search space.
        encoding: name of an encoding, or several; the paper's is the adjacency matrix with one-hot operations.
        n_estimators: boosting steps; ``None`` searches.
        max_features: share of the features that is tried at each split; ``None`` searches.
        without: the part that is left out, to see what it is worth: ``"curve"``, ``"proxy"``, ``"encoding"`` or ``None``.
        window: E of SoTL-E, the sum of the last E training losses; the paper's is 1.
        scoring: parameters of ``zero-cost``, for a Jacobian covariance that is not given; ``None`` takes its own.
        signal: name of the curve.
        epochs: epochs of the curve that are used.
        total_epochs: epochs of a full training; it plays no part here.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> import numpy as np
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> scores = (archs == 3).sum(axis=1)
        >>> losses = 2.0 - 0.1 * scores[:, None] * np.arange(1, 9)
        >>> evidence = archcast.Evidence({"train_loss": losses}, {"jacob_cov": -scores})
        >>> predictor = archcast.get_predictor("omni", space, epochs=2, random_state=0).init(archs, scores, evidence)
        >>> bool(np.corrcoef(predictor.query(archs, evidence).mean, scores)[0, 1] > 0.9)
        True
    """

    has_std = True

    parameters = {
        "encoding": Encoding(),
        "n_estimators": Whole(1, optional=True),
        "max_features": Number(0, 1, above=True, optional=True),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = "adjacency",
        n_estimators: int | None = None,
        max_features: float | None = None,
        without: str | None = None,
        window: int = 1,
        scoring: Mapping[str, Any] | None = None,
        signal: str = "train_loss",
        epochs: int = 5,
        total_epochs: int | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            space,
            without=without,
            window=window,
            scoring=scoring,
            signal=signal,
            epochs=epochs,
            total_epochs=total_epochs,
            random_state=random_state,
        )
        self.encoding = encoding
        self.n_estimators = n_estimators
        self.max_features = max_features

    def _fit(
        self,
        archs: NDArray[np.int64],
        columns: NDArray[np.float64],
        scores: NDArray[np.float64],
        pool: Pool | None,
        rng: np.random.Generator,
    ) -> None:
        left_out = self.without == "encoding"
        self.features_ = None if left_out else FeatureGroups.of(self._space, self.encoding, pool=pool)
        self.scale_ = TargetScale.of_scores(scores)
        seed = int(rng.integers(2**31))
        features, targets = self._matrix(archs, columns), rank_normal(scores)
        trees = TREES if self.n_estimators is None else (self.n_estimators,)
        shares = SHARES if self.max_features is None else (self.max_features,)
        model = NGBoost(self.space, n_estimators=trees[-1], col_sample=1.0, max_features=shares[-1], random_state=seed)
        searches = len(trees) * len(shares) > 1 and len(scores) >= FEWEST
        self.model_ = tuned(model, features, targets, trees, shares, rng) if searches else model
        self.model_.learn(features, targets)

    def _answer(self, archs: NDArray[np.int64], columns: NDArray[np.float64]) -> Prediction:
        mean, std = self.model_.answer(self._matrix(archs, columns))
        return self.scale_.prediction(mean, std)

    def _matrix(self, archs: NDArray[np.int64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
        return columns if self.features_ is None else np.hstack([self.features_.matrix(archs), columns])
