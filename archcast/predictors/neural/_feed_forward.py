"""What predictors share that train feed-forward networks on an encoding: their parameters, and the training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.neural.device import OnDevice
from archcast.predictors.neural.losses import LOSS, LOSSES
from archcast.predictors.parameters import Number, Whole, Wholes
from archcast.predictors.regression import DEFAULT_ENCODING, FeatureRegressor
from archcast.spaces.base import SearchSpace

__all__ = ["FeedForward"]


class FeedForward(OnDevice, FeatureRegressor):
    """Base of predictors whose networks are those of :mod:`archcast.predictors.neural._mlp`.

    Args:
        space: search space.
        encoding: name of an encoding, or several; evidence becomes further inputs.
        hidden: units of each hidden layer.
        epochs: passes over the training rows.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        loss: what is minimised, see :mod:`archcast.predictors.neural.losses`.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.
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

    def _trained(
        self,
        inputs: NDArray[np.float64],
        targets: NDArray[np.float64],
        *,
        members: int = 1,
        weights: NDArray[np.float64] | None = None,
        rng: np.random.Generator | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Weights of ``members`` networks trained on ``(n, d)`` inputs and ``(n,)`` targets, whose weights in the loss
        are ``(members, n)``."""
        from archcast.predictors.neural import _mlp

        with self._on_device():
            return _mlp.learn(
                inputs,
                targets,
                LOSSES[self.loss],
                weights=weights,
                rng=self._rng() if rng is None else rng,
                members=members,
                hidden=self.hidden,
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
            )
