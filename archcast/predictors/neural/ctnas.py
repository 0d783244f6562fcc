"""CTNAS' comparator: which of two architectures is better (Chen et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import Known, Predictor, register
from archcast.predictors.neural._ensemble import GraphNetworkEnsemble
from archcast.predictors.neural.losses import Loss
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CTNAS"]

BASELINES = 256
"""Most training architectures that an architecture is compared with."""


@register(
    "ctnas",
    summary="ensemble of comparators: the share of known architectures that an architecture beats",
    paper="Chen et al. 2021, https://arxiv.org/abs/2103.05471",
    family="neural",
)
class CTNAS(GraphNetworkEnsemble):
    """The Neural Architecture Comparator of Contrastive Neural Architecture Search.

    A graph convolutional network encodes two architectures, and a linear layer on both encodings side by side says with which
    probability the first is the better one; the loss is the cross-entropy over all ordered pairs. The prediction is the mean
    probability to beat a training architecture, mapped to the scale of the scores.

    Departures from the paper: the encoder is that of :class:`~archcast.predictors.neural.gcn.GCN`; pairs of equal scores are left
    out; an architecture is compared with the training architectures (at most 256 of them), where the paper compares with the one
    baseline that its search has come to, and updates it; unlabelled pairs are not labelled by the comparator; an ensemble with rows
    left out takes the place of one network. Evidence is not used.

    Args:
        space: search space.
        n_members: networks in the ensemble.
        hidden: width of all layers.
        layers: number of convolutions.
        epochs: passes over the training rows.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> one = archcast.get_predictor("ctnas", space=space, epochs=60, random_state=0)
        >>> mean = one.init(archs, (archs == 3).sum(axis=1)).query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    loss = "bpr"  # outputs are standardised, as those of a ranking loss

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        n_members: int = 5,
        hidden: int = 48,
        layers: int = 3,
        epochs: int = 100,
        learning_rate: float = 1e-2,
        weight_decay: float = 1e-2,
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        Predictor.__init__(self, space, random_state=random_state)  # there is no choice of the loss
        self.n_members = n_members
        self.hidden = hidden
        self.layers = layers
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.device = device

    def _network(self) -> type[nn.Module]:
        from archcast.predictors.neural._comparator import Comparator

        return Comparator

    def _init(self, known: Known) -> None:
        self.baselines_ = known.archs[self._rng().permutation(len(known.archs))[:BASELINES]]
        super()._init(known)

    def _learn(
        self,
        archs: NDArray[np.int64],
        targets: NDArray[np.float64],
        loss: Loss,
        seen: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> dict[str, NDArray[np.float32]]:
        from archcast.predictors.neural._comparator import comparison

        weights = super()._learn(archs, targets, comparison, seen, rng)
        self.weights_ = weights
        self.against_ = self._sides(self.baselines_)[1]
        return weights

    def _sides(self, archs: NDArray[np.int64]) -> NDArray[np.float64]:
        """``(2, m, n)`` what an architecture adds to the logit as the first and as the second of a pair."""
        sides = super()._outputs(archs)
        return sides.reshape(2, len(sides) // 2, -1)

    def _outputs(self, archs: NDArray[np.int64]) -> NDArray[np.float64]:
        """``(m, n)`` mean probability to beat a baseline."""
        first = self._sides(archs)[0]
        return np.stack([wins(own, other) for own, other in zip(first, self.against_, strict=True)])


def wins(own: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(n,)`` mean of ``1 / (1 + exp(-(own + other)))`` over ``(b,)`` others."""
    from scipy.special import expit

    return np.asarray(expit(own[:, None] + other).mean(axis=1))
