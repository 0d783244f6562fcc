"""BONAS' surrogate: Bayesian linear regression on the embedding of a graph convolutional network (Shi et al. 2020)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, register
from archcast.predictors.calibration import ALONE, Spread, Twins, learned
from archcast.predictors.gaussian_process.bayesian_linear import LinearPosterior
from archcast.predictors.neural.device import OnDevice
from archcast.predictors.neural.losses import LOSS, LOSSES
from archcast.predictors.parameters import Number, Whole
from archcast.predictors.regression import FEWEST, MANY
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.spaces.base import SearchSpace

__all__ = ["Bonas"]

REFITS = 3
"""How many times more it is fitted, to learn from rows left out how wide its intervals must be."""


@register(
    "bonas",
    summary="graph convolutional networks whose last layer is Bayesian linear regression",
    paper="Shi et al. 2020, https://arxiv.org/abs/1911.09336",
    family="neural",
)
class Bonas(OnDevice):
    """The surrogate of Bayesian Optimized Neural Architecture Search.

    A graph convolutional network is trained to predict rank-normal targets; then its last layer is replaced by Bayesian
    linear regression on the activations before it (:class:`~archcast.predictors.gaussian_process.bayesian_linear.LinearPosterior`),
    which gives a mean and a std, noise included: the noise that networks find which have not seen all rows, if it is more.

    Departures from the paper: the network is that of :class:`~archcast.predictors.neural.gcn.GCN`, which sends messages both ways
    along edges and reads the graph out by averages over nodes, where the paper's goes one way and reads a global node;
    ``n_members`` networks give a richer basis than the paper's one; rank-normal targets and the squared error take the place
    of the loss that weighs good architectures more; the precisions have a prior, so that few rows suffice; width, depth and
    training were chosen here; and the weight-sharing search around it is no part of it. Evidence is not used.

    More epochs rank a little better and make ``std`` too small: a basis that fits the training rows perfectly leaves the
    regression no noise to see.

    Args:
        space: search space.
        n_members: networks whose activations stand side by side.
        hidden: width of all layers.
        layers: number of convolutions.
        epochs: passes over the training rows.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        loss: what is minimised: ``"squared"`` or ``"absolute"`` error, or a ranking loss, ``"hinge"``, ``"bpr"`` or ``"listmle"``.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
        random_state: seed.
    """

    has_std = True
    needs_graph = True
    calibration_: Spread = Spread()  # in files of earlier versions, as twins_ and noise_
    twins_: Twins = ALONE
    noise_: float = 0.0

    parameters = {
        "n_members": Whole(1),
        "hidden": Whole(1),
        "layers": Whole(1),
        "epochs": Whole(0),
        "learning_rate": Number(0, above=True),
        "weight_decay": Number(0),
        "loss": LOSS,
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        n_members: int = 4,
        hidden: int = 48,
        layers: int = 3,
        epochs: int = 40,
        learning_rate: float = 1e-2,
        weight_decay: float = 1e-2,
        loss: str = "squared",
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.n_members = n_members
        self.hidden = hidden
        self.layers = layers
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss = loss
        self.device = device

    def _init(self, known: Known) -> None:
        from archcast.predictors.neural import _gcn

        self.scale_ = TargetScale.of_scores(known.scores)
        targets, rng, n = rank_normal(known.scores), self._rng(), len(known.archs)
        self.weights_, self.posterior_ = self._learn(known.archs, targets, rng)
        if n < FEWEST:
            return
        mean, std, noises = np.full(n, np.nan), np.full(n, np.nan), []
        fold = np.random.default_rng(n).permutation(n) % (REFITS + 1)
        for k in range(REFITS if n <= MANY else 1):
            seen, out = fold != k, fold == k
            weights, posterior = self._learn(known.archs[seen], targets[seen], np.random.default_rng(k))
            mean[out], variance = posterior.predict(_gcn.basis(self._space, known.archs[out], weights))
            std[out] = np.sqrt(variance + 1 / posterior.beta)
            noises.append(1 / posterior.beta)
        self.noise_ = float(np.mean(noises))
        self.calibration_, self.twins_ = learned(self._space.canonical(known.archs), fold, mean, std, targets)

    def _learn(
        self, archs: NDArray[np.int64], targets: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[dict[str, NDArray[np.float32]], LinearPosterior]:
        """Weights of the networks, and the regression on their last layer."""
        from archcast.predictors.neural import _gcn

        with self._on_device():
            weights = _gcn.learn(
                self._space,
                archs,
                targets,
                LOSSES[self.loss],
                rng=rng,
                members=self.n_members,
                hidden=self.hidden,
                layers=self.layers,
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
            )
        return weights, LinearPosterior.fit(_gcn.basis(self._space, archs, weights), targets)

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        from archcast.predictors.neural import _gcn

        mean, variance = self.posterior_.predict(_gcn.basis(self._space, archs, self.weights_))
        std = np.sqrt(variance + max(1 / self.posterior_.beta, self.noise_))
        return self.scale_.prediction(mean, self.twins_(self._space, archs, self.calibration_(mean, std)))
