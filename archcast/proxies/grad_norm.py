"""Norm of the gradient."""

from __future__ import annotations

from torch import Tensor

from archcast.proxies.base import register

__all__ = ["grad_norm"]


@register(
    "grad_norm",
    summary="sum over layers of the norm of the gradient",
    paper="Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134",
    recordings=("loss_gradients",),
)
def grad_norm(gradients: list[tuple[Tensor, Tensor]]) -> float:
    """Sum over layers of ||dL/dw||, the Euclidean norm of the gradient of the loss with respect to the weight."""
    return sum(float(gradient.norm()) for _, gradient in gradients)
