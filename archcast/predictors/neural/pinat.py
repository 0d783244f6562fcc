"""PINAT: a transformer with graph convolutions in parallel (Lu et al. 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcast.predictors.base import register
from archcast.predictors.neural._ensemble import TransformerEnsemble

if TYPE_CHECKING:
    from torch import nn

    from archcast.predictors.neural._gcn import Graphs

__all__ = ["PINAT"]

POSITIONS = 3
"""Number of eigenvectors of the Laplacian."""


@register(
    "pinat",
    summary="ensemble of transformers with a graph convolution beside each self-attention",
    paper="Lu et al. 2023, https://ojs.aaai.org/index.php/AAAI/article/view/26076",
    family="neural",
)
class PINAT(TransformerEnsemble):
    """Permutation INvariance Augmented Transformer.

    In each layer self-attention, which sees all pairs of nodes, and a graph convolution, which sees the edges and no order of
    nodes, work side by side. Eigenvectors of the graph's Laplacian tell where in the cell a node stands.

    Departures from the paper: graphs are those of the canonical row, pruned, with operations on nodes; the convolutions are those
    of :class:`~archcast.predictors.neural.gcn.GCN`, their results are added to those of the attention, not set beside them, and
    there is none before the first layer; nodes are averaged as in ``gcn``; an ensemble with rows left out takes the place of one
    network; the sign of an eigenvector is fixed; width, depth and training were chosen here. Evidence is not used.

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
        >>> one = archcast.get_predictor("pinat", space=space, epochs=60, random_state=0)
        >>> mean = one.init(archs, (archs == 3).sum(axis=1)).query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    def _network(self) -> type[nn.Module]:
        from archcast.predictors.neural._transformer import ParallelNetwork

        return ParallelNetwork

    def _prepare(self, graphs: Graphs) -> Graphs:
        from archcast.predictors.neural._transformer import with_positions

        return with_positions(graphs, POSITIONS)
