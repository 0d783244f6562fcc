"""DARTS' bilevel update."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from archcast.predictors.one_shot._mixed import Mixed
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings

__all__ = ["Bilevel"]


class Bilevel(Mixed):
    """Alpha by the gradient of the validation loss after one step of the weights.

    Args:
        order: 1 leaves the step of the weights out, 2 takes it into account.
    """

    def __init__(self, net: Supernet, settings: Settings, seed: int, alpha_rate: float, order: int = 1) -> None:
        super().__init__(net, settings, seed, alpha_rate)
        self.order = order

    def train_alpha(self, batch: Batch) -> None:
        if self.order == 1:
            super().train_alpha(batch)
        else:
            self.apply_alpha((self.second_order(batch, batch.rate),))

    def _loss_at(self, images: tuple[Tensor, Tensor]) -> Tensor:
        return self.loss(self.mixed_logits(images[0], self.probabilities()), images[1])

    def second_order(self, batch: Batch, xi: float) -> Tensor:
        """The gradient of L_val(w - xi grad_w L_train(w, alpha), alpha) in alpha; the weights are left as they were."""
        train, held = (batch.x, batch.y), batch.validation
        weights = [value for value in self.net.parameters() if value.requires_grad]
        kept = [value.detach().clone() for value in weights]
        inner = torch.autograd.grad(self._loss_at(train), weights, allow_unused=True)
        self._place(weights, kept, inner, -xi)
        outer = torch.autograd.grad(self._loss_at(held), [self.alpha, *weights], allow_unused=True)
        direct, direction = outer[0], outer[1:]
        norm = torch.sqrt(sum((part.square().sum() for part in direction if part is not None), torch.zeros(())))
        eps = 0.01 / norm.clamp_min(1e-12)
        sides = []
        for sign in (1, -1):
            self._place(weights, kept, direction, sign * eps)
            sides.append(torch.autograd.grad(self._loss_at(train), self.alpha)[0])
        self._place(weights, kept, direction, 0.0)
        assert direct is not None
        return direct - xi * (sides[0] - sides[1]) / (2 * eps)

    @staticmethod
    @torch.no_grad()
    def _place(
        weights: Sequence[Tensor], base: list[Tensor], direction: tuple[Tensor | None, ...], step: float | Tensor
    ) -> None:
        """Set the weights to ``base + step * direction``."""
        for value, start, part in zip(weights, base, direction, strict=True):
            value.copy_(start if part is None else start + step * part)
