"""NAS without training: the kernel of rectifier codes."""

from __future__ import annotations

import numpy as np

from archcast.proxies.base import ProxyFailure, register
from archcast.proxies.machinery.agreement import NO_RECTIFIER, Agreement

__all__ = ["nwot"]


@register(
    "nwot",
    summary="log-determinant of the kernel of rectifier codes",
    paper="Mellor et al. 2021, https://arxiv.org/abs/2006.04647",
    recordings=("agreement",),
)
def nwot(agreement: Agreement) -> float:
    """log |det K|, K_ij = number of rectified units that are both on or both off for samples i and j.

    A unit is on where its output is positive: ReLU and its relatives, GELU, SiLU and others that are positive exactly
    for a positive input.
    """
    if agreement.units == 0:
        raise ProxyFailure(NO_RECTIFIER)
    sign, logarithm = np.linalg.slogdet(agreement.matrix())
    if sign == 0 or not np.isfinite(logarithm):
        raise ProxyFailure("the kernel is singular: some samples have the same rectifier codes")
    return float(logarithm)
