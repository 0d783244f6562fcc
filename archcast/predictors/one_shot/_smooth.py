"""SmoothDARTS' regime."""

from __future__ import annotations

import torch
from torch import Tensor

from archcast.predictors.one_shot._mixed import Mixed
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings

__all__ = ["Smooth"]


class Smooth(Mixed):
    """First-order DARTS whose weights are trained under a perturbed mixture.

    Args:
        radius: of the box of perturbations at the end.
        ascents: steps of the adversary; 0 for a random perturbation.
    """

    def __init__(
        self, net: Supernet, settings: Settings, seed: int, alpha_rate: float, radius: float, ascents: int
    ) -> None:
        super().__init__(net, settings, seed, alpha_rate)
        self.radius, self.ascents = radius, ascents

    def perturbation(self, batch: Batch, weights: Tensor) -> Tensor:
        """``(decisions, choices)`` delta, within the box of the present radius."""
        radius = self.radius * (0.1 + 0.9 * batch.progress)
        delta = radius * (2 * torch.rand(*weights.shape, generator=batch.generator) - 1).to(weights)
        for _ in range(self.ascents):
            point = (weights + delta).requires_grad_(True)
            loss = self.loss(self.mixed_logits(batch.x, point), batch.y)
            (slope,) = torch.autograd.grad(loss, point)
            delta = (delta + 2 * radius / self.ascents * slope.sign()).clamp(-radius, radius)
        return delta

    def train_weights(self, batch: Batch) -> Tensor:
        weights = self.probabilities().detach()
        weights = weights + self.perturbation(batch, weights)
        return self.descend(batch, self.loss(self.mixed_logits(batch.x, weights), batch.y))
