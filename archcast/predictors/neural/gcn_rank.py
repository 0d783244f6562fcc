"""The graph convolutional predictor with a ranking loss (Ning et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import register
from archcast.predictors.neural.gcn import GCN

if TYPE_CHECKING:
    from archcast.predictors.neural._gcn import Loss

__all__ = ["RankGCN"]


@register(
    "gcn-rank",
    summary="ensemble of graph convolutional networks with a pairwise ranking loss",
    paper="Wen et al. 2020, https://arxiv.org/abs/1912.00848; Ning et al. 2020, https://arxiv.org/abs/2004.01899",
    family="neural",
    default=True,
)
class RankGCN(GCN):
    """``gcn`` with the hinge loss of Ning et al. 2020: the mean of ``max(0, .1 - f_i + f_j)`` over pairs with ``t_i > t_j``.

    The loss fixes only the order of the outputs, so each network's are standardised over the training rows, as
    rank-normal targets are, before they are averaged and mapped to the scale of the scores.

    The parameters are those of :class:`~archcast.predictors.neural.gcn.GCN`.
    """

    def _loss(self) -> Loss:
        from archcast.predictors.neural import _gcn

        return _gcn.pairwise_hinge

    def _learn_scale(self, outputs: NDArray[np.float64]) -> None:
        spread = outputs.std(axis=1, keepdims=True)
        self.centre_, self.spread_ = outputs.mean(axis=1, keepdims=True), np.where(spread > 1e-6, spread, 1.0)

    def _on_targets(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        return (outputs - self.centre_) / self.spread_
