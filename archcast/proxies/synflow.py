"""Synaptic flow."""

from __future__ import annotations

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.passes.shared import NO_PATH

__all__ = ["synflow"]


@register(
    "synflow",
    summary="sum of |w dR/dw| in a linearised net; no data",
    paper="Tanaka et al. 2020, https://arxiv.org/abs/2006.05467",
    recordings=("flow",),
)
def synflow(flow: float) -> float:
    """Sum over the weights of |w dR/dw|, R the summed logits of an input of ones, all parameters positive,
    normalisation left out, float64.

    Values grow exponentially with depth, up to 1e48 and more: see ``log_synflow``.
    """
    if flow == 0:
        raise ProxyFailure(NO_PATH)
    return flow
