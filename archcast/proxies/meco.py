"""MeCo: correlations between channels."""

from __future__ import annotations

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.passes.maps import NO_MAP

__all__ = ["meco"]


@register(
    "meco",
    summary="smallest eigenvalues of channel correlations, all modules",
    paper="Jiang et al. 2023, https://openreview.net/forum?id=KFm2lZiI7n",
    recordings=("module_correlations",),
)
def meco(eigenvalues: list[float]) -> float:
    """Sum over the outputs of all modules of the smallest eigenvalue of the correlation matrix of their channels.

    One sample, reshaped to (channels, positions). Containers count too, so a chain's last output counts again for the
    chain.
    """
    if not eigenvalues:
        raise ProxyFailure(NO_MAP)
    return sum(eigenvalues)
