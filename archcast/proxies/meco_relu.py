"""MeCo on rectifier outputs."""

from __future__ import annotations

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.machinery.agreement import NO_RECTIFIER

__all__ = ["meco_relu"]


@register(
    "meco_relu",
    summary="smallest eigenvalues of channel correlations, rectifier outputs",
    paper="Jiang et al. 2023, https://openreview.net/forum?id=KFm2lZiI7n",
    recordings=("rectifier_correlations",),
)
def meco_relu(eigenvalues: list[float]) -> float:
    """``meco`` over the outputs of rectifiers alone, with all channels: ReLU and its relatives, as modules or
    functions.
    """
    if not eigenvalues:
        raise ProxyFailure(f"{NO_RECTIFIER} on a feature map")
    return sum(eigenvalues)
