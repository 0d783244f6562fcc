"""Logarithm of synaptic flow."""

from __future__ import annotations

import math

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.passes.shared import NO_PATH

__all__ = ["log_synflow"]


@register(
    "log_synflow",
    summary="logarithm of synflow",
    paper="Tanaka et al. 2020, https://arxiv.org/abs/2006.05467",
    recordings=("flow",),
)
def log_synflow(flow: float) -> float:
    """Natural logarithm of ``synflow``, on which nets of different depth can be compared."""
    if flow == 0:
        raise ProxyFailure(NO_PATH)
    return math.log(flow)
