"""Gradient-boosted trees on the order of the scores (LambdaMART's pairwise loss)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from archcast.predictors.base import register
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.predictors.trees.xgboost import PAPER, XGBoost

__all__ = ["XGBoostRank"]

ALL_PAIRS, PARTNERS = 400, 32
"""Up to so many rows the ranking loss sums over all pairs; beyond, over so many random partners of each row."""

TIES = 1e-3
"""How far equal targets are drawn apart where their margins differ, in quantiles: the order of the margins is kept."""


@register(
    "xgboost-rank",
    summary="gradient-boosted trees on pairwise order",
    paper=f"{PAPER}; Burges 2010, MSR-TR-2010-82 (LambdaMART)",
    family="trees",
)
class XGBoostRank(XGBoost):
    """Gradient-boosted trees on the pairwise logistic loss: only the order of the scores is learned.

    All pairs count while that is cheap, then 32 random partners of each row. The margins are mapped to the scale of the scores by
    matching quantiles on the training rows: increasing, so the order of the predictions is that of the margins.

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
    """

    _objective = "rank:pairwise"

    def _params(self, n: int, width: int) -> dict[str, Any]:
        """Every pair of rows while that is cheap, then some random partners for each row."""
        if n <= ALL_PAIRS:
            pairs = {"lambdarank_pair_method": "topk", "lambdarank_num_pair_per_sample": n}
        else:
            pairs = {"lambdarank_pair_method": "mean", "lambdarank_num_pair_per_sample": PARTNERS}
        return super()._params(n, width) | pairs

    def learn(self, features: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        order = rankdata(targets, method="dense") - 1
        self.booster_ = self._boost(features, order, qid=np.zeros(len(order), dtype=np.int64))
        margins = np.sort(self._margin(features))
        distinct, first, count = np.unique(margins, return_index=True, return_counts=True)
        levels = np.sort(targets) + TIES * rank_normal(margins)
        sums = np.concatenate([[0.0], np.cumsum(levels)])
        self.margins_ = TargetScale(distinct, (sums[first + count] - sums[first]) / count)

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], None]:
        return self.margins_.forward(self._margin(features)), None
