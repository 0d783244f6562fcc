"""ProxylessNAS' regime."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archcast.predictors.one_shot._mixed import Mixed
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings

__all__ = ["Gates"]

MEMORY = 0.9
"""Of the moving average that is REINFORCE's baseline."""


class Gates(Mixed):
    """Binary gates, or REINFORCE.

    Args:
        estimator: ``gates`` or ``reinforce``.
    """

    baseline: Tensor

    def __init__(self, net: Supernet, settings: Settings, seed: int, alpha_rate: float, estimator: str) -> None:
        super().__init__(net, settings, seed, alpha_rate)
        self.estimator = estimator
        self.register_buffer("baseline", torch.zeros(2))  # the average, and how much of it is known

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """``(decisions, count)`` different choices, each drawn by p among those that are left; again until the first of them
        reach the output."""
        p = np.maximum(self.probabilities().detach().cpu().double().numpy(), 1e-12)
        while True:
            keys = np.log(p) + rng.gumbel(size=p.shape)
            drawn = np.argsort(-keys, axis=1)[:, :count]
            if self.net.mixes_something(_mask(drawn[:, :1], p.shape)):
                return drawn

    def train_alpha(self, batch: Batch) -> None:
        if self.estimator == "gates":
            self.step_of_gates(batch, self.draw(batch.rng, 2))
        else:
            self.step_of_reinforce(batch, self.draw(batch.rng, 1)[:, 0])

    def step_of_gates(self, batch: Batch, drawn: NDArray[np.int64]) -> None:
        """One step on the logits of two operations of each decision ``(decisions, 2)``."""
        where = torch.from_numpy(drawn).to(self.alpha.device)
        pair = torch.softmax(self.alpha.detach().gather(1, where), dim=1)
        for _ in range(100):
            first_open = torch.from_numpy(batch.rng.random(len(drawn))).to(pair) < pair[:, 0]
            opened = np.where(first_open.cpu().numpy(), drawn[:, 0], drawn[:, 1])
            if self.net.mixes_something(_mask(opened[:, None], self.alpha.shape)):
                break
        gates = torch.zeros_like(self.alpha)
        gates[torch.arange(len(drawn)), torch.from_numpy(opened).to(gates.device)] = 1.0
        gates.requires_grad_(True)
        x, y = batch.validation
        logits = self.mixed_logits(x, gates, _mask(drawn, self.alpha.shape))
        (slope,) = torch.autograd.grad(self.loss(logits, y), gates)
        slope = slope.gather(1, where)
        gradient = pair * (slope - (slope * pair).sum(dim=1, keepdim=True))
        with torch.no_grad():
            old = self.alpha.gather(1, where)
            new = old - self.alpha_rate * gradient
            new = new + torch.logsumexp(old, 1, keepdim=True) - torch.logsumexp(new, 1, keepdim=True)
            self.alpha.scatter_(1, where, new)

    def step_of_reinforce(self, batch: Batch, chosen: NDArray[np.int64]) -> None:
        """One step along the score function of one path ``(decisions,)``."""
        active = _mask(chosen[:, None], self.alpha.shape)
        x, y = batch.validation
        with torch.no_grad():
            gates = torch.from_numpy(active).to(self.alpha)
            reward = -self.loss(self.mixed_logits(x, gates, active), y)
        known = self.baseline[1]
        advantage = reward - self.baseline[0] / known if float(known) else torch.zeros_like(reward)
        self.baseline = MEMORY * self.baseline + (1 - MEMORY) * torch.stack([reward, torch.ones_like(reward)])
        logs = torch.log_softmax(self.alpha, dim=1)[torch.from_numpy(active).to(self.alpha.device)].sum()
        (slope,) = torch.autograd.grad(logs, self.alpha)
        with torch.no_grad():
            self.alpha.add_(self.alpha_rate * advantage * slope)

    def train_weights(self, batch: Batch) -> Tensor:
        active = _mask(self.draw(batch.rng, 1), self.alpha.shape)
        gates = torch.from_numpy(active).to(self.alpha)
        return self.descend(batch, self.loss(self.mixed_logits(batch.x, gates, active), batch.y))


def _mask(chosen: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """``(decisions, choices)`` bool of chosen numbers ``(decisions, k)``."""
    mask = np.zeros(shape, dtype=bool)
    np.put_along_axis(mask, chosen, True, axis=1)
    return mask
