"""The neural predictor: a graph convolutional network on cells (Wen et al. 2020)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archcast.predictors.base import register
from archcast.predictors.neural._ensemble import NetworkEnsemble
from archcast.predictors.neural.losses import Loss

__all__ = ["GCN"]


@register(
    "gcn",
    summary="ensemble of graph convolutional networks on pruned cells",
    paper="Wen et al. 2020, https://arxiv.org/abs/1912.00848",
    family="neural",
)
class GCN(NetworkEnsemble):
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
        loss: what is minimised: ``"squared"`` or ``"absolute"`` error, or a ranking loss, ``"hinge"``, ``"bpr"`` or ``"listmle"``.
        device: where the networks are trained: ``cpu``, ``cuda``, ``cuda:1``. Queries are answered on the processor.
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

    def _learn(
        self,
        archs: NDArray[np.int64],
        targets: NDArray[np.float64],
        loss: Loss,
        seen: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> dict[str, NDArray[np.float32]]:
        from archcast.predictors.neural import _gcn

        return _gcn.learn(
            self._space,
            archs,
            targets,
            loss,
            rng=rng,
            seen=seen,
            members=self.n_members,
            hidden=self.hidden,
            layers=self.layers,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )

    def _outputs(self, archs: NDArray[np.int64]) -> NDArray[np.float64]:
        from archcast.predictors.neural import _gcn

        return _gcn.outputs(self._space, archs, self.weights_)
