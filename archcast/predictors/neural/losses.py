"""What networks minimise: errors, or how wrongly pairs or lists are ordered: the option ``loss=`` of every network.

A loss takes ``(m, b)`` outputs of ``m`` networks for ``b`` rows, their ``(b,)`` targets and ``(m, b)`` weights, and returns
``(m,)``. A row of weight 0 does not count.

A ranking loss fixes only the order of the outputs, up to a constant and, for the hinge, nearly up to a factor. So the outputs of
each network are standardised over the training rows, as rank-normal targets are (:class:`OnTargets`), before they are averaged
and mapped to the scale of the scores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.parameters import Word

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "LOSS",
    "LOSSES",
    "MARGIN",
    "RANKING",
    "Loss",
    "OnTargets",
    "absolute_error",
    "bayesian_personalized_ranking",
    "list_mle",
    "pairwise_hinge",
    "squared_error",
]

Loss: TypeAlias = "Callable[[Tensor, Tensor, Tensor], Tensor]"

MARGIN = 0.1
"""Of the hinge, as in Ning et al. 2020."""
ABSENT = -1e30
"""Output of a row that does not count, where outputs are exponents."""


def squared_error(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """``(m,)`` weighted mean of ``(f - t)^2``."""
    return ((outputs - targets).square() * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1)


def absolute_error(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """``(m,)`` weighted mean of ``|f - t|``."""
    return ((outputs - targets).abs() * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1)


def pairwise_hinge(outputs: Tensor, targets: Tensor, weights: Tensor, margin: float = MARGIN) -> Tensor:
    """``(m,)`` mean of ``max(0, margin - (f_i - f_j))`` over pairs with ``t_i > t_j`` (Ning et al. 2020,
    https://arxiv.org/abs/2004.01899), weighted by both rows' weights; 0 if there is no such pair."""
    return _over_pairs((margin - _differences(outputs)).relu(), targets, weights)


def bayesian_personalized_ranking(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """``(m,)`` mean of ``log(1 + exp(-(f_i - f_j)))`` over pairs with ``t_i > t_j`` (Rendle et al. 2009,
    https://arxiv.org/abs/1205.2618), weighted by both rows' weights; 0 if there is no such pair."""
    differences = -_differences(outputs)
    return _over_pairs(differences.logaddexp(differences.new_zeros(())), targets, weights)


def list_mle(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """``(m,)`` negative log-likelihood a row of the order of the targets under the Plackett-Luce model with scores ``f`` (Xia et
    al. 2008, ICML): the mean of ``log(sum of exp(f_j) over t_j <= t_i) - f_i``. Rows of equal targets share that sum."""
    order = targets.argsort(descending=True, stable=True)
    f, t, w = outputs[:, order], targets[order], weights[:, order]
    first = (t[:, None] == t).int().argmax(dim=1)
    below = f.masked_fill(w <= 0, ABSENT).flip(1).logcumsumexp(1).flip(1)[:, first]
    return ((below - f) * w).sum(dim=1) / w.sum(dim=1).clamp_min(1)


def _differences(outputs: Tensor) -> Tensor:
    """``(m, b, b)``: ``f_i - f_j``."""
    return outputs[:, :, None] - outputs[:, None, :]


def _over_pairs(losses: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    better = (targets[:, None] > targets) * weights[:, :, None] * weights[:, None, :]
    return (losses * better).sum(dim=(1, 2)) / better.sum(dim=(1, 2)).clamp_min(1)


RANKING: dict[str, Loss] = {
    "hinge": pairwise_hinge,
    "bpr": bayesian_personalized_ranking,
    "listmle": list_mle,
}
"""Losses that see the order of the targets alone."""
LOSSES: dict[str, Loss] = {"squared": squared_error, "absolute": absolute_error, **RANKING}
LOSS = Word(*LOSSES)
"""The rule of the parameter ``loss``."""


class OnTargets:
    """Mixin of predictors whose networks may minimise a ranking loss: outputs on the scale of the targets."""

    centre_: Any = 0.0  # in files of earlier versions
    spread_: Any = 1.0

    def _learn_scale(self, loss: str, outputs: NDArray[np.float64]) -> None:
        """Learn centre and spread of the ``(m, n)`` outputs for the training rows, if the loss leaves them open."""
        if loss in RANKING:
            spread = outputs.std(axis=1, keepdims=True)
            self.centre_, self.spread_ = outputs.mean(axis=1, keepdims=True), np.where(spread > 1e-6, spread, 1.0)

    def _on_targets(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(m, n)`` outputs on the scale of the targets."""
        return np.asarray((outputs - self.centre_) / self.spread_)
