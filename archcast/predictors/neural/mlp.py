"""A plain feed-forward network on an encoding: the baseline that other neural predictors have to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import register
from archcast.predictors.neural.device import OnDevice
from archcast.predictors.neural.losses import LOSS, LOSSES, OnTargets
from archcast.predictors.parameters import Number, Whole, Wholes
from archcast.predictors.regression import DEFAULT_ENCODING, FeatureRegressor
from archcast.spaces.base import SearchSpace

__all__ = ["MLP"]


@register(
    "mlp",
    summary="one feed-forward network",
    paper="White et al. 2020, https://arxiv.org/abs/2007.04965",
    family="neural",
)
class MLP(OnTargets, OnDevice, FeatureRegressor):
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

    parameters = {
        "hidden": Wholes(),
        "epochs": Whole(1),
        "learning_rate": Number(0, above=True),
        "weight_decay": Number(0),
        "loss": LOSS,
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = DEFAULT_ENCODING,
        hidden: Sequence[int] = (64, 64),
        epochs: int = 150,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        loss: str = "squared",
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        super().__init__(space, encoding=encoding, random_state=random_state)
        self.hidden = hidden
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss = loss
        self.device = device

    def learn(self, features: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        from archcast.predictors.neural import _mlp

        inputs = _mlp.inputs_of(features)
        with self._on_device():
            self.weights_ = _mlp.learn(
                inputs,
                targets,
                LOSSES[self.loss],
                rng=self._rng(),
                members=1,
                hidden=self.hidden,
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
            )
        self._learn_scale(self.loss, _mlp.outputs(self.weights_, inputs))

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], None]:
        from archcast.predictors.neural import _mlp

        outputs = _mlp.outputs(self.weights_, _mlp.inputs_of(features))
        return self._on_targets(outputs)[0], None
