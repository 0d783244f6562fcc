"""PC-DARTS' regime."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archcast.predictors.one_shot._mixed import Mixed
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings

__all__ = ["Partial"]


class Partial(Mixed):
    """First-order DARTS with weights for the edges.

    Args:
        warmup: share of the training in which alpha and beta rest.
    """

    def __init__(self, net: Supernet, settings: Settings, seed: int, alpha_rate: float, warmup: float) -> None:
        super().__init__(net, settings, seed, alpha_rate)
        self.warmup = warmup
        self.beta = nn.Parameter(1e-3 * torch.randn(len(self.alpha), generator=torch.Generator().manual_seed(seed + 1)))

    def architecture_parameters(self) -> list[nn.Parameter]:
        return [self.alpha, self.beta]

    def scales(self) -> Tensor:
        """``(decisions,)`` softmax of beta over the edges that end at the same node."""
        out = torch.zeros_like(self.beta)
        ends = torch.tensor(self.net.edge_ends, device=self.beta.device)
        for end in sorted(set(self.net.edge_ends)):
            same = ends == end
            out = out.masked_scatter(same, torch.softmax(self.beta[same], dim=0))
        return out

    def mixed_logits(self, x: Tensor, weights: Tensor, active: NDArray[np.bool_] | None = None) -> Tensor:
        scales = self.scales()
        return self.net.mixture(x, weights, active, scales if weights.requires_grad else scales.detach())

    def step(self, batch: Batch) -> Tensor:
        if batch.progress >= self.warmup:
            self.train_alpha(batch)
        return self.train_weights(batch)
