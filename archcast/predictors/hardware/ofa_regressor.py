"""Once-for-All's regressor: three layers of 400 units on the one-hot decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.encodings.base import get_encoding
from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, Predictor, register
from archcast.predictors.parameters import Number, Whole, Wholes
from archcast.spaces.base import SearchSpace

__all__ = ["OFARegressor"]


@register(
    "ofa-regressor",
    summary="network of three layers on one-hot decisions, for accuracy or latency",
    paper="Cai et al. 2020, https://arxiv.org/abs/1908.09791",
    family="hardware",
)
class OFARegressor(Predictor):
    """The predictor of Once-for-All (Cai et al. 2020, https://arxiv.org/abs/1908.09791), for accuracies and for latencies.

    Inputs are the decisions as one-hot vectors, zeros where a layer is absent; a resolution is one of the decisions where the space
    has it. Three hidden layers of 400 units learn the score itself, standardised, with the squared error.

    What differs from the paper: the activation is x sigmoid(x), the optimiser AdamW with warm-up and decay, and inputs are
    standardised. The paper learns from 16,000 architectures; with ten, simpler predictors are better.

    Args:
        space: search space.
        hidden: units of each hidden layer.
        epochs: passes over the training rows.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("ofa-mobilenetv3")
        >>> archs = space.sample(40, 0)
        >>> regressor = archcast.get_predictor("ofa-regressor", space, hidden=(32,), random_state=0)
        >>> regressor.init(archs, archs.sum(axis=1)).query(archs[:3]).mean.shape
        (3,)
    """

    parameters = {
        "hidden": Wholes(),
        "epochs": Whole(1),
        "learning_rate": Number(0, above=True),
        "weight_decay": Number(0),
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        hidden: Sequence[int] = (400, 400, 400),
        epochs: int = 150,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-2,
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.hidden = hidden
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay

    def _init(self, known: Known) -> None:
        from archcast.predictors.neural import _mlp
        from archcast.predictors.neural.losses import squared_error

        features = self._onehot(known.archs)
        deviation = features.std(axis=0)
        self.mean_, self.deviation_ = features.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
        self.center_, self.spread_ = float(known.scores.mean()), float(known.scores.std()) or 1.0
        self.weights_ = _mlp.learn(
            self._inputs(known.archs),
            (known.scores - self.center_) / self.spread_,
            squared_error,
            rng=self._rng(),
            members=1,
            hidden=self.hidden,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        from archcast.predictors.neural import _mlp

        return Prediction(
            self.center_ + self.spread_ * _mlp.outputs(self.weights_, self._inputs(archs))[0].astype(float)
        )

    def _onehot(self, archs: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(get_encoding("one-hot", self._space).transform(archs), dtype=np.float64)

    def _inputs(self, archs: NDArray[np.int64]) -> NDArray[np.float64]:
        from archcast.predictors.neural import _mlp

        return _mlp.inputs_of((self._onehot(archs) - self.mean_) / self.deviation_)
