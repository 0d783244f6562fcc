"""A plain feed-forward network on an encoding: the baseline that other neural predictors have to beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import register
from archcast.predictors.neural._feed_forward import FeedForward
from archcast.predictors.neural.losses import OnTargets

__all__ = ["MLP"]


@register(
    "mlp",
    summary="one feed-forward network",
    paper="White et al. 2020, https://arxiv.org/abs/2007.04965",
    family="neural",
)
class MLP(OnTargets, FeedForward):
    """Feed-forward network, squared error or a ranking loss on rank-normal targets, AdamW.

    No early stopping and no dropout: with few architectures a smooth activation (``x * sigmoid(x)``) and inputs of a
    fixed norm do the regularising, and the number of epochs hardly matters.

    Args:
        space: search space.
        encoding: name of an encoding, or several; evidence becomes further inputs.
        hidden: units of each hidden layer.
        epochs: passes over the training rows.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        loss: what is minimised: ``"squared"`` or ``"absolute"`` error, or a ranking loss, ``"hinge"``, ``"bpr"`` or ``"listmle"``.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> mlp = archcast.get_predictor("mlp", space=space, random_state=0).init(archs, (archs == 3).sum(axis=1))
        >>> mean = mlp.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    def learn(self, features: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        from archcast.predictors.neural import _mlp

        inputs = _mlp.inputs_of(features)
        self.weights_ = self._trained(inputs, targets)
        self._learn_scale(self.loss, _mlp.outputs(self.weights_, inputs))

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], None]:
        from archcast.predictors.neural import _mlp

        outputs = _mlp.outputs(self.weights_, _mlp.inputs_of(features))
        return self._on_targets(outputs)[0], None
