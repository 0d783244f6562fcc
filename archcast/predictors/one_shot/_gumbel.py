"""Regimes that sample their mixture with Gumbel noise."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archcast.predictors.one_shot._mixed import Mixed, annealed
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings
from archcast.supernets.mixtures import gumbel, gumbel_softmax, straight_through

__all__ = ["Concrete", "HardPath", "LocalCredit"]


class _Tempered(Mixed):
    """Its temperature falls geometrically from ``first`` to ``last``."""

    def __init__(
        self, net: Supernet, settings: Settings, seed: int, alpha_rate: float, first: float, last: float
    ) -> None:
        super().__init__(net, settings, seed, alpha_rate)
        self.first, self.last = first, last

    def sample(self, batch: Batch) -> Tensor:
        """``(decisions, choices)`` a draw of the concrete distribution."""
        temperature = annealed(self.first, self.last, batch.progress)
        noise = gumbel(self.alpha.shape, batch.generator)
        return gumbel_softmax(torch.log_softmax(self.alpha, dim=1), temperature, noise)


class Concrete(_Tempered):
    """Weights and alpha descend together on the training loss of a relaxed sample (SNAS)."""

    def step(self, batch: Batch) -> Tensor:
        self.optimizers["alpha"].zero_grad()
        loss = self.loss(self.mixed_logits(batch.x, self.sample(batch)), batch.y)
        value = self.descend(batch, loss)
        self.optimizers["alpha"].step()
        return value


class HardPath(_Tempered):
    """One operation an edge, straight through (GDAS); drawn again until something reaches the output."""

    def mixture(self, batch: Batch) -> tuple[Tensor, NDArray[np.bool_] | None]:
        while True:
            weights = straight_through(self.sample(batch))
            active = weights.detach().cpu().numpy() > 0.5
            if self.net.mixes_something(active):
                return weights, active


class LocalCredit(Mixed):
    """One operation an edge, drawn from softmax(alpha); alpha by the score function, each edge with the credit that is its own
    (DSNAS): the gradient of the loss in the weight, which is 1, of the operation drawn."""

    def draw(self, batch: Batch) -> NDArray[np.bool_]:
        """``(decisions, choices)`` one operation each, drawn again until something reaches the output."""
        logs = torch.log_softmax(self.alpha.detach().cpu(), dim=1)
        while True:
            chosen = (logs + gumbel(tuple(logs.shape), batch.generator)).argmax(dim=1)
            active = torch.nn.functional.one_hot(chosen, logs.shape[1]).numpy().astype(bool)
            if self.net.mixes_something(active):
                return active

    def step(self, batch: Batch) -> Tensor:
        active = self.draw(batch)
        gates = torch.from_numpy(active).to(self.alpha).requires_grad_(True)
        value = self.descend(batch, self.loss(self.mixed_logits(batch.x, gates, active), batch.y))
        assert gates.grad is not None
        credit = gates.grad.sum(dim=1)
        logs = torch.log_softmax(self.alpha, dim=1)[torch.from_numpy(active).to(self.alpha.device)]
        self.apply_alpha(torch.autograd.grad((credit.detach() * logs).sum(), [self.alpha]))
        return value
