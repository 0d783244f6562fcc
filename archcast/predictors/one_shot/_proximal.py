"""NASP's regime."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archcast.predictors.one_shot._mixed import Mixed
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings

__all__ = ["Proximal"]


class Proximal(Mixed):
    """Numbers in [0, 1], projected on one operation a decision for every pass."""

    def __init__(self, net: Supernet, settings: Settings, seed: int, alpha_rate: float) -> None:
        super().__init__(net, settings, seed, alpha_rate)
        with torch.no_grad():  # even, up to what tells them apart
            self.alpha.copy_((0.5 + self.alpha).clamp(0, 1))

    def probabilities(self) -> Tensor:
        return self.alpha / self.alpha.sum(dim=1, keepdim=True).clamp_min(1e-12)

    def projected(self) -> tuple[Tensor, NDArray[np.bool_]]:
        """The largest entry of each decision as 1, the others 0. Where nothing would reach the output, the largest but the
        first choice."""
        values = self.alpha.detach().clone()
        hard = torch.zeros_like(values).scatter_(1, values.argmax(dim=1, keepdim=True), 1.0)
        if not self.net.mixes_something(hard.cpu().numpy() > 0):
            values[:, 0] = -1.0
            hard = torch.zeros_like(values).scatter_(1, values.argmax(dim=1, keepdim=True), 1.0)
        return hard, hard.cpu().numpy() > 0

    def train_alpha(self, batch: Batch) -> None:
        hard, _ = self.projected()
        hard.requires_grad_(True)
        x, y = batch.validation
        (slope,) = torch.autograd.grad(self.loss(self.mixed_logits(x, hard), y), hard)
        with torch.no_grad():
            self.alpha.copy_((self.alpha - self.alpha_rate * slope).clamp(0, 1))

    def train_weights(self, batch: Batch) -> Tensor:
        hard, active = self.projected()
        return self.descend(batch, self.loss(self.mixed_logits(batch.x, hard, active), batch.y))
