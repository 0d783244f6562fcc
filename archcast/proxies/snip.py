"""Connection sensitivity."""

from __future__ import annotations

from torch import Tensor

from archcast.proxies.base import register

__all__ = ["snip"]


@register(
    "snip",
    summary="sum of |w dL/dw|",
    paper="Lee et al. 2019, https://arxiv.org/abs/1810.02340",
    recordings=("loss_gradients",),
)
def snip(gradients: list[tuple[Tensor, Tensor]]) -> float:
    """Sum over all weights of |w dL/dw|, to first order the change of the loss when the weight is removed."""
    return sum(float((weight * gradient).abs().sum()) for weight, gradient in gradients)
