"""DNGO: Bayesian linear regression on the last hidden layer of a network (Snoek et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import register
from archcast.predictors.gaussian_process.bayesian_linear import LinearPosterior
from archcast.predictors.neural._feed_forward import FeedForward
from archcast.predictors.parameters import Whole
from archcast.predictors.regression import DEFAULT_ENCODING
from archcast.spaces.base import SearchSpace

__all__ = ["DNGO"]


@register(
    "dngo",
    summary="Bayesian linear regression on the basis functions of a network",
    paper="Snoek et al. 2015, https://arxiv.org/abs/1502.05700",
    family="neural",
    default=True,
)
class DNGO(FeedForward):
    """Deep Networks for Global Optimization.

    A network is trained on rank-normal targets with a linear output; then its output layer is replaced by Bayesian
    linear regression on the activations ``phi(x)`` of its last hidden layer, ``t = c + <w, phi(x)> + noise``, whose
    precisions maximise the marginal likelihood
    (:class:`~archcast.predictors.gaussian_process.bayesian_linear.LinearPosterior`). ``std`` includes the noise.

    Departures from the paper: AdamW for SGD; training stops early, because a basis that fits a few architectures
    perfectly leaves the regression no noise to see; ``n_members`` small networks give a richer basis than a large one;
    precisions are maximised instead of sampled, and there is no quadratic prior mean, which belongs to numeric
    hyperparameters.

    Args:
        space: search space.
        encoding: name of an encoding, or several; evidence becomes further inputs.
        n_members: networks whose bases stand side by side.
        hidden: units of each hidden layer.
        epochs: passes over the training rows.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        loss: what is minimised: ``"squared"`` or ``"absolute"`` error, or a ranking loss, ``"hinge"``, ``"bpr"`` or ``"listmle"``.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.
    """

    has_std = True
    refits = 3

    parameters = {"n_members": Whole(1)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = DEFAULT_ENCODING,
        n_members: int = 4,
        hidden: Sequence[int] = (64, 64),
        epochs: int = 40,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        loss: str = "squared",
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            hidden=hidden,
            epochs=epochs,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            loss=loss,
            device=device,
            random_state=random_state,
        )
        self.n_members = n_members

    def learn(self, features: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        from archcast.predictors.neural import _mlp

        inputs = _mlp.inputs_of(features)
        self.weights_ = self._trained(inputs, targets, members=self.n_members)
        self.posterior_ = LinearPosterior.fit(_mlp.basis(self.weights_, inputs), targets)

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        from archcast.predictors.neural import _mlp

        mean, variance = self.posterior_.predict(_mlp.basis(self.weights_, _mlp.inputs_of(features)))
        return mean, np.sqrt(variance + 1 / self.posterior_.beta)
