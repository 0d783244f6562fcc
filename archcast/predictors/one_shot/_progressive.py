"""Progressive DrNAS' regime."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence

from archcast.predictors.one_shot._dirichlet import DirichletMixed
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings
from archcast.supernets.mixtures import dirichlet

__all__ = ["ProgressiveDirichlet"]


class ProgressiveDirichlet(DirichletMixed):
    """DrNAS in stages: from one to the next, operations see more channels and edges keep fewer operations.

    Args:
        groups: one in so many channels is seen, by stage.
        keep: operations of each decision, by stage.
    """

    left: Tensor
    stage: Tensor

    def __init__(
        self,
        net: Supernet,
        settings: Settings,
        seed: int,
        alpha_rate: float,
        strength: float,
        groups: tuple[int, ...],
        keep: tuple[int, ...],
    ) -> None:
        super().__init__(net, settings, seed, alpha_rate, strength)
        self.groups, self.keep = groups, keep
        self.register_buffer("left", torch.ones(*self.alpha.shape))
        self.register_buffer("stage", torch.zeros((), dtype=torch.int64))

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Stages are of equal length; the last epoch is always one of the last stage."""
        due = len(self.groups) - 1 if epoch == epochs - 1 else len(self.groups) * epoch // epochs
        self.net.narrow(self.groups[int(self.stage)])
        while int(self.stage) < due:
            self.stage += 1
            self.prune(self.keep[int(self.stage)])
            self.net.widen(self.groups[int(self.stage)])

    @torch.no_grad()
    def prune(self, count: int) -> None:
        """Keep the ``count`` operations of each decision whose concentration is largest, unless nothing would be left of the
        paths."""
        order = (self.concentration() * self.left).argsort(dim=1, descending=True, stable=True)
        left = torch.zeros_like(self.left).scatter_(1, order[:, : min(count, self.alpha.shape[1])], 1.0)
        left *= self.left
        if self.net.mixes_something(left.cpu().numpy() > 0):
            self.left.copy_(left)

    def remaining(self) -> tuple[Tensor, Tensor]:
        """``(decisions, k)`` the choices that are left of each decision, equally many, and their concentrations."""
        choices = self.left.argsort(dim=1, descending=True, stable=True)[:, : int(self.left[0].sum())]
        return choices, self.concentration().gather(1, choices)

    def probabilities(self) -> Tensor:
        beta = self.concentration() * self.left
        return beta / beta.sum(dim=1, keepdim=True)

    def mixture(self, batch: Batch) -> tuple[Tensor, NDArray[np.bool_]]:
        choices, beta = self.remaining()
        drawn = dirichlet(beta, batch.generator)
        return torch.zeros_like(self.alpha).scatter(1, choices, drawn), self.left.cpu().numpy() > 0

    def penalty(self) -> Tensor:
        beta = self.remaining()[1]
        return self.strength * kl_divergence(Dirichlet(beta), Dirichlet(torch.ones_like(beta))).sum()
