"""BANANAS' meta neural network: a deep ensemble on the path encoding (White et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, register
from archcast.predictors.calibration import Bias
from archcast.predictors.neural._feed_forward import FeedForward
from archcast.predictors.neural._folds import Noise, left_out, moments
from archcast.predictors.neural.losses import OnTargets
from archcast.predictors.parameters import Whole
from archcast.spaces.base import SearchSpace

__all__ = ["Bananas"]


@register(
    "bananas",
    summary="deep ensemble on the path encoding; std from the spread of its members",
    paper="White et al. 2019, https://arxiv.org/abs/1910.11858",
    family="neural",
    default=True,
)
class Bananas(OnTargets, FeedForward):
    """Ensemble of feed-forward networks on the path encoding of the canonical row.

    ``mean`` is that of the members, which differ in their initial weights and in the fifth of the rows that each leaves out.
    ``std`` holds their spread and their error on the rows left out, where alike is predicted; the spread alone, as in the paper,
    is far too narrow. The paper's are the number of members, 5, ten layers of 20 units, the learning rate of .01, 150 epochs and
    the loss, the mean of ``|f - t| / d``, where ``d`` is the distance of a score from the best that is possible; where the range
    of the scores is not known (:func:`~archcast.predictors.targets.limits_of`), ``d`` is 1.

    Departures from the paper: the rows left out; targets ``t`` are rank-normal; the activation is x sigmoid(x); the optimiser
    is AdamW with warm-up and decay; all members are trained at once.

    Features keep their units, because dividing by a standard deviation would blow up rare paths, and those that do not
    vary over the training rows are left out, because their weights would stay as random as they started.

    Args:
        space: search space.
        encoding: name of an encoding, or several; evidence becomes further inputs. ``"auto"`` is the paper's, ``"path"``, or the
            decisions themselves in a space without cell graphs and in one of chains, where an architecture is one path that no
            other has. ``"graph-features"`` ranks much better with few architectures, ``"path-truncated"`` is faster where cells
            are deep.
        n_members: networks in the ensemble.
        hidden: units of each hidden layer.
        epochs: passes over the training rows.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        loss: what is minimised: ``"squared"`` or ``"absolute"`` error, or a ranking loss, ``"hinge"``, ``"bpr"`` or ``"listmle"``.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.
    """

    has_std = True
    noise_: Noise | float = 0.0  # in files of earlier versions
    graph_encodings = ("path",)

    parameters = {"n_members": Whole(1)}

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        encoding: str | Sequence[str] = "auto",
        n_members: int = 5,
        hidden: Sequence[int] = (20,) * 10,
        epochs: int = 150,
        learning_rate: float = 1e-2,
        weight_decay: float = 1e-2,
        loss: str = "absolute",
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

    def _init(self, known: Known) -> None:
        super()._init(replace(known, archs=self._space.canonical(known.archs)))

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        return super()._query(self._space.canonical(archs), evidence)

    def learn(self, features: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        from archcast.predictors.neural import _mlp

        units = np.ones(features.shape[1])
        known = np.concatenate(self.features_.scales)
        units[: len(known)] = known
        norm = np.sqrt(np.square(features * units).sum(axis=1).mean())
        varied = np.flatnonzero(np.ptp(features, axis=0) > 0)
        self.columns_ = varied if len(varied) else np.arange(features.shape[1])
        self.units_ = units[self.columns_] * (_mlp.NORM / (norm if norm > 0 else 1.0))
        rng, inputs = self._rng(), features[:, self.columns_] * self.units_
        out = left_out(self.n_members, len(targets), rng)
        self.weights_ = self._trained(
            inputs, targets, members=self.n_members, weights=self._nearness(targets) * ~out, rng=rng
        )
        outputs = _mlp.outputs(self.weights_, inputs)
        self._learn_scale(self.loss, outputs)
        outputs = self._on_targets(outputs)
        self.noise_ = Noise.of(outputs, targets, out)
        self.bias_ = Bias.of(outputs[out], np.broadcast_to(targets, out.shape)[out])

    def _nearness(self, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(n,)`` 1 / d, with a mean of 1; no d is taken as less than a hundredth of their mean."""
        distance = self.scale_.limits[1] - self.scale_.backward(targets)
        if not np.isfinite(distance).all():
            return np.ones(len(targets))
        weights = 1 / np.maximum(distance, 0.01 * distance.mean())
        return np.asarray(weights / weights.mean())

    def answer(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        from archcast.predictors.neural import _mlp

        members = self._on_targets(_mlp.outputs(self.weights_, features[:, self.columns_] * self.units_))
        mean, variance = moments(members, self.noise_)
        return mean, np.sqrt(variance)
