"""DrNAS' regime."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence
from torch.nn import functional

from archcast.predictors.one_shot._mixed import Mixed
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings
from archcast.supernets.mixtures import dirichlet

__all__ = ["DirichletMixed"]


class DirichletMixed(Mixed):
    """Mixtures drawn from Dir(elu(alpha) + 1).

    Args:
        strength: of the penalty KL(Dir(beta) || Dir(1)).

    Gradients are noisy, as every pass draws another mixture, so Adam averages them over more steps than DARTS' .5 does.
    """

    betas = (0.9, 0.999)

    def __init__(self, net: Supernet, settings: Settings, seed: int, alpha_rate: float, strength: float) -> None:
        super().__init__(net, settings, seed, alpha_rate, alpha_decay=0.0)
        self.strength = strength

    def concentration(self) -> Tensor:
        """``(decisions, choices)`` beta, all positive."""
        return functional.elu(self.alpha) + 1 + 1e-6

    def probabilities(self) -> Tensor:
        """The mean of the distribution."""
        beta = self.concentration()
        return beta / beta.sum(dim=1, keepdim=True)

    def mixture(self, batch: Batch) -> tuple[Tensor, NDArray[np.bool_] | None]:
        return dirichlet(self.concentration(), batch.generator), None

    def penalty(self) -> Tensor:
        beta = self.concentration()
        return self.strength * kl_divergence(Dirichlet(beta), Dirichlet(torch.ones_like(beta))).sum()
