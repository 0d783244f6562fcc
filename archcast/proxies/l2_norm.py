"""Norm of the weights."""

from __future__ import annotations

from torch import Tensor

from archcast.proxies.base import ProxyFailure, register

__all__ = ["l2_norm"]


@register(
    "l2_norm",
    summary="sum over layers of the norm of the weights",
    paper="Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134",
    recordings=("layers",),
)
def l2_norm(layers: list[Tensor]) -> float:
    """Sum over layers of ||w||, the Euclidean norm of the weight."""
    if not layers:
        raise ProxyFailure("no convolution or linear map with a weight seen")
    return sum(float(weight.norm()) for weight in layers)
