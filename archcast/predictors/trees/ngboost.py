"""Natural gradient boosting (Duan et al. 2020): trees that predict a distribution; the model inside OMNI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from archcast.predictors.base import register
from archcast.predictors.parameters import Number, Whole
from archcast.predictors.regression import DEFAULT_ENCODING, FeatureRegressor
from archcast.spaces.base import SearchSpace

__all__ = ["NGBoost", "tuned"]

FOLDS = 3
"""Folds of the cross-validation that chooses a setting."""


@register(
    "ngboost",
    summary="natural gradient boosting of a normal distribution",
    paper="Duan et al. 2020, https://arxiv.org/abs/1910.03225",
    family="trees",
    default=True,
)
class NGBoost(FeatureRegressor):
    """Natural gradient boosting: trees for the mean and for the logarithm of the std of a normal distribution.

    With few architectures the std comes out too small: on NAS-Bench-201, intervals meant to hold 90 % of the scores held about
    half of them at 10 and 32 architectures, 71 % at 100 and 92 % at 1,000.

    Args:
        space: search space.
        encoding: name of an encoding, or several.
        n_estimators: boosting steps, each a tree for the mean and one for the log std.
        max_depth: of a tree.
        min_samples_leaf: fewest architectures in a leaf; twice as many are needed to tell any two apart.
        learning_rate: shrinkage of each step.
        minibatch_frac: share of the rows that a step sees; never fewer than a split needs.
        col_sample: share of the features that a step sees.
        max_features: share of these that is tried at each split.
        random_state: seed.
    """

    has_std = True
    refits = 3

    parameters = {
        "n_estimators": Whole(1),
        "max_depth": Whole(1),
        "min_samples_leaf": Whole(1),
        "learning_rate": Number(0, 1, above=True),
        "minibatch_frac": Number(0, 1, above=True),
        "col_sample": Number(0, 1, above=True),
        "max_features": Number(0, 1, above=True),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = DEFAULT_ENCODING,
        n_estimators: int = 100,
        max_depth: int = 3,
        min_samples_leaf: int = 2,
        learning_rate: float = 0.03,
        minibatch_frac: float = 0.5,
        col_sample: float = 0.2,
        max_features: float = 1.0,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, encoding=encoding, random_state=random_state)
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.learning_rate = learning_rate
        self.minibatch_frac = minibatch_frac
        self.col_sample = col_sample
        self.max_features = max_features

    def learn(self, features: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        from ngboost import NGBRegressor
        from sklearn.tree import DecisionTreeRegressor

        self.boost_ = None
        if np.ptp(targets) == 0:  # one architecture or equal scores: a normal distribution has no width
            return
        state = np.random.RandomState(int(self._rng().integers(2**31)))
        share = min(1.0, max(self.minibatch_frac, (2 * self.min_samples_leaf + 0.5) / len(targets)))
        boost = NGBRegressor(
            Base=DecisionTreeRegressor(
                max_depth=self.max_depth,
                min_samples_leaf=self.min_samples_leaf,
                max_features=self.max_features,
                random_state=state,
            ),
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            minibatch_frac=share,
            col_sample=self.col_sample,
            random_state=state,
            verbose=False,
        )
        # its line search may try a std without bounds, and takes it back
        with np.errstate(over="ignore", invalid="ignore"):
            self.boost_ = boost.fit(features, targets)

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.boost_ is None:
            return np.zeros(len(features)), np.ones(len(features))
        normal = self.boost_.pred_dist(features).params
        return normal["loc"], normal["scale"]


def tuned(
    model: NGBoost,
    features: NDArray[np.float64],
    targets: NDArray[np.float64],
    trees: Sequence[int],
    shares: Sequence[float],
    rng: np.random.Generator,
) -> NGBoost:
    """``model``, not fitted, with the number of steps and the share of features tried at a split that suit the data best.

    Every pair of them is cross-validated in three folds; the one with the least negative log-likelihood wins. One fit with the
    most steps tells of all fewer ones.

    Args:
        model: settings that are kept.
        features: ``(n, k)``.
        targets: ``(n,)``.
        trees: numbers of steps to choose from.
        shares: shares of the features to choose from.
        rng: draws the folds.
    """
    fold = rng.permutation(len(targets)) % FOLDS
    losses = np.zeros((len(shares), len(trees)))
    for row, share in zip(losses, shares, strict=True):
        for k in range(FOLDS):
            seen, left_out = fold != k, fold == k
            trial = clone(model).set_params(max_features=share, n_estimators=max(trees))
            trial.learn(features[seen], targets[seen])
            if trial.boost_ is None:
                continue
            for step, normal in enumerate(trial.boost_.staged_pred_dist(features[left_out]), start=1):
                if step in trees:
                    row[trees.index(step)] -= normal.logpdf(targets[left_out]).sum()
    share, step = divmod(int(losses.argmin()), len(trees))
    return clone(model).set_params(max_features=shares[share], n_estimators=trees[step])
