"""GATES: a cell encoded by letting information flow through it (Ning et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcast.predictors.base import register
from archcast.predictors.neural._ensemble import GraphNetworkEnsemble
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    from torch import nn

    from archcast.predictors.neural._gcn import Graphs

__all__ = ["GATES"]


@register(
    "gates",
    summary="ensemble of networks that let information flow through the cell; pairwise ranking loss",
    paper="Ning et al. 2020, https://arxiv.org/abs/2004.01899",
    family="neural",
)
class GATES(GraphNetworkEnsemble):
    """Generic Graph-based neural ArchiTecture Encoding Scheme.

    Information starts at the inputs of the cell and flows along its edges to the output. An operation is no information of its
    own: it decides, through a gate ``sigmoid(E W)``, which part of the information passes it. What arrives at the output is read
    by a feed-forward network, trained by the pairwise hinge loss of the paper.

    Departures from the paper: operations are on nodes in every space, and graphs are those of the canonical row, pruned;
    information flows through the whole cell in each of ``layers`` sweeps, and in a later sweep a gate also reads what the node
    held before; all sweeps are read out; an ensemble with rows left out takes the place of one network; width, depth (the paper
    has five layers) and training were chosen here. Evidence is not used.

    Args:
        space: search space.
        n_members: networks in the ensemble.
        hidden: width of all layers.
        layers: number of sweeps through the cell.
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
        >>> one = archcast.get_predictor("gates", space=space, epochs=60, random_state=0)
        >>> mean = one.init(archs, (archs == 3).sum(axis=1)).query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        n_members: int = 5,
        hidden: int = 48,
        layers: int = 2,
        epochs: int = 100,
        learning_rate: float = 1e-2,
        weight_decay: float = 1e-2,
        loss: str = "hinge",
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        super().__init__(
            space,
            n_members=n_members,
            hidden=hidden,
            layers=layers,
            epochs=epochs,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            loss=loss,
            device=device,
            random_state=random_state,
        )

    def _network(self) -> type[nn.Module]:
        from archcast.predictors.neural._flow import FlowNetwork

        return FlowNetwork

    def _shape(self, graphs: Graphs) -> dict[str, Any]:
        example = self._space.graphs(self._space.sample(1, 0))
        starts = [cell.start or 0 for cell in example.cells]
        nodes = graphs.edges.shape[1]
        return {
            "members": self.n_members,
            "features": graphs.nodes.shape[2],
            "inputs": [start + i for start in starts for i in range(example.inputs)],
            "outputs": [range(nodes)[cell][-1] for cell in example.cells],
            "hidden": self.hidden,
            "layers": self.layers,
        }
