"""Signed connection sensitivity."""

from __future__ import annotations

from torch import Tensor

from archcast.proxies.base import register

__all__ = ["plain"]


@register(
    "plain",
    summary="sum of w dL/dw",
    paper="Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134",
    recordings=("loss_gradients",),
)
def plain(gradients: list[tuple[Tensor, Tensor]]) -> float:
    """Sum over all weights of w dL/dw, with its sign."""
    return sum(float((weight * gradient).sum()) for weight, gradient in gradients)
