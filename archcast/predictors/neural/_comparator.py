"""The comparator of ``ctnas``: two architectures in, the probability that the first is the better one out.

Not imported before a network is needed, because it imports torch.

A linear layer on two encodings side by side is a sum of two terms, ``logit = <w1, e(x)> + <w2, e(y)> + c``: so each architecture is
encoded once, and a pair costs an addition.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archcast.predictors.networks import BatchedLinear
from archcast.predictors.neural._gcn import GraphNetwork, Graphs

__all__ = ["Comparator", "comparison"]


class Comparator(nn.Module):
    """``m`` comparators: graphs to ``(2 m, n)``, what each adds to the logit as the first of a pair, then as the second.

    Args:
        members: number of networks ``m``.
        features: number of node features.
        averages: number of averages over nodes.
        hidden: width of all layers.
        layers: number of convolutions.
    """

    def __init__(self, members: int, features: int, averages: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.encoder = GraphNetwork(members, features, averages, hidden, layers)
        del self.encoder.output
        self.sides = BatchedLinear(members, hidden, 2)

    def forward(self, graphs: Graphs) -> Tensor:
        """What each graph adds to the logit."""
        return self.sides(self.encoder.basis(graphs)).permute(2, 0, 1).flatten(0, 1)


def comparison(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """``(m,)`` mean cross-entropy over ordered pairs of rows with different targets; 0 if there is no such pair.

    Args:
        outputs: ``(2 m, b)`` of a :class:`Comparator`.
        targets: ``(b,)``.
        weights: ``(m, b)`` of the rows.
    """
    first, second = outputs.chunk(2)
    logits = first[:, :, None] + second[:, None, :]
    better = (targets[:, None] > targets).to(logits.dtype).expand_as(logits)
    counts = (targets[:, None] != targets) * weights[:, :, None] * weights[:, None, :]
    losses = functional.binary_cross_entropy_with_logits(logits, better, reduction="none") * counts
    return torch.sum(losses, dim=(1, 2)) / counts.sum(dim=(1, 2)).clamp_min(1)
