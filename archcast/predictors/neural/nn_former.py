"""NN-Former: a transformer whose heads look at relatives in the cell (Xu et al. 2025)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcast.predictors.base import register
from archcast.predictors.neural._ensemble import TransformerEnsemble

if TYPE_CHECKING:
    from torch import nn

__all__ = ["NNFormer"]


@register(
    "nn-former",
    summary="ensemble of transformers that look at predecessors, successors and siblings",
    paper="Xu et al. 2025, https://arxiv.org/abs/2507.00880",
    family="neural",
)
class NNFormer(TransformerEnsemble):
    """Transformer whose four attention heads look at predecessors, successors, and siblings of two kinds.

    Siblings are nodes with a common successor, or with a common predecessor: operations that work in parallel. The feed-forward
    part multiplies its units by what predecessors and successors send.

    Departures from the paper: graphs are those of the canonical row, pruned, with operations on nodes; nodes are averaged as in
    :class:`~archcast.predictors.neural.gcn.GCN`; an ensemble with rows left out takes the place of one network; width, depth
    and training were chosen here. Evidence is not used.

    Args:
        space: search space.
        n_members: networks in the ensemble.
        hidden: width of all layers.
        layers: number of transformer layers.
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
        >>> one = archcast.get_predictor("nn-former", space=space, epochs=60, random_state=0)
        >>> mean = one.init(archs, (archs == 3).sum(axis=1)).query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    def _network(self) -> type[nn.Module]:
        from archcast.predictors.neural._transformer import AdjacencyNetwork

        return AdjacencyNetwork
