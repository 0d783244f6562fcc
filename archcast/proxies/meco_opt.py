"""MeCo on sampled channels."""

from __future__ import annotations

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.passes.maps import NO_MAP

__all__ = ["meco_opt"]


@register(
    "meco_opt",
    summary="smallest eigenvalues of correlations of 8 sampled channels",
    paper="Jiang et al. 2023, https://openreview.net/forum?id=KFm2lZiI7n",
    recordings=("sampled_correlations",),
)
def meco_opt(eigenvalues: list[float]) -> float:
    """Sum over the outputs of all modules of channels / 8 times the smallest eigenvalue of the correlation matrix of 8
    random channels.

    An output of fewer channels counts with all of them, and with factor 1.
    """
    if not eigenvalues:
        raise ProxyFailure(NO_MAP)
    return sum(eigenvalues)
