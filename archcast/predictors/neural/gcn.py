"""The neural predictor: a graph convolutional network on cells (Wen et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archcast.evidence import Evidence
from archcast.predictors.base import Known, Prediction, Predictor, register
from archcast.predictors.neural._folds import left_out, noise
from archcast.predictors.parameters import Number, Whole
from archcast.predictors.targets import TargetScale, rank_normal
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from archcast.predictors.neural._gcn import Loss

__all__ = ["GCN"]


@register(
    "gcn",
    summary="ensemble of graph convolutional networks on pruned cells",
    paper="Wen et al. 2020, https://arxiv.org/abs/1912.00848",
    family="neural",
)
class GCN(Predictor):
    """Bidirectional graph convolutions over cells with operations on nodes; squared error on rank-normal targets.

    Each convolution sends messages along the edges and against them with separate weights. ``mean`` is that
    of an ensemble, trained at once, each member without a fifth of the rows; ``std`` holds the spread of the members and their
    error on the rows left out. ``n_members=1`` is a single network, whose std is 0.

    Departures from the paper: graphs are those of the canonical row, pruned; messages are summed, not averaged; besides
    the average over all nodes there is one over the nodes that a random walk from the output back to the input visits,
    which tells how much of the output has passed through a node; all convolutions are read out; tanh. Evidence is not
    used.

    Args:
        space: search space.
        n_members: networks in the ensemble.
        hidden: width of all layers.
        layers: number of convolutions.
        epochs: passes over the training rows.
        learning_rate: its peak.
        weight_decay: decoupled weight decay.
        random_state: seed.

    Examples:
        >>> import archcast
        >>> space = archcast.get_space("nasbench201")
        >>> archs = space.sample(30, 0)
        >>> gcn = archcast.get_predictor("gcn", space=space, random_state=0).init(archs, (archs == 3).sum(axis=1))
        >>> mean = gcn.query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    has_std = True
    noise_ = 0.0  # in files of before
    needs_graph = True

    parameters = {
        "n_members": Whole(1),
        "hidden": Whole(1),
        "layers": Whole(1),
        "epochs": Whole(1),
        "learning_rate": Number(0, above=True),
        "weight_decay": Number(0),
    }

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
        random_state: Any = None,
    ) -> None:
        super().__init__(space, random_state=random_state)
        self.n_members = n_members
        self.hidden = hidden
        self.layers = layers
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay

    def _init(self, known: Known) -> None:
        from archcast.predictors.neural import _gcn

        self.scale_ = TargetScale.of_scores(known.scores)
        rng, targets = self._rng(), rank_normal(known.scores)
        out = left_out(self.n_members, len(targets), rng)
        self.weights_ = _gcn.learn(
            self._space,
            known.archs,
            targets,
            self._loss(),
            rng=rng,
            seen=~out,
            members=self.n_members,
            hidden=self.hidden,
            layers=self.layers,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )
        outputs = _gcn.outputs(self._space, known.archs, self.weights_)
        self._learn_scale(outputs)
        self.noise_ = noise(self._on_targets(outputs), targets, out)

    def _loss(self) -> Loss:
        """What is minimised: ``(m, b)`` outputs, ``(b,)`` targets and ``(m, b)`` weights to ``(m,)``."""
        from archcast.predictors.neural import _gcn

        return _gcn.squared_error

    def _query(self, archs: NDArray[np.int64], evidence: Evidence) -> Prediction:
        from archcast.predictors.neural import _gcn

        members = self._on_targets(_gcn.outputs(self._space, archs, self.weights_))
        return self.scale_.prediction(members.mean(axis=0), np.sqrt(members.var(axis=0) + self.noise_))

    def _learn_scale(self, outputs: NDArray[np.float64]) -> None:
        """Learn what ``_on_targets`` needs from ``(m, n)`` outputs for the training rows."""

    def _on_targets(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(m, n)`` outputs of the members on the scale of the targets; as they are."""
        return outputs
