"""TA-GATES: a cell encoded as a network is trained (Ning et al. 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcast.predictors.base import register
from archcast.predictors.neural.gates import GATES

if TYPE_CHECKING:
    from torch import nn

__all__ = ["TAGATES"]


@register(
    "ta-gates",
    summary="ensemble of networks that encode a cell in steps forward and backward, as training goes",
    paper="Ning et al. 2022, https://openreview.net/forum?id=74fJwNrBlPI",
    family="neural",
)
class TAGATES(GATES):
    """Training-Analogous Generic Graph-based neural ArchiTecture Encoding Scheme.

    As :class:`~archcast.predictors.neural.gates.GATES`, but the encoding is made in ``layers`` steps that mimic training:
    information flows forward, then, started from what arrived, backward along the reversed edges, and the embedding of every
    operation is changed by what passed it both ways. The last sweep forward is read out.

    Departures from the paper: those of ``gates``; operations that stand alike in the cell keep equal embeddings, where the paper
    breaks the tie by chance; and scores of earlier epochs are not predicted beside the score. Evidence is not used.

    Args:
        space: search space.
        n_members: networks in the ensemble.
        hidden: width of all layers.
        layers: number of training-analogous steps.
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
        >>> one = archcast.get_predictor("ta-gates", space=space, epochs=60, random_state=0)
        >>> mean = one.init(archs, (archs == 3).sum(axis=1)).query([[3, 3, 3, 3, 3, 3], [0, 1, 0, 0, 1, 0]]).mean
        >>> bool(mean[0] > mean[1])
        True
    """

    def _network(self) -> type[nn.Module]:
        from archcast.predictors.neural._flow import TrainingAnalogousNetwork

        return TrainingAnalogousNetwork
