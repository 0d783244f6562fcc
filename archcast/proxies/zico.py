"""ZiCo: gradient mean over deviation."""

from __future__ import annotations

import math

from torch import Tensor

from archcast.proxies.base import ProxyFailure, register

__all__ = ["zico"]


@register(
    "zico",
    summary="log of mean over deviation of gradients across batches",
    paper="Li et al. 2023, https://arxiv.org/abs/2301.11300",
    recordings=("half_gradients",),
)
def zico(pairs: list[tuple[Tensor, Tensor]]) -> float:
    """Sum over layers of log sum over weights of mean |g| / std g, mean and population deviation over two batches: the
    halves of the batch.

    Weights whose gradients do not differ are left out, and layers without any other. For two batches the ratio is (|g|
    + |g'|) / |g - g'|.
    """
    total, counted = 0.0, 0
    for g, other in pairs:
        difference = (g - other).abs().double()
        varies = difference > 0
        ratio = (g.abs() + other.abs()).double()[varies] / difference[varies]
        if float(ratio.sum()) > 0:
            total += math.log(float(ratio.sum()))
            counted += 1
    if counted == 0:
        raise ProxyFailure("the gradients of both batches are equal")
    return total
