"""Synaptic flow with normalisation."""

from __future__ import annotations

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.passes.shared import NO_PATH

__all__ = ["synflow_bn"]


@register(
    "synflow_bn",
    summary="synflow with normalisation in place",
    paper="Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134",
    recordings=("flow_with_norms",),
)
def synflow_bn(flow: float) -> float:
    """``synflow`` with normalisation working as in training, on the statistics of the one input of ones."""
    if flow == 0:
        raise ProxyFailure(NO_PATH)
    return flow
