"""Regimes that learn a mixture: a logit for every choice of every decision, trained by its gradient."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Regime, Settings

__all__ = ["Mixed", "annealed"]


def annealed(first: float, last: float, progress: float) -> float:
    """A temperature that falls geometrically from ``first`` to ``last``."""
    return float(first * (last / first) ** progress)


class Mixed(Regime):
    """Base of the regimes with logits ``alpha`` ``(decisions, choices)``, which Adam trains.

    A step first trains alpha on held-out images, then the weights on training images (bilevel, first order); a subclass changes
    how a mixture comes from alpha (:meth:`mixture`), or the whole step.

    Args:
        alpha_rate: learning rate of alpha.
        alpha_decay: weight decay of alpha.
    """

    learns_weights = True
    betas: ClassVar[tuple[float, float]] = (0.5, 0.999)

    def __init__(
        self, net: Supernet, settings: Settings, seed: int, alpha_rate: float, alpha_decay: float = 1e-3
    ) -> None:
        super().__init__(net, settings, seed)
        self.alpha_rate, self.alpha_decay = alpha_rate, alpha_decay
        generator = torch.Generator().manual_seed(seed)
        self.alpha = nn.Parameter(1e-3 * torch.randn(*net.mixed_shape, generator=generator))

    def start(self) -> None:
        super().start()
        self.optimizers["alpha"] = torch.optim.Adam(
            self.architecture_parameters(), lr=self.alpha_rate, betas=self.betas, weight_decay=self.alpha_decay
        )

    def architecture_parameters(self) -> list[nn.Parameter]:
        """What the optimizer of alpha trains."""
        return [self.alpha]

    # -- what a subclass changes --------------------------------------------------------------------------------------

    def probabilities(self) -> Tensor:
        """``(decisions, choices)`` simplices that alpha stands for."""
        return torch.softmax(self.alpha, dim=1)

    def mixture(self, batch: Batch) -> tuple[Tensor, NDArray[np.bool_] | None]:
        """The mixture of one pass, differentiable in alpha, and which operations it computes (``None``: all)."""
        return self.probabilities(), None

    def mixed_logits(self, x: Tensor, weights: Tensor, active: NDArray[np.bool_] | None = None) -> Tensor:
        """Logits of the supernet under a mixture."""
        return self.net.mixture(x, weights, active)

    def penalty(self) -> Tensor | float:
        """What is added to the loss of alpha."""
        return 0.0

    def train_alpha(self, batch: Batch) -> None:
        """One step on alpha along the gradient of the validation loss, with the weights as they are."""
        weights, active = self.mixture(batch)
        x, y = batch.validation
        loss = self.loss(self.mixed_logits(x, weights, active), y) + self.penalty()
        self.apply_alpha(torch.autograd.grad(loss, self.architecture_parameters()))

    def apply_alpha(self, gradients: tuple[Tensor, ...]) -> None:
        """One step of Adam on alpha."""
        for parameter, gradient in zip(self.architecture_parameters(), gradients, strict=True):
            parameter.grad = gradient
        self.optimizers["alpha"].step()

    def train_weights(self, batch: Batch) -> Tensor:
        """One step on the weights along the gradient of the training loss, with alpha as it is."""
        with torch.no_grad():
            weights, active = self.mixture(batch)
        return self.descend(batch, self.loss(self.mixed_logits(batch.x, weights, active), batch.y))

    def step(self, batch: Batch) -> Tensor:
        self.train_alpha(batch)
        return self.train_weights(batch)

    # -- after the training -------------------------------------------------------------------------------------------

    def final_weights(self) -> Tensor:
        return self.probabilities().detach()
